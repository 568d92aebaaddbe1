//! `verify` records what a check did and changes nothing about it.

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use veribus::*;
use veribus_testkit::CaptureHandler;

const SECOND: Duration = Duration::from_secs(1);

/// The one event that `check` leaves on a bus.
fn recorded(check: impl FnOnce(&VerificationEventBus)) -> Arc<VerificationEvent> {
    let bus = VerificationEventBus::new(1000);
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    check(&bus);
    assert!(bus.flush(SECOND));
    assert_eq!(captured.len(), 1);
    captured.events()[0].clone()
}

fn ending(event: &VerificationEvent) -> (Outcome, Option<&str>) {
    (event.outcome, event.reason.as_deref())
}

#[test]
fn a_success_and_a_failure_are_timed_and_named() {
    let event = recorded(|bus| {
        let check = bus.verify("api_key").kind(Family::Authorization).actor("ci").target("deploy");
        assert_eq!(check.run(|| Ok::<_, String>(7)), Ok(7));
    });
    assert_eq!((event.family(), ending(&event)), (Family::Authorization, (Outcome::Success, None)));
    assert!(event.duration.is_some());
    assert_eq!(event.actor.as_ref().and_then(|actor| actor.name.as_deref()), Some("ci"));

    let event = recorded(|bus| assert_eq!(bus.verify("jwt").run(|| Err::<(), _>("expired")), Err("expired")));
    assert_eq!(ending(&event), (Outcome::Failure, Some("expired")));

    let event =
        recorded(|bus| assert_eq!(bus.verify("known").run_with(|| None::<u8>, |k| k.is_some().into()), None));
    assert_eq!(ending(&event), (Outcome::Failure, None));
}

#[test]
fn a_long_reason_is_cut_at_a_character() {
    let event = recorded(|bus| drop(bus.verify("x").run(|| Err::<(), _>("ü".repeat(500)))));
    assert_eq!(event.reason.as_deref(), Some("ü".repeat(128).as_str()));
}

#[test]
fn a_check_that_panics_is_a_failure_and_still_panics() {
    let event = recorded(|bus| {
        let panicked =
            catch_unwind(AssertUnwindSafe(|| bus.verify("x").run(|| -> Result<(), String> { panic!("no") })));
        assert!(panicked.is_err());
    });
    assert_eq!(ending(&event), (Outcome::Failure, Some("panicked")));
}

#[test]
fn a_future_is_recorded_when_it_ends_or_is_dropped() {
    let mut context = Context::from_waker(Waker::noop());
    let event = recorded(|bus| {
        let check = pin!(bus.verify("remote").run_async(ready(Err::<(), _>("refused"))));
        assert_eq!(check.poll(&mut context), Poll::Ready(Err("refused")));
    });
    assert_eq!(ending(&event), (Outcome::Failure, Some("refused")));

    let event = recorded(|bus| {
        let mut check = Box::pin(bus.verify("remote").run_async(pending::<Result<(), String>>()));
        assert_eq!(check.as_mut().poll(&mut context), Poll::Pending);
    });
    assert_eq!(ending(&event), (Outcome::Unknown, Some("cancelled")));
}

#[test]
fn the_ambient_trace_is_recorded() {
    let trace = TraceContext::new_root();
    let event = recorded(|bus| trace.in_scope(|| drop(bus.verify("x").run(|| Ok::<_, String>(())))));
    assert_eq!(event.trace, Some(trace));
}
