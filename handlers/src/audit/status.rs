//! What a log says about itself while it is written: at its opening, and at any time from any thread.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::digest::{Digest, LogId};
use super::head::Anchor;

/// What was there when the log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// The log that is written now.
    pub log: LogId,
    /// What had to be done.
    pub opening: Opening,
    /// Whether the old end could be compared with a head.
    pub anchor: Anchor,
}

/// What opening a log had to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// There was none: a new one began.
    Created,
    /// It ended well and goes on.
    Continued,
    /// It ended in a crash (or lost its head) and goes on; a `recovery` line says so.
    Recovered {
        /// Bytes behind the last good line.
        tail_bytes: u64,
        /// Where they are kept; `None` if there were none.
        quarantined: Option<PathBuf>,
    },
    /// It had been altered: it was set aside, and a new one began, whose first line names the old head.
    Replaced {
        /// What was wrong, in words.
        why: String,
        /// The folder in which the altered log is kept.
        kept: PathBuf,
    },
}

/// A snapshot of a log that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditStatus {
    /// The log's own name.
    pub log: LogId,
    /// Lines of the whole log, those about itself included.
    pub lines: u64,
    /// Events written since it was opened.
    pub events: u64,
    /// Hash of the last line.
    pub head: Digest,
    /// Lines that the last sync covered.
    pub synced_lines: u64,
    /// Segments closed since it was opened.
    pub rotations: u64,
    /// How often something happened that an operator should look at: a sync that failed, a file that was moved,
    /// cut or written to by somebody else.
    pub incidents: u64,
    /// The last of them, in words.
    pub last_incident: Option<String>,
}

/// Reads the [`AuditStatus`] of a log, also after its logger moved into a bus. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditWatch(Arc<Mutex<AuditStatus>>);

impl AuditWatch {
    pub(crate) fn new(log: LogId) -> AuditWatch {
        AuditWatch(Arc::new(Mutex::new(AuditStatus {
            log,
            lines: 0,
            events: 0,
            head: Digest::ZERO,
            synced_lines: 0,
            rotations: 0,
            incidents: 0,
            last_incident: None,
        })))
    }

    /// As of the last batch or sync.
    pub fn status(&self) -> AuditStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut AuditStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
