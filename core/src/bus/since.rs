//! From which event on a handler is on the bus: what was passed on before it came is none of its business.

use crate::ring::sync::{AtomicBool, AtomicU64, Ordering};

/// Written once by the dispatcher, read by the ledger at any time.
#[derive(Debug)]
pub(crate) struct Since {
    attached: AtomicBool,
    /// Events that the dispatcher had passed on when this handler came.
    baseline: AtomicU64,
}

impl Default for Since {
    fn default() -> Self {
        Since { attached: AtomicBool::new(false), baseline: AtomicU64::new(0) }
    }
}

impl Since {
    /// From here on events are this handler's; `dispatched` went before.
    pub(crate) fn attach(&self, dispatched: u64) {
        self.baseline.store(dispatched, Ordering::Relaxed);
        self.attached.store(true, Ordering::Release);
    }

    /// How many of the `accepted` events of the bus are this handler's; `None` while it is not attached.
    pub(crate) fn accepted_since(&self, accepted: u64) -> Option<u64> {
        let attached = self.attached.load(Ordering::Acquire);
        attached.then(|| accepted.saturating_sub(self.baseline.load(Ordering::Relaxed)))
    }
}
