//! The current `tracing` span, as `tracing-opentelemetry` knows it.

use ::tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::opentelemetry;
use crate::trace::TraceContext;

/// The OpenTelemetry context of the current `tracing` span, where the OpenTelemetry layer is installed.
///
/// That layer makes its spans current in OpenTelemetry too, unless it is told not to; only then this is needed.
/// A span that is not yet started is started by asking.
pub(super) fn current() -> Option<TraceContext> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    opentelemetry::of(&span.context())
}
