//! The bus of facts: `publish` hands an event over in nanoseconds, each handler gets batches on its own thread.

mod builder;
mod health;
mod receipt;
mod verify;

use std::time::Duration;

pub use builder::{BusBuilder, WhenFull};
pub use health::{BusHealth, CloseReport, HandlerHealth, HandlerState};
pub use receipt::{ConfirmError, Receipt, ReturnReason, Returned};
pub use verify::Verification;

use crate::event::{Draft, EventId, InstanceId, Source};
use crate::handler::EventHandler;

/// A bounded, non-blocking bus for verification events. Cheap to clone; all clones are one bus.
#[derive(Debug, Clone)]
pub struct VerificationEventBus {}

/// Names a registered handler on its bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandlerId(u64);

impl VerificationEventBus {
    /// A bus whose rings hold `capacity` typical events, with every default.
    pub fn new(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// The settings.
    pub fn builder() -> BusBuilder {
        BusBuilder::default()
    }

    pub(crate) fn from_builder(_builder: BusBuilder) -> Self {
        unimplemented!()
    }

    /// Adds a handler, on a thread of its own, from the next event on. A name that is taken gets a number
    /// behind it.
    pub fn register_handler(&self, _handler: Box<dyn EventHandler>) -> HandlerId {
        unimplemented!()
    }

    /// Takes a handler out after what it was given so far; whether it was there.
    pub fn unregister_handler(&self, _id: HandlerId) -> bool {
        unimplemented!()
    }

    /// Hands an event over. Never blocks (but see [`WhenFull::Block`]), never panics.
    pub fn publish<'a>(&self, _event: impl AsRef<Draft<'a>>) -> Receipt {
        unimplemented!()
    }

    /// As [`publish`](Self::publish), but hands a refused event back, which then takes no sequence number.
    ///
    /// # Errors
    /// [`Returned`], with the event and the reason.
    pub fn try_publish<'a, E: AsRef<Draft<'a>>>(&self, _event: E) -> Result<EventId, Returned<E>> {
        unimplemented!()
    }

    /// Publishes, and waits until every durable handler has synced the event.
    ///
    /// # Errors
    /// [`ConfirmError`]
    pub fn publish_confirmed<'a>(
        &self,
        _event: impl AsRef<Draft<'a>>,
        _deadline: Duration,
    ) -> Result<EventId, ConfirmError> {
        unimplemented!()
    }

    /// Begins a verification that records itself; see [`Verification`].
    pub fn verify<'a>(&'a self, action: &'a str) -> Verification<'a> {
        Verification::new(self, action)
    }

    /// The ledger now.
    pub fn health(&self) -> BusHealth {
        unimplemented!()
    }

    /// Waits until all that was published before is handled and flushed; whether it was in time.
    pub fn flush(&self, _timeout: Duration) -> bool {
        unimplemented!()
    }

    /// Stops the bus: drains, flushes, and says what it left behind. Within `deadline`, from anywhere, any
    /// number of times.
    pub fn close(&self, _deadline: Duration) -> CloseReport {
        unimplemented!()
    }

    /// The instance that gives events their identity; another one after a fork.
    pub fn instance(&self) -> InstanceId {
        unimplemented!()
    }

    /// Who sends, as the builder was told.
    pub fn source(&self) -> &Source {
        unimplemented!()
    }
}
