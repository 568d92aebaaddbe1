//! The trace a thread is in: entering costs two stores, asking costs one read, and no thread is ever left in a
//! scope that has ended.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use super::{SpanId, TraceContext, TraceId};

/// What the innermost scope of this thread says. Nothing here has a destructor, so it can be read at any time
/// of a thread's life, also while its other thread-locals are torn down.
struct Ambient {
    /// Zero where there is no trace: no span id is. A thread without a trace is answered by this one word.
    span_id: Cell<u64>,
    trace_id: Cell<u128>,
    flags: Cell<u8>,
    /// Scopes entered and not yet unwound.
    depth: Cell<u32>,
    /// Entries in [`ENDED_EARLY`].
    ended_early: Cell<u32>,
}

impl Ambient {
    #[inline]
    fn context(&self) -> Option<TraceContext> {
        let span_id = SpanId::from_bytes(self.span_id.get().to_ne_bytes()).ok()?;
        let trace_id = TraceId::from_bytes(self.trace_id.get().to_ne_bytes()).ok()?;
        Some(TraceContext::new(trace_id, span_id, self.flags.get()))
    }

    #[inline]
    fn set_context(&self, context: Option<TraceContext>) {
        let Some(context) = context else { return self.span_id.set(0) };
        self.span_id.set(u64::from_ne_bytes(context.span_id.to_bytes()));
        self.trace_id.set(u128::from_ne_bytes(context.trace_id.to_bytes()));
        self.flags.set(context.flags());
    }
}

thread_local! {
    static AMBIENT: Ambient = const {
        Ambient {
            span_id: Cell::new(0),
            trace_id: Cell::new(0),
            flags: Cell::new(0),
            depth: Cell::new(0),
            ended_early: Cell::new(0),
        }
    };
    /// Scopes that ended before one that was entered later: their depth, and what to restore when that one
    /// ends. At most one entry a depth.
    static ENDED_EARLY: RefCell<Vec<(u32, Option<TraceContext>)>> = const { RefCell::new(Vec::new()) };
}

/// The trace of the innermost [`TraceScope`] of this thread.
#[inline]
pub(super) fn innermost() -> Option<TraceContext> {
    AMBIENT.try_with(Ambient::context).ok().flatten()
}

/// This thread is in a trace as long as this guard lives; made by [`TraceContext::enter`].
///
/// Dropping it brings back what was there before. Guards may be dropped in any order: the thread is then in the
/// latest scope that is still alive. A guard that is forgotten (`std::mem::forget`) leaves its thread in its
/// trace. Not `Send`; across an `.await` use [`TraceContext::scope`].
#[derive(Debug)]
#[must_use = "the scope ends where its guard is dropped"]
pub struct TraceScope {
    previous: Option<TraceContext>,
    depth: u32,
    this_thread: PhantomData<*const ()>,
}

impl TraceContext {
    /// Makes this the trace of everything published on this thread until the guard is dropped.
    ///
    /// ```
    /// use veribus_core::{trace, TraceContext};
    ///
    /// let request = TraceContext::new_root();
    /// let scope = request.enter();
    /// assert_eq!(trace::current(), Some(request));
    /// drop(scope);
    /// assert_eq!(trace::current(), None);
    /// ```
    #[inline]
    pub fn enter(self) -> TraceScope {
        let entered = AMBIENT.try_with(|ambient| {
            let depth = ambient.depth.get().wrapping_add(1);
            ambient.depth.set(depth);
            let previous = ambient.context();
            ambient.set_context(Some(self));
            (previous, depth)
        });
        let (previous, depth) = entered.unwrap_or((None, 0));
        TraceScope { previous, depth, this_thread: PhantomData }
    }

    /// Runs `f` in this trace and returns its result; the scope also ends when `f` panics.
    ///
    /// ```
    /// # use veribus_core::{trace, TraceContext};
    /// let request = TraceContext::new_root();
    /// assert_eq!(request.in_scope(trace::current), Some(request));
    /// ```
    #[inline]
    pub fn in_scope<R>(self, f: impl FnOnce() -> R) -> R {
        let _scope = self.enter();
        f()
    }
}

impl Drop for TraceScope {
    #[inline]
    fn drop(&mut self) {
        // An error means a thread without thread-locals: then there is no trace to restore either.
        let _ = AMBIENT.try_with(|ambient| {
            if ambient.depth.get() != self.depth {
                return end_early(ambient, self);
            }
            ambient.set_context(self.previous);
            ambient.depth.set(self.depth.saturating_sub(1));
            if ambient.ended_early.get() != 0 {
                unwind_ended(ambient);
            }
        });
    }
}

/// `scope` ends while a later one lives: remember what to restore when that one ends.
#[cold]
fn end_early(ambient: &Ambient, scope: &TraceScope) {
    let remembered = ENDED_EARLY.try_with(|ended| ended.borrow_mut().push((scope.depth, scope.previous)));
    if remembered.is_ok() {
        ambient.ended_early.set(ambient.ended_early.get() + 1);
    }
}

/// The innermost scope has ended: so have those under it that ended early.
#[cold]
fn unwind_ended(ambient: &Ambient) {
    let _ = ENDED_EARLY.try_with(|ended| {
        let mut ended = ended.borrow_mut();
        while let Some(at) = ended.iter().position(|(depth, _)| *depth == ambient.depth.get()) {
            let (depth, previous) = ended.swap_remove(at);
            ambient.set_context(previous);
            ambient.depth.set(depth.saturating_sub(1));
        }
        ambient.ended_early.set(ended.len() as u32);
    });
}
