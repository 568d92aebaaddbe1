//! The current span of OpenTelemetry.

use ::opentelemetry::Context;
use ::opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags};

use crate::trace::{SpanId, TraceContext, TraceId};

/// The span of the current OpenTelemetry context, if it is valid.
pub(super) fn current() -> Option<TraceContext> {
    Context::map_current(of)
}

/// The span of `context`, if it is valid.
pub(super) fn of(context: &Context) -> Option<TraceContext> {
    if !context.has_active_span() {
        return None;
    }
    from_span(context.span().span_context())
}

fn from_span(span: &SpanContext) -> Option<TraceContext> {
    let trace_id = TraceId::from_bytes(span.trace_id().to_bytes()).ok()?;
    let span_id = SpanId::from_bytes(span.span_id().to_bytes()).ok()?;
    Some(TraceContext::new(trace_id, span_id, TraceFlags::to_u8(span.trace_flags())))
}
