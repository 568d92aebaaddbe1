//! What a handler promises the bus, and what the bus promises a handler.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::event::{Family, Severity, VerificationEvent};

/// Takes events in batches, on a thread of its own.
///
/// The bus calls every method on that one thread (but [`name`](EventHandler::name),
/// [`interest`](EventHandler::interest), [`durable`](EventHandler::durable) and
/// [`for_child`](EventHandler::for_child) once at registration, on the caller's), so a handler needs no lock.
/// It may be slow, fail, panic or publish into the bus: nobody else notices. A panic is caught, the batch is
/// given again event by event, and five failures in a row put the handler into quarantine, from which it is
/// probed with growing pauses.
///
/// ```
/// use std::sync::Arc;
/// use veribus_core::{EventHandler, HandlerError, VerificationEvent};
///
/// struct Counter { seen: u64 }
///
/// impl EventHandler for Counter {
///     fn name(&self) -> &str { "counter" }
///     fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
///         self.seen += batch.len() as u64;
///         Ok(())
///     }
/// }
/// ```
pub trait EventHandler: Send {
    /// A short name for health, metrics and errors; unique on its bus.
    fn name(&self) -> &str;

    /// Which events to be given; the others are counted as `filtered` and cost this handler nothing.
    fn interest(&self) -> Interest {
        Interest::all()
    }

    /// Takes one batch: 1 to 1,024 events, each lane's in order.
    ///
    /// # Errors
    /// [`HandlerError::Retry`] to be given the rest again after a pause; [`HandlerError::Permanent`] to give the
    /// batch up, which counts as `lost(handler_failed)`.
    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError>;

    /// Brings everything taken so far to where it belongs. Called after [`EventHandler::flush_every`], by
    /// `publish_confirmed`, by `flush` and before the handler is dropped at `close`.
    ///
    /// # Errors
    /// A [`HandlerError`] is counted; a waiting `publish_confirmed` gets it.
    fn flush(&mut self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// Takes what the bus says about its numbers: losses that no batch will ever hold, and how far each lane has come.
    /// Called before the batch that follows a loss, and at least each second while lanes move.
    ///
    /// # Errors
    /// A [`HandlerError`] is counted as a failure; the same account is given again with the next.
    fn account(&mut self, account: &Account) -> Result<(), HandlerError> {
        let _ = account;
        Ok(())
    }

    /// Ends in order, after the last `flush` and before it is dropped, when the bus is closed: `deadline` is when the
    /// bus stops waiting. How many events it leaves on disk for the next start, for the report of `close`.
    fn close(&mut self, deadline: Instant) -> u64 {
        let _ = deadline;
        0
    }

    /// How long what was taken may wait for a [`EventHandler::flush`]; `None` if it need not be flushed by time.
    fn flush_every(&self) -> Option<Duration> {
        None
    }

    /// Whether a `flush` that succeeded means that power may fail: `publish_confirmed` waits for these.
    fn durable(&self) -> bool {
        false
    }

    /// How to make this handler again in a forked child; without it the child counts
    /// `lost(no_handler_after_fork)`.
    fn for_child(&self) -> Option<HandlerFactory> {
        None
    }
}

/// Makes a handler again, in a forked child.
pub type HandlerFactory = Box<dyn Fn() -> Result<Box<dyn EventHandler>, HandlerError> + Send + Sync>;

/// A handler could not take a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The first `done` events were taken; give the others again after a pause.
    #[error("handler took {done} events and asks for the rest again")]
    Retry {
        /// How many events from the front of the batch were taken.
        done: usize,
        /// Why it stopped there.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The batch is given up.
    #[error("handler gave the batch up")]
    Permanent(#[source] Box<dyn Error + Send + Sync>),
}

impl HandlerError {
    /// [`HandlerError::Permanent`] of any error.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        HandlerError::Permanent(source.into())
    }

    /// [`HandlerError::Retry`] of any error.
    pub fn retry(done: usize, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        HandlerError::Retry { done, source: source.into() }
    }
}

/// Which events a handler is given: a set of families, and a least severity.
///
/// ```
/// # use veribus_core::{Family, Interest, Severity};
/// let interest = Interest::families(&[Family::Security]).at_least(Severity::High);
/// assert!(interest.matches(Family::Security, Severity::Critical));
/// assert!(!interest.matches(Family::Performance, Severity::Critical));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    families: u8,
    least: Severity,
}

impl Interest {
    /// Every event, unknown kinds included.
    pub const fn all() -> Self {
        Interest { families: u8::MAX, least: Severity::Informational }
    }

    /// Events of these families.
    pub const fn families(families: &[Family]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < families.len() {
            bits |= Self::bit(families[i]);
            i += 1;
        }
        Interest { families: bits, least: Severity::Informational }
    }

    /// Only events of this severity and above.
    pub const fn at_least(mut self, severity: Severity) -> Self {
        self.least = severity;
        self
    }

    /// Whether an event of this family and severity is wanted.
    #[inline]
    pub fn matches(self, family: Family, severity: Severity) -> bool {
        self.families & Self::bit(family) != 0 && severity >= self.least
    }

    /// Everything it matches, as one bit a family and severity, of which [`Interest::place`] tells the place.
    pub(crate) fn places(self) -> u64 {
        let severities = (u64::from(u8::MAX) << self.least.id()) & u64::from(u8::MAX);
        (0..8)
            .filter(|family| self.families >> family & 1 != 0)
            .map(|family| severities << (8 * family))
            .sum()
    }

    /// The bit of a family and severity in [`Interest::places`].
    #[inline(always)]
    pub(crate) const fn place(family: Family, severity: Severity) -> u64 {
        1 << (8 * Self::bit(family).trailing_zeros() + severity as u32)
    }

    const fn bit(family: Family) -> u8 {
        match family {
            Family::Unknown => 1 << 7,
            known => 1 << (known as u8 - 1),
        }
    }
}
