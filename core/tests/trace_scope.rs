//! The ambient trace: entered, left, nested, moved between threads and futures.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use proptest::prelude::*;
use veribus_core::{TraceContext, TraceScope, WithTrace, trace};

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Pending once, so that its owner is polled twice.
struct Yield(bool);

impl Future for Yield {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn a_scope_ends_with_its_guard_also_by_panic() {
    let (outer, inner) = (TraceContext::new_root(), TraceContext::new_root());
    assert_eq!(trace::current(), None);
    let scope = outer.enter();
    let panicked = std::panic::catch_unwind(|| inner.in_scope(|| panic!("inside of a scope")));
    assert!(panicked.is_err());
    assert_eq!(trace::current(), Some(outer));
    drop(scope);
    assert_eq!(trace::current(), None);
}

#[test]
fn another_thread_is_not_in_the_scope() {
    let _scope = TraceContext::new_root().enter();
    assert_eq!(thread::spawn(trace::current).join().unwrap(), None);
}

#[test]
fn a_forgotten_guard_leaves_others_working() {
    let (forgotten, other) = (TraceContext::new_root(), TraceContext::new_root());
    thread::spawn(move || {
        std::mem::forget(forgotten.enter());
        assert_eq!(other.in_scope(trace::current), Some(other));
        assert_eq!(trace::current(), Some(forgotten));
    })
    .join()
    .unwrap();
}

proptest! {
    /// The model: the latest entered scope that is still alive.
    #[test]
    fn guards_dropped_in_any_order_leave_the_latest_one_alive(
        plan in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..60)
    ) {
        let mut alive: Vec<(TraceContext, TraceScope)> = Vec::new();
        for (enter, which) in plan {
            if enter || alive.is_empty() {
                let context = TraceContext::new_root();
                alive.push((context, context.enter()));
            } else {
                drop(alive.remove(which.index(alive.len())));
            }
            prop_assert_eq!(trace::current(), alive.last().map(|(context, _)| *context));
        }
        while !alive.is_empty() {
            drop(alive.remove(0));
            prop_assert_eq!(trace::current(), alive.last().map(|(context, _)| *context));
        }
        prop_assert_eq!(trace::current(), None);
    }
}

#[test]
fn a_future_is_in_its_trace_at_each_poll_and_nobody_else_is() {
    let (one, two) = (TraceContext::new_root(), TraceContext::new_root());
    let work = || async {
        let before = trace::current();
        Yield(false).await;
        (before, trace::current())
    };
    let (mut first, mut second) = (pin!(one.scope(work())), pin!(work().with_trace(two)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(trace::current(), None);
    assert_eq!(first.as_mut().poll(&mut context), Poll::Ready((Some(one), Some(one))));
    assert_eq!(second.as_mut().poll(&mut context), Poll::Ready((Some(two), Some(two))));
}

#[test]
fn a_future_keeps_its_trace_when_it_moves_to_another_thread() {
    let request = TraceContext::new_root();
    let task = request.in_scope(|| async { trace::current() }.in_current_trace());
    assert_eq!(thread::spawn(|| block_on(task)).join().unwrap(), Some(request));
    let untraced = async { trace::current() }.in_current_trace();
    assert_eq!(block_on(untraced), None);
}

#[test]
fn a_cancelled_future_is_dropped_within_its_trace() {
    struct TellsTraceOnDrop(mpsc::Sender<Option<TraceContext>>);
    impl Drop for TellsTraceOnDrop {
        fn drop(&mut self) {
            self.0.send(trace::current()).unwrap();
        }
    }
    let request = TraceContext::new_root();
    let (sender, receiver) = mpsc::channel();
    let guard = TellsTraceOnDrop(sender);
    let mut task = Box::pin(request.scope(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    }));
    assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(task);
    assert_eq!(receiver.recv(), Ok(Some(request)));
    assert_eq!(trace::current(), None);
}

#[test]
fn asking_and_entering_work_while_a_thread_is_torn_down() {
    struct AsksOnDrop(mpsc::Sender<bool>);
    impl Drop for AsksOnDrop {
        fn drop(&mut self) {
            let context = TraceContext::new_root();
            self.0.send(context.in_scope(trace::current) == Some(context)).unwrap();
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<AsksOnDrop>> = const { std::cell::RefCell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        LAST.with(|last| *last.borrow_mut() = Some(AsksOnDrop(sender)));
        // Whatever `current` needs is born after, and so dies before, the one who asks.
        assert_eq!(trace::current(), None);
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv(), Ok(true));
}
