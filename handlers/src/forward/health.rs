//! How a forwarder stands: what waits, what was receipted, what was lost and why.

use std::sync::{Arc, Mutex, PoisonError};

use veribus_core::transport::Confirms;
use veribus_core::{LossReason, Losses};

use super::spool::SpoolHealth;

/// Whether parcels are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Breaker {
    /// Yes.
    #[default]
    Closed,
    /// Five failures in a row: after each pause one parcel tries.
    Open,
}

/// A snapshot of a forwarder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ForwardHealth {
    /// Where it sends to; empty until it first connected.
    pub destination: String,
    /// What frees an event: the store's receipt, or only the next hop's acknowledgement.
    pub confirms: Option<Confirms>,
    /// Its spool; `None` if it has none.
    pub spool: Option<SpoolHealth>,
    /// Events taken from the bus.
    pub taken: u64,
    /// Events that wait in memory, of a forwarder without a spool.
    pub in_memory: u64,
    /// Parcels sent and without a receipt.
    pub in_flight: u64,
    /// Receipts, or acknowledgements where there are none.
    pub receipts: u64,
    /// Parcels that were sent again.
    pub resent: u64,
    /// Events that receipts called new.
    pub stored: u64,
    /// Events that receipts called stored before.
    pub duplicates: u64,
    /// Events that this forwarder lost after it took them.
    pub lost: Losses,
    /// Whether it has looked for spools of dead processes yet; before, `adopted` says nothing.
    pub looked: bool,
    /// Spools of dead processes that are being sent.
    pub adopted: u64,
    /// What was left alone in the spool's directory, and why.
    pub set_aside: Vec<String>,
    /// Bytes in spools that were no record.
    pub damaged_bytes: u64,
    /// Whether parcels are sent.
    pub breaker: Breaker,
    /// Failures in a row.
    pub failures: u32,
    /// What failed last.
    pub last_error: Option<String>,
}

/// Reads a forwarder's health, also after it moved into a bus.
#[derive(Debug, Clone, Default)]
pub struct ForwardWatch(Arc<Mutex<ForwardHealth>>);

impl ForwardWatch {
    /// The latest snapshot.
    pub fn health(&self) -> ForwardHealth {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ForwardHealth)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn count_lost(&self, reason: LossReason, events: u64) {
        self.update(|health| health.lost.add(reason, events));
    }
}
