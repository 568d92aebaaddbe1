//! The loss ledger as it is shown: two identities that hold in every snapshot.

use crate::event::InstanceId;
use crate::loss::Losses;

/// A snapshot of a bus. In every snapshot
/// `attempted = accepted + dropped + rejected + returned`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BusHealth {
    /// The running instance; another one after a fork.
    pub instance: InstanceId,
    /// Publishes begun and answered.
    pub attempted: u64,
    /// Events taken into a ring, and those that no handler wants, which are looked at no further.
    pub accepted: u64,
    /// Events refused after they had a number, by reason.
    pub dropped: Losses,
    /// Events that broke a limit.
    pub rejected: u64,
    /// Events that `try_publish` handed back.
    pub returned: u64,
    /// Each registered handler.
    pub handlers: Vec<HandlerHealth>,
    /// Fields replaced by the redaction.
    pub redacted: u64,
    /// Rings in use by publishing threads.
    pub lanes: usize,
    /// Memory held by rings, in bytes.
    pub ring_bytes: usize,
    /// Whether `close` was called.
    pub closed: bool,
}

/// A snapshot of one handler. In every snapshot
/// `accepted = filtered + handled + lost + queued`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HandlerHealth {
    /// Its name on this bus.
    pub name: String,
    /// What it is doing.
    pub state: HandlerState,
    /// Events that the bus accepted since the handler was registered.
    pub accepted: u64,
    /// Events outside of its interest.
    pub filtered: u64,
    /// Events it took.
    pub handled: u64,
    /// Events it will never take, by reason.
    pub lost: Losses,
    /// Events on their way to it.
    pub queued: u64,
    /// Calls that ended in an error or a panic.
    pub failures: u64,
    /// How many of the failures were panics.
    pub panics: u64,
    /// The last failure, in words.
    pub last_error: Option<String>,
    /// Seconds spent in its `handle`, in all.
    pub busy_seconds: f64,
}

/// What a handler is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandlerState {
    /// Taking events.
    Running,
    /// Failed five times in a row; probed now and then, its events are `lost(handler_quarantined)`.
    Quarantined,
    /// Unregistered, closed, or could not be made again after a fork.
    Stopped,
}

impl HandlerState {
    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            HandlerState::Running => "running",
            HandlerState::Quarantined => "quarantined",
            HandlerState::Stopped => "stopped",
        }
    }
}

/// What [`crate::VerificationEventBus::close`] left behind; the same report for every caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// Events handled, summed over the handlers: one event that two handlers took counts twice.
    pub delivered: u64,
    /// Events left on disk for the next start.
    pub spooled: u64,
    /// Events lost over the life of the bus: refused at publish, and lost by handlers, by reason.
    pub dropped: Losses,
    /// Handlers still busy when the deadline passed.
    pub unfinished: Vec<String>,
    /// `close` was called from a handler: the bus closes itself as soon as that handler returns.
    pub closing_from_handler: bool,
}
