//! What went through a proxy.

use std::sync::atomic::{AtomicU64, Ordering};

/// What went through so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that clients opened, those refused left out.
    pub connections: u64,
    /// Connections refused, by a fault or because no server was there.
    pub refused: u64,
    /// Open now.
    pub open: usize,
    /// Bytes handed to the server.
    pub bytes_to_server: u64,
    /// Bytes handed to clients.
    pub bytes_to_client: u64,
    /// Bytes with a bit turned.
    pub corrupted: u64,
    /// Connections that a fault reset.
    pub resets: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) bytes_to_server: AtomicU64,
    pub(super) bytes_to_client: AtomicU64,
    pub(super) corrupted: AtomicU64,
    pub(super) resets: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self, open: usize) -> Counts {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: value(&self.connections),
            refused: value(&self.refused),
            open,
            bytes_to_server: value(&self.bytes_to_server),
            bytes_to_client: value(&self.bytes_to_client),
            corrupted: value(&self.corrupted),
            resets: value(&self.resets),
        }
    }
}
