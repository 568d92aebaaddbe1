//! The collector's folder: one process at a time, closed to everybody else, every file in its named place.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::auth::{Token, TokenError};

/// Where the collector keeps its data unless told otherwise.
pub const DEFAULT_DATA_DIR: &str = "./veribus-data";

/// Longest token file that is read, in bytes.
const TOKEN_BYTES_MAX: u64 = 1024;

/// The folder of one collector: `events.db`, `audit/audit.log`, `token`, `lock`.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// Held while a process may write to the folder; released when dropped or when the process dies.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// What can be wrong with the folder. [`DataDirError::code`] is stable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// It is not there.
    #[error("there is no data folder at `{}`; start one with `veribus collector --data {}`", .path.display(), .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others may write into it.
    #[error("the data folder `{}` has mode {mode:04o}, others may write to it; close it with `chmod 700`", .path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process works on it.
    #[error("the data folder `{}` is in use by process {pid}; stop that one or choose another folder with `--data`", .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, `?` if it has not said yet.
        pid: String,
    },
    /// The token file cannot be used.
    #[error("the token file `{}` cannot be used", .path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: TokenError,
    },
    /// The file system refused.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl DataDirError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            DataDirError::Missing { .. } => "DATA_MISSING",
            DataDirError::Open { .. } => "DATA_OPEN",
            DataDirError::Locked { .. } => "LOCKED",
            DataDirError::Token { .. } => "CFG_SECRET_INVALID",
            DataDirError::Io { .. } => "DATA_IO",
        }
    }
}

impl DataDir {
    /// The folder at `path`, which must exist.
    ///
    /// # Errors
    /// [`DataDirError::Missing`], [`DataDirError::Io`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => Ok(DataDir { path }),
            Ok(_) => Err(DataDirError::Missing { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DataDirError::Missing { path }),
            Err(source) => Err(DataDirError::Io { action: "look at", path, source }),
        }
    }

    /// The folder at `path`, made with mode 0700 if it is not there.
    ///
    /// # Errors
    /// [`DataDirError::Open`] if it exists and others may write to it; [`DataDirError::Io`].
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let dir = DataDir { path: path.into() };
        make_dir(&dir.path)?;
        let mode = dir.mode()?;
        if mode & 0o022 != 0 {
            return Err(DataDirError::Open { path: dir.path, mode });
        }
        make_dir(&dir.path.join("audit"))?;
        Ok(dir)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its permission bits.
    ///
    /// # Errors
    /// [`DataDirError::Io`].
    pub fn mode(&self) -> Result<u32, DataDirError> {
        let found = fs::metadata(&self.path).map_err(|source| self.io("look at", &self.path, source))?;
        Ok(found.mode() & 0o7777)
    }

    /// The SQLite database of events and alerts.
    pub fn database(&self) -> PathBuf {
        self.path.join("events.db")
    }

    /// The hash-chained audit trail.
    pub fn audit_log(&self) -> PathBuf {
        self.path.join("audit").join("audit.log")
    }

    /// The file that holds the bearer token.
    pub fn token_file(&self) -> PathBuf {
        self.path.join("token")
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// [`DataDirError::Locked`] with the pid of the process that has it; [`DataDirError::Io`].
    pub fn lock(&self) -> Result<DataLock, DataDirError> {
        let path = self.path.join("lock");
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(|source| self.io("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.take(20).read_to_string(&mut pid);
                let pid = pid.trim();
                let known = !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit());
                let pid = if known { pid } else { "?" }.to_owned();
                return Err(DataDirError::Locked { path: self.path.clone(), pid });
            }
            Err(fs::TryLockError::Error(source)) => return Err(self.io("lock", &path, source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|source| self.io("write", &path, source))?;
        Ok(DataLock { _file: file })
    }

    /// The token of this folder.
    ///
    /// # Errors
    /// See [`read_token`].
    pub fn token(&self) -> Result<Token, DataDirError> {
        read_token(&self.token_file())
    }

    /// The token of this folder, made now (mode 0600) if there is none yet; `true` if it is new.
    ///
    /// # Errors
    /// See [`read_token`].
    pub fn token_or_new(&self) -> Result<(Token, bool), DataDirError> {
        let path = self.token_file();
        if path.symlink_metadata().is_ok() {
            return Ok((self.token()?, false));
        }
        let token = Token::generate().map_err(|source| DataDirError::Token { path: path.clone(), source })?;
        // Written whole under another name first, so that a crash leaves no half token behind.
        let partial = self.path.join("token.new");
        let _ = fs::remove_file(&partial);
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
            writeln!(file, "{}", token.reveal())?;
            file.sync_all()?;
            fs::rename(&partial, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| self.io("write", &path, source))?;
        Ok((token, true))
    }

    fn io(&self, action: &'static str, path: &Path, source: io::Error) -> DataDirError {
        DataDirError::Io { action, path: path.to_owned(), source }
    }
}

/// Reads a token file: a regular file that only its owner can read.
///
/// # Errors
/// [`DataDirError::Token`] if it is open to others, a link, or no token; [`DataDirError::Io`].
pub fn read_token(path: &Path) -> Result<Token, DataDirError> {
    let io = |source| DataDirError::Io { action: "read", path: path.to_owned(), source };
    let refuse = |source| DataDirError::Token { path: path.to_owned(), source };
    let found = path.symlink_metadata().map_err(io)?;
    if !found.is_file() {
        return Err(refuse(TokenError::NotAFile));
    }
    if found.mode() & 0o077 != 0 {
        return Err(refuse(TokenError::Readable { mode: found.mode() & 0o7777 }));
    }
    let mut text = String::new();
    File::open(path).and_then(|f| f.take(TOKEN_BYTES_MAX).read_to_string(&mut text)).map_err(io)?;
    text.trim_end().parse().map_err(refuse)
}

fn make_dir(path: &Path) -> Result<(), DataDirError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| DataDirError::Io { action: "create", path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_lock_names_the_process_that_has_the_first() {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::create(temp.path().join("data")).unwrap();
        let held = dir.lock().unwrap();
        let refused = dir.lock().unwrap_err();
        assert_eq!(refused.code(), "LOCKED");
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        drop(held);
        dir.lock().unwrap();
    }

    #[test]
    fn the_token_is_made_once_and_for_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::create(temp.path().join("data")).unwrap();
        assert_eq!(dir.mode().unwrap(), 0o700);
        let (first, new) = dir.token_or_new().unwrap();
        assert!(new);
        let (second, new) = dir.token_or_new().unwrap();
        assert!(!new && first.reveal() == second.reveal());
        assert_eq!(fs::metadata(dir.token_file()).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(dir.token_file(), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(dir.token_or_new().unwrap_err().code(), "CFG_SECRET_INVALID");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("data");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(DataDir::create(&path).unwrap_err().code(), "DATA_OPEN");
    }
}
