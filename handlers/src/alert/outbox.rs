//! Alerts on their way to one sink: in order, bounded, tried so often, and every one that is given up is counted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::message::Alert;
use super::sink::{AlertSink, SinkError, SinkFactory};
use crate::PerProcess;

/// Alerts that wait for a sink; the oldest is given up for a new one.
const WAITING_MAX: usize = 1024;
const ATTEMPTS_MAX: u32 = 8;
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What an [`AlertHandler`](super::AlertHandler) did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AlertCounts {
    /// Alerts raised.
    pub raised: u64,
    /// Matches that a cooldown kept quiet; they are in the next alert's `suppressed`.
    pub suppressed: u64,
    /// Deliveries that a sink took; with two sinks an alert counts twice.
    pub delivered: u64,
    /// Deliveries given up: refused, tried too often, no room to wait, or still waiting at the end.
    pub lost: u64,
    /// Entities forgotten to make room for others; their counts began again.
    pub evicted: u64,
    /// Events that a counting rule matched but that name no entity.
    pub without_entity: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) raised: AtomicU64,
    pub(crate) suppressed: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) without_entity: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Reads the [`AlertCounts`] of a handler, also after it moved into a bus. Cheap to clone.
///
/// A forked child counts for itself, once it has published.
#[derive(Debug, Clone, Default)]
pub struct AlertWatch(pub(crate) PerProcess<Arc<Counters>>);

impl AlertWatch {
    /// The counts now.
    pub fn counts(&self) -> AlertCounts {
        let Some(counters) = self.0.get() else { return AlertCounts::default() };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AlertCounts {
            raised: read(&counters.raised),
            suppressed: read(&counters.suppressed),
            delivered: read(&counters.delivered),
            lost: read(&counters.lost),
            evicted: read(&counters.evicted),
            without_entity: read(&counters.without_entity),
        }
    }
}

/// Why a flush is not done.
#[derive(Debug, thiserror::Error)]
#[error("{waiting} alerts wait for the sink `{sink}`")]
pub(crate) struct Waiting {
    sink: String,
    waiting: usize,
    #[source]
    source: Option<SinkError>,
}

pub(crate) struct Outbox {
    sink: Box<dyn AlertSink>,
    waiting: VecDeque<Arc<Alert>>,
    /// How often the first one was tried.
    attempts: u32,
    /// Not before this time of the steady clock.
    pause_until: Duration,
    counters: Arc<Counters>,
}

impl Outbox {
    pub(crate) fn new(sink: Box<dyn AlertSink>, counters: Arc<Counters>) -> Outbox {
        Outbox { sink, waiting: VecDeque::new(), attempts: 0, pause_until: Duration::ZERO, counters }
    }

    /// How to make its sink again in a forked child.
    pub(crate) fn for_child(&self) -> Option<SinkFactory> {
        self.sink.for_child()
    }

    pub(crate) fn push(&mut self, alert: Arc<Alert>) {
        if self.waiting.len() >= WAITING_MAX {
            self.give_up();
        }
        self.waiting.push_back(alert);
    }

    fn give_up(&mut self) {
        self.waiting.pop_front();
        self.attempts = 0;
        count(&self.counters.lost);
    }

    /// Delivers what waits, unless it is too early.
    ///
    /// # Errors
    /// The last failure of the sink; [`Waiting::source`] is `None` if nothing was tried.
    pub(crate) fn drain(&mut self, now: Duration) -> Result<(), Waiting> {
        let mut failure = None;
        while let Some(alert) = self.waiting.front().filter(|_| now >= self.pause_until) {
            match self.sink.deliver(alert) {
                Ok(()) => {
                    self.waiting.pop_front();
                    self.attempts = 0;
                    count(&self.counters.delivered);
                }
                Err(error @ SinkError::Permanent(_)) => {
                    self.give_up();
                    failure = Some(error);
                }
                Err(SinkError::Retry { after, source }) => {
                    let (least, most) = PAUSE;
                    let grown = least.saturating_mul(1 << self.attempts.min(16)).min(most);
                    self.pause_until = now + after.map_or(grown, |after| after.clamp(least, most));
                    self.attempts += 1;
                    if self.attempts >= ATTEMPTS_MAX {
                        self.give_up();
                    }
                    failure = Some(SinkError::Retry { after, source });
                }
            }
        }
        if failure.is_none() && self.waiting.is_empty() {
            return Ok(());
        }
        Err(Waiting { sink: self.sink.name().to_owned(), waiting: self.waiting.len(), source: failure })
    }
}

/// What still waits at the end is lost, and counted.
impl Drop for Outbox {
    fn drop(&mut self) {
        self.counters.lost.fetch_add(self.waiting.len() as u64, Ordering::Relaxed);
    }
}
