//! What can go wrong with the files of an audit log. Damage is no error: the log starts and says what it found.

use std::io;
use std::path::{Path, PathBuf};

/// An audit log could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The operating system refused something.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried, as a verb: `open`, `append to`, `sync`.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process (or another logger of this one) writes this log.
    #[error("audit log `{}` is locked by {}", path.display(), owner(.pid))]
    Locked {
        /// The log.
        path: PathBuf,
        /// Who holds it, where it could be read.
        pid: Option<u32>,
    },
    /// The path is a directory, a pipe or a device.
    #[error("`{}` is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// There is no log to verify.
    #[error("there is no audit log at `{}`", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// Used in a forked child: the file belongs to the parent.
    #[error("audit log `{}` belongs to process {parent}; a forked child needs a log of its own", path.display())]
    Forked {
        /// The log.
        path: PathBuf,
        /// The process that opened it.
        parent: u32,
    },
}

fn owner(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl AuditError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AuditError {
        move |source| AuditError::Io { doing, path: path.to_owned(), source }
    }
}
