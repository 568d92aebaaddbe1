//! Where a spool is and how large it may get.

use std::path::PathBuf;
use std::time::Duration;

/// The settings of a spool; every default is safe to ship.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// A directory for the spools of all processes of this service, each of which makes its own inside.
    pub dir: PathBuf,
    /// Most bytes of one process's spool, the reserve included: 256 MiB.
    pub bytes_max: u64,
    /// Bytes taken at once, so that losses can be explained when the disk is full: 4 MiB.
    pub reserve_bytes: u64,
    /// Bytes after which a new segment is begun: 8 MiB.
    pub segment_bytes: u64,
    /// Age at which events that are not durable are given up: 72 hours.
    pub expire_after: Duration,
}

impl SpoolSettings {
    /// A spool in `dir`, with every default.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        SpoolSettings {
            dir: dir.into(),
            bytes_max: 256 << 20,
            reserve_bytes: 4 << 20,
            segment_bytes: 8 << 20,
            expire_after: Duration::from_secs(72 * 3600),
        }
    }
}
