//! The cases: each hands the same event over in the way of one library, or does one verification.

pub(crate) mod channel;
pub(crate) mod disruptor;
pub(crate) mod fastrace;
#[cfg(unix)]
mod file_limit;
pub(crate) mod floor;
pub(crate) mod forward;
#[cfg(unix)]
pub(crate) mod full_disk;
pub(crate) mod json;
pub(crate) mod opentelemetry;
pub(crate) mod owned;
pub(crate) mod rtrb;
pub(crate) mod tokio;
pub(crate) mod tracing;
pub(crate) mod trail;
pub(crate) mod veribus;
pub(crate) mod verification;

use std::time::Duration;

use crate::sample::Sample;
use crate::turn::Ledger;

/// Events that may wait in a queue; four times a burst of the measurement, as the ring of the bus has.
const CAPACITY: usize = 1024;

/// How long a polling consumer sleeps when it finds nothing.
const POLL: Duration = Duration::from_micros(200);

/// One thing that is timed.
pub trait Case {
    /// Gets ready for so many events before the clock runs; nothing unless the case moves finished events.
    fn prepare(&mut self, _samples: &[Sample], _events: usize) {}

    /// Does it once, building included (but see [`Case::prepare`]).
    fn once(&mut self, sample: &Sample);

    /// Waits for whatever is under way and answers for every event; `handed` is how many were handed over.
    ///
    /// # Errors
    /// In words, where the library's own account does not balance.
    fn finish(self, handed: u64) -> Result<Ledger, String>;
}
