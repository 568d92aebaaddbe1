//! The trace that OpenTelemetry or `tracing` is in; their panics stay here.

mod opentelemetry;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(not(feature = "tracing"))]
mod tracing {
    /// Without the feature there is no `tracing` span.
    #[inline]
    pub(super) fn current() -> Option<crate::trace::TraceContext> {
        None
    }
}

use std::panic::catch_unwind;

use super::TraceContext;

/// Lives shorter than the thread-locals of the libraries asked here.
struct Alive;

impl Drop for Alive {
    fn drop(&mut self) {
        // The destructor is the point: once it ran, `ALIVE` refuses and nobody is asked any more.
    }
}

thread_local! {
    /// Thread-locals die in the reverse order of their birth, so the others are born first.
    static ALIVE: Alive = {
        ask();
        Alive
    };
}

/// The current span of OpenTelemetry, else of `tracing`; `None` while the thread is torn down.
pub(super) fn current() -> Option<TraceContext> {
    ALIVE.try_with(|_| ask()).ok().flatten()
}

/// Publishing must not panic, whatever a tracer does.
fn ask() -> Option<TraceContext> {
    catch_unwind(|| opentelemetry::current().or_else(tracing::current)).ok().flatten()
}
