//! Both W3C headers, in and out: a bad one is ignored, never an error of the request.

use super::{TraceContext, TraceState};

/// Name of the header with the trace context, in lower case as it is sent.
pub const TRACEPARENT: &str = "traceparent";
/// Name of the header with the vendors' state, in lower case as it is sent.
pub const TRACESTATE: &str = "tracestate";

/// Reads the two headers of a request or message.
///
/// Several `tracestate` headers are joined with commas before. A bad `traceparent` gives `None` and drops the
/// `tracestate` with it: the receiver begins a new trace. A bad `tracestate` gives an empty one and never
/// invalidates the `traceparent`.
///
/// Source: W3C Trace Context, sections 3.2 and 3.3.
///
/// ```
/// use veribus_core::trace;
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let (context, state) = trace::extract(Some(parent), Some("congo=t61rcWkgMzE"));
/// assert_eq!(context.map(|c| c.to_string()).as_deref(), Some(parent));
/// assert_eq!(state.get("congo"), Some("t61rcWkgMzE"));
/// ```
pub fn extract(traceparent: Option<&str>, tracestate: Option<&str>) -> (Option<TraceContext>, TraceState) {
    let Some(context) = traceparent.and_then(|header| TraceContext::parse(header).ok()) else {
        return (None, TraceState::new());
    };
    (Some(context), tracestate.and_then(|header| TraceState::parse(header).ok()).unwrap_or_default())
}

/// Writes the headers of an outgoing request or message through `set(name, value)`; an empty state is left out.
///
/// ```
/// use std::collections::HashMap;
/// use veribus_core::{trace, TraceContext};
/// let mut headers = HashMap::new();
/// let context = TraceContext::new_root();
/// trace::inject(context, &trace::TraceState::new(), |name, value| { headers.insert(name, value); });
/// assert_eq!(headers["traceparent"], context.to_string());
/// assert_eq!(headers.len(), 1);
/// ```
pub fn inject(context: TraceContext, state: &TraceState, mut set: impl FnMut(&'static str, String)) {
    set(TRACEPARENT, context.to_string());
    if !state.is_empty() {
        set(TRACESTATE, state.to_string());
    }
}
