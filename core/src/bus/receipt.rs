//! What `publish` answers: accepted, dropped with a reason, or rejected with a reason. No fourth.

use std::time::Duration;

use crate::event::{EventError, EventId};
use crate::handler::HandlerError;
use crate::loss::LossReason;

/// The answer of [`crate::VerificationEventBus::publish`]. Ignoring it is fine: the ledger counts it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// The event is in the queue under this identity; or no handler wants such, then it is counted as filtered by each.
    Accepted(EventId),
    /// There was no room or no bus for it; the number it was given is a visible hole.
    Dropped {
        /// The identity that is now a hole; `None` where the bus was already closed.
        id: Option<EventId>,
        /// Why.
        reason: LossReason,
    },
    /// The event breaks a limit; it took no sequence number. One that no handler wants may be accepted unchecked.
    Rejected(Box<EventError>),
}

impl Receipt {
    /// The identity of an accepted event.
    pub fn id(&self) -> Option<EventId> {
        match self {
            Receipt::Accepted(id) => Some(*id),
            _ => None,
        }
    }

    /// Whether the event was taken.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Receipt::Accepted(_))
    }
}

/// An event handed back by [`crate::VerificationEventBus::try_publish`]: it took no sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned<E> {
    /// The event as it was given.
    pub event: E,
    /// Why it was not taken.
    pub reason: ReturnReason,
}

/// Why `try_publish` hands an event back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReturnReason {
    /// No room for it, or the bus is closed.
    #[error("event not taken: {0}")]
    Refused(LossReason),
    /// It breaks a limit.
    #[error("event is not valid")]
    Invalid(#[source] Box<EventError>),
}

/// Why [`crate::VerificationEventBus::publish_confirmed`] cannot say that the event is durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// No registered handler is [`durable`](crate::EventHandler::durable).
    #[error("no durable handler is registered; register one, for example an audit log, or use `publish`")]
    NoDurableHandler,
    /// The event was not taken.
    #[error("event dropped: {0}")]
    Dropped(LossReason),
    /// The event breaks a limit.
    #[error("event is not valid")]
    Rejected(#[source] Box<EventError>),
    /// Not known in time. The event is in the queue and may still become durable under this identity.
    #[error("event {id} was not confirmed within {deadline:?}; it may still be")]
    TimedOut {
        /// The event's identity.
        id: EventId,
        /// How long was waited.
        deadline: Duration,
    },
    /// A durable handler lost the event or could not sync it.
    #[error("handler `{handler}` could not make event {id} durable")]
    NotDurable {
        /// The event's identity.
        id: EventId,
        /// Name of the handler.
        handler: String,
        /// What the handler said, where it said something.
        #[source]
        source: Option<HandlerError>,
    },
}
