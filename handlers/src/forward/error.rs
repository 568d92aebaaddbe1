//! Why a spool or a forwarder could not do what it was asked.

use std::io;
use std::path::{Path, PathBuf};

use veribus_core::transport::TransportError;

/// A forwarder or its spool failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The file system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process uses this spool.
    #[error("spool `{path}` is in use{}", pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    Locked {
        /// The spool.
        path: PathBuf,
        /// Whose it is, where its lock says so.
        pid: Option<u32>,
    },
    /// The spool is at its ceiling.
    #[error("the spool is full: {bytes} of {bytes_max} bytes")]
    SpoolFull {
        /// What it holds.
        bytes: u64,
        /// What it may hold.
        bytes_max: u64,
    },
    /// The ceiling is more than the disk has.
    #[error("a spool of {bytes_max} bytes does not fit `{path}`, whose file system has {total} bytes in all")]
    CeilingTooHigh {
        /// Where the spool is.
        path: PathBuf,
        /// Its ceiling.
        bytes_max: u64,
        /// The file system's size.
        total: u64,
    },
    /// Events that were to be durable are not on the disk.
    #[error("{events} events did not reach the spool")]
    NotStored {
        /// How many since the last flush.
        events: u64,
    },
    /// The transport cannot be made.
    #[error("cannot make the transport")]
    Transport(#[from] TransportError),
    /// Used in a forked child, which needs a forwarder of its own.
    #[error("this forwarder belongs to process {parent}")]
    Forked {
        /// The process that made it.
        parent: u32,
    },
    /// The system has no thread to spare.
    #[error("cannot start the forwarder's thread")]
    Thread(#[source] io::Error),
}

impl ForwardError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ForwardError {
        let path = path.to_owned();
        move |source| ForwardError::Io { action, path, source }
    }

    /// Whether there is no room, for now.
    pub(crate) fn is_capacity(&self) -> bool {
        match self {
            ForwardError::SpoolFull { .. } => true,
            ForwardError::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}
