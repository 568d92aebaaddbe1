//! W3C trace context: parsed, carried in an ambient scope, picked up by every event.

mod context;

pub use context::{SpanId, TraceContext, TraceError, TraceId};
