//! What a simulated disk does wrong, as plain data.

/// What a process asks of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Adds bytes to a file.
    Append,
    /// Syncs a file.
    Sync,
    /// Syncs a directory.
    SyncDir,
    /// Opens a file that is there.
    Open,
    /// Makes a file or directory.
    Create,
    /// Renames.
    Rename,
    /// Removes a name.
    Unlink,
    /// Changes a length.
    Resize,
    /// Reads.
    Read,
}

/// How a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// `kill -9`: what it wrote is in the page cache and stays.
    Kill,
    /// The power goes: what it did not sync survives in part.
    Power,
}

/// What is broken; nothing by default. Rates are times out of 1,000.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskFaults {
    /// Bytes that fit on the disk; unlimited if `None`. The byte that does not fit gives `ENOSPC`.
    pub room: Option<u64>,
    /// Appends that take only a part.
    pub short_writes: u16,
    /// Operations that give `EINTR` and do nothing.
    pub interrupts: u16,
    /// Operations of these kinds that give this error number and do nothing; syncs also lose their bytes.
    pub errors: Vec<(Operation, u16, i32)>,
    /// So many of the next syncs give `EIO`, and lose their bytes.
    pub failing_syncs: u64,
}

impl DiskFaults {
    /// No space, whatever is freed.
    pub fn full(&mut self) {
        self.room = Some(0);
    }

    /// Nothing is broken any more.
    pub fn heal(&mut self) {
        *self = DiskFaults::default();
    }
}
