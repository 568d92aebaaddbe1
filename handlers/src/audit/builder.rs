//! The settings of an audit log; every default is safe to ship.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use veribus_core::{Clock, SystemClock};

use super::error::AuditError;
use super::logger::AuditLogger;
use super::storage::{Disk, Storage};

/// When written lines are brought to the disk itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// After each batch: nothing that the handler took can be lost, at one `fdatasync` a batch.
    EveryBatch,
    /// At most so much later. The default, with 200 ms. A power loss takes at most that much.
    Interval(Duration),
    /// Whenever the operating system likes. A power loss takes what it had not written, often 30 s; a crash of
    /// the process alone takes nothing. The head is still rewritten each second.
    Never,
}

impl Default for SyncPolicy {
    fn default() -> Self {
        SyncPolicy::Interval(Duration::from_millis(200))
    }
}

impl SyncPolicy {
    pub(crate) const fn syncs(self) -> bool {
        !matches!(self, SyncPolicy::Never)
    }

    pub(crate) const fn flush_every(self) -> Duration {
        match self {
            SyncPolicy::EveryBatch | SyncPolicy::Never => Duration::from_secs(1),
            SyncPolicy::Interval(interval) => interval,
        }
    }
}

/// Settings of an [`AuditLogger`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `open`"]
pub struct AuditBuilder {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    pub(crate) segment_age: Option<Duration>,
    pub(crate) keep_segments: Option<usize>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) storage: Arc<dyn Storage>,
}

/// Segments are not made smaller than this, whatever is asked for: each begins with a line of its own.
const SEGMENT_BYTES_MIN: u64 = 1024;

impl AuditBuilder {
    pub(crate) fn new(path: PathBuf) -> AuditBuilder {
        AuditBuilder {
            path,
            name: "audit".to_owned(),
            sync: SyncPolicy::default(),
            segment_bytes: 256 << 20,
            segment_age: None,
            keep_segments: None,
            clock: Arc::new(SystemClock),
            storage: Arc::new(Disk),
        }
    }

    /// The handler's name on its bus; `audit` unless said.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// When lines are brought to the disk; within 200 ms unless said.
    pub fn sync(mut self, policy: SyncPolicy) -> Self {
        self.sync = policy;
        self
    }

    /// A segment is closed when it has this many bytes; at least 1,024, default 256 MiB. It may grow past it by
    /// one chunk of 64 KiB.
    pub fn rotate_at_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.max(SEGMENT_BYTES_MIN);
        self
    }

    /// A segment is also closed when its first line is this old, at the next event; never unless said.
    pub fn rotate_after(mut self, age: Duration) -> Self {
        self.segment_age = Some(age);
        self
    }

    /// Keeps only so many closed segments; older ones are deleted after a `retention` line says so. All are kept
    /// unless said.
    pub fn keep_segments(mut self, closed: usize) -> Self {
        self.keep_segments = Some(closed);
        self
    }

    /// Where time comes from; the system's clocks unless said.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the log, and creates it and its folder (modes 0600 and 0700) if they are not there.
    ///
    /// Damage is no reason not to start: what a crash left is moved to `quarantine/`, an altered log is set aside
    /// and a new one begins; [`AuditLogger::opened`] tells.
    ///
    /// # Errors
    /// [`AuditError::Locked`] if another process writes it, [`AuditError::NotAFile`], [`AuditError::Io`].
    pub fn open(self) -> Result<AuditLogger, AuditError> {
        AuditLogger::open(self, None)
    }
}
