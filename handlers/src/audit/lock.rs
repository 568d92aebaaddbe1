//! One writer per log: a lock beside it, with the writer's process id in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, TryLockError as Busy};

use super::error::AuditError;
use super::paths::Paths;

/// Holds the lock until it is dropped.
///
/// `flock` belongs to the open file, which a forked child inherits and would keep held after its parent's end;
/// so whoever makes the child's own logger calls [`Lock::let_go`] first, which closes the child's copy alone.
#[derive(Debug, Clone)]
pub(crate) struct Lock(Arc<Mutex<Option<File>>>);

impl Lock {
    /// Takes the lock of the log at `paths`.
    ///
    /// # Errors
    /// [`AuditError::Locked`] at once if another holds it; [`AuditError::Io`].
    pub(crate) fn take(paths: &Paths) -> Result<Lock, AuditError> {
        let path = paths.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path)
            .map_err(AuditError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = (&file).take(16).read_to_string(&mut text).ok();
                let pid = pid.and_then(|_| text.trim().parse().ok());
                return Err(AuditError::Locked { path: paths.log.clone(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(AuditError::io("lock", &path)(source)),
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(AuditError::io("write", &path))?;
        Ok(Lock(Arc::new(Mutex::new(Some(file)))))
    }

    /// Closes this process's copy of the lock file. In a forked child that leaves the parent's lock as it is.
    pub(crate) fn let_go(&self) {
        match self.0.try_lock() {
            Ok(mut file) => drop(file.take()),
            Err(Busy::Poisoned(poisoned)) => drop(poisoned.into_inner().take()),
            // Held at the moment of the fork: the copy stays open until the child ends.
            Err(Busy::WouldBlock) => {}
        }
    }
}
