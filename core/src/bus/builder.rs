//! The settings of a bus; every default is safe to ship.

use std::sync::Arc;
use std::time::Duration;

use super::VerificationEventBus;
use crate::clock::{Clock, SystemClock};
use crate::event::Source;
use crate::redact::Redactor;

/// What happens when a ring or a handler's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// The new event is dropped and counted.
    #[default]
    DropNewest,
    /// The publisher waits for room, at most so long, then the event is dropped and counted. The only
    /// exception to "publish never blocks"; inside a handler it does not wait.
    Block {
        /// The longest wait of one publish.
        timeout: Duration,
    },
}

/// Settings of a [`VerificationEventBus`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BusBuilder {
    pub(crate) capacity: usize,
    pub(crate) handler_queue_events: usize,
    pub(crate) handler_queue_bytes: usize,
    pub(crate) when_full: WhenFull,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) source: Source,
    pub(crate) lanes_max: usize,
    pub(crate) ring_memory: usize,
    pub(crate) redactor: Redactor,
    pub(crate) trust_tsc: bool,
}

impl Default for BusBuilder {
    fn default() -> Self {
        BusBuilder {
            capacity: 1000,
            handler_queue_events: 8192,
            handler_queue_bytes: 64 * 1024 * 1024,
            when_full: WhenFull::default(),
            clock: None,
            source: Source::new("unnamed"),
            lanes_max: 256,
            ring_memory: 32 * 1024 * 1024,
            redactor: Redactor::standard(),
            trust_tsc: false,
        }
    }
}

impl BusBuilder {
    /// Typical events (of 256 bytes) that a publishing thread's ring holds when it has grown; at least 64, default
    /// 1,000. See [`ring_memory`](Self::ring_memory) for all threads together.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events;
        self
    }

    /// Events that may wait for one handler, beside one batch of at most 512; at least 64, default 8,192.
    pub fn handler_queue(mut self, events: usize) -> Self {
        self.handler_queue_events = events;
        self
    }

    /// Bytes of events that may wait for one handler, beside one batch; default 64 MiB. Typical events (700 bytes in
    /// memory) do not reach it; large ones do before there are [`handler_queue`](Self::handler_queue) of them.
    pub fn handler_queue_bytes(mut self, bytes: usize) -> Self {
        self.handler_queue_bytes = bytes;
        self
    }

    /// What happens when there is no room; [`WhenFull::DropNewest`] unless said.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Where time comes from; the system's clocks unless said.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// As [`BusBuilder::clock`], for a clock that somebody else moves.
    pub fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Who sends: service, host, environment.
    pub fn source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// Threads with a ring of their own; those above share one. At least 1, at most 65,000, default 256.
    pub fn lanes_max(mut self, threads: usize) -> Self {
        self.lanes_max = threads;
        self
    }

    /// Bytes up to which the rings of all threads together grow; default 32 MiB, at least what one ring takes to grow to
    /// its `capacity`. Where they are used up, a full ring refuses events instead of growing. What a ring begins with (20
    /// KiB) is always given, so that all rings take at most so much and 20 KiB a thread, of `lanes_max` threads.
    pub fn ring_memory(mut self, bytes: usize) -> Self {
        self.ring_memory = bytes;
        self
    }

    /// What is replaced before any handler sees an event; [`Redactor::standard`] unless said. [`Redactor::none`] hands
    /// secrets to every handler.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Stamps with the time stamp counter even where CPUID does not call it invariant, as under some hypervisors and
    /// valgrind, and without comparing it with the steady clock: say so only where you know that it keeps pace.
    pub fn trust_tsc(mut self, trust: bool) -> Self {
        self.trust_tsc = trust;
        self
    }

    /// The bus. Its threads start with the first handler or publish.
    pub fn build(self) -> VerificationEventBus {
        VerificationEventBus::from_builder(self)
    }

    pub(crate) fn clock_or_system(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock))
    }
}
