//! The trace of the moment, from whoever knows it: OpenTelemetry if it is present, else our own scope.

use super::{TraceContext, foreign, scope};

/// The trace in which this thread works now, or `None`.
///
/// With feature `opentelemetry` the current OpenTelemetry span wins, with feature `tracing` then the current
/// `tracing` span as `tracing-opentelemetry` knows it, then the innermost [`TraceContext::enter`]. Spans that are
/// not valid count as absent. Without these features this is one thread-local read.
///
/// Never panics and never allocates; also callable while a thread is torn down, where it answers what our own
/// scopes say.
///
/// ```
/// # use veribus_core::{trace, TraceContext};
/// let (outer, inner) = (TraceContext::new_root(), TraceContext::new_root());
/// let _outer = outer.enter();
/// inner.in_scope(|| assert_eq!(trace::current(), Some(inner)));
/// assert_eq!(trace::current(), Some(outer));
/// ```
#[inline]
pub fn current() -> Option<TraceContext> {
    foreign::current().or_else(scope::innermost)
}
