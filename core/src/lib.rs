//! The event model, bus, trace context and wire codec of veribus.
//!
//! No sockets, no files, no async runtime. Applications use the crate `veribus`, which re-exports all of this.

mod account;
mod bus;
mod clock;
pub mod codec;
pub mod escape;
pub mod event;
pub mod fs;
mod handler;
mod lanes;
mod loss;
#[doc(hidden)]
pub mod planted;
mod redact;
mod ring;
mod rng;
pub mod trace;
pub mod transport;

pub use account::{Account, LaneMark, LossRecord};
pub use bus::{
    BusBuilder, BusHealth, CloseReport, ConfirmError, Confirming, HandlerHealth, HandlerId, HandlerPlace,
    HandlerState, InPlace, Receipt, ReturnReason, Returned, Verification, VerificationEventBus, WhenFull,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use codec::{Batch, BatchView, CodecError, DecodedBatch};
pub use event::{
    Actor, Attributes, Authentication, Authorization, Configuration, Draft, EventDraft, EventError, EventId,
    EventKind, Family, InstanceId, Name, Outcome, Performance, Security, Severity, Source, Target, Text,
    Timestamp, UnknownKind, Value, ValueRef, VerificationEvent,
};
pub use handler::{EventHandler, HandlerError, HandlerFactory, Interest};
pub use loss::{LossReason, Losses};
pub use redact::{Redactor, RedactorBuilder};
pub use rng::{Rng, SystemRng};
pub use trace::{InTrace, SpanId, TraceContext, TraceError, TraceId, TraceScope, TraceState, WithTrace};
