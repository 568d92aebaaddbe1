//! A future keeps its trace wherever and whenever it is polled; no runtime is needed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{TraceContext, TraceScope, current};

pin_project! {
    /// A future that is in its trace at each poll, and while it is dropped; made by [`TraceContext::scope`] and
    /// [`WithTrace`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InTrace<F> {
        #[pin]
        inner: Option<F>,
        context: Option<TraceContext>,
    }

    impl<F> PinnedDrop for InTrace<F> {
        fn drop(this: Pin<&mut Self>) {
            // What a cancelled future publishes on its way out belongs to its trace too.
            let mut this = this.project();
            let _scope: Option<TraceScope> = this.context.map(TraceContext::enter);
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for InTrace<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, waker: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _scope = this.context.map(TraceContext::enter);
        this.inner.as_pin_mut().expect("only dropping takes the future out").poll(waker)
    }
}

impl TraceContext {
    /// A future that is in this trace at each poll, on whatever thread.
    ///
    /// ```
    /// # use veribus_core::{trace, TraceContext};
    /// # fn block_on<F: std::future::Future>(f: F) -> F::Output {
    /// #     let mut waker = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     match std::pin::pin!(f).poll(&mut waker) { std::task::Poll::Ready(r) => r, _ => unreachable!() }
    /// # }
    /// let request = TraceContext::new_root();
    /// let task = request.scope(async { trace::current() });
    /// assert_eq!(trace::current(), None);
    /// assert_eq!(block_on(task), Some(request));
    /// ```
    pub fn scope<F: Future>(self, future: F) -> InTrace<F> {
        InTrace { inner: Some(future), context: Some(self) }
    }
}

/// Puts a future into a trace from behind: `spawn(work.in_current_trace())`.
pub trait WithTrace: Future + Sized {
    /// As [`TraceContext::scope`].
    fn with_trace(self, context: TraceContext) -> InTrace<Self> {
        context.scope(self)
    }

    /// Keeps the trace of the one who calls this for the time when the future is polled elsewhere. Without a
    /// current trace the future is left as it is.
    ///
    /// ```
    /// # use veribus_core::{trace, trace::WithTrace, TraceContext};
    /// let request = TraceContext::new_root();
    /// let task = request.in_scope(|| async { trace::current() }.in_current_trace());
    /// // hand `task` to any executor: it answers `Some(request)`
    /// # let mut waker = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert_eq!(std::future::Future::poll(std::pin::pin!(task), &mut waker), std::task::Poll::Ready(Some(request)));
    /// ```
    fn in_current_trace(self) -> InTrace<Self> {
        InTrace { inner: Some(self), context: current() }
    }
}

impl<F: Future> WithTrace for F {}
