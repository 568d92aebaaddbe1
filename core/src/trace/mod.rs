//! W3C trace context: parsed, carried in an ambient scope, picked up by every event.

mod ambient;
mod context;
#[cfg(feature = "opentelemetry")]
mod foreign;
#[cfg(not(feature = "opentelemetry"))]
mod foreign {
    /// Without the feature nobody else knows a trace.
    #[inline]
    pub(super) fn current() -> Option<super::TraceContext> {
        None
    }
}
mod future;
mod headers;
mod scope;
mod tracestate;

pub use ambient::current;
pub use context::{SpanId, TraceContext, TraceError, TraceId};
pub use future::{InTrace, WithTrace};
pub use headers::{TRACEPARENT, TRACESTATE, extract, inject};
pub use scope::TraceScope;
pub use tracestate::{TraceState, TraceStateError};
