//! A handler that panics, sleeps, fails or publishes is nobody else's problem.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{assert_balanced, eventually};
use veribus::*;
use veribus_testkit::{Blocking, CaptureHandler, Failing, Panicking};

const SECOND: Duration = Duration::from_secs(1);

fn bus_with_capture() -> (VerificationEventBus, veribus_testkit::Captured) {
    let bus = VerificationEventBus::new(4000);
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    (bus, captured)
}

#[test]
fn a_panicking_handler_loses_only_the_events_on_which_it_panics() {
    let (bus, captured) = bus_with_capture();
    let (handler, taken) = Panicking::new();
    bus.register_handler(Box::new(handler));
    for n in 0..300 {
        bus.publish(event::security(if n % 100 == 50 { "boom" } else { "fine" }));
    }
    assert!(bus.flush(10 * SECOND));
    assert_eq!(captured.len(), 300);
    assert_eq!(taken.load(Ordering::SeqCst), 297);
    let health = bus.health();
    assert_balanced(&health);
    let panicking = &health.handlers[1];
    assert_eq!(panicking.lost.get(LossReason::HandlerFailed), 3);
    assert_eq!(panicking.lost.total(), 3);
    assert_eq!(panicking.state, HandlerState::Running);
    assert!(panicking.panics >= 3, "{panicking:?}");
    assert_eq!(panicking.last_error.as_deref(), Some("boom"));
}

#[test]
fn five_failures_in_a_row_put_a_handler_into_quarantine_and_a_probe_brings_it_back() {
    let (bus, captured) = bus_with_capture();
    let (handler, taken) = Failing::new(5, |_| HandlerError::permanent("disk on fire"));
    bus.register_handler(Box::new(handler));
    for _ in 0..5 {
        bus.publish(event::security("refused"));
        assert!(bus.flush(SECOND));
    }
    assert_eq!(bus.health().handlers[1].state, HandlerState::Quarantined);
    bus.publish(event::security("while.quarantined"));
    assert!(bus.flush(SECOND));
    let health = bus.health();
    assert_balanced(&health);
    assert_eq!(health.handlers[1].lost.get(LossReason::HandlerFailed), 5);
    assert_eq!(health.handlers[1].lost.get(LossReason::HandlerQuarantined), 1);

    let begun = Instant::now();
    while taken.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < 10 * SECOND, "the probe never came");
        bus.publish(event::security("probe"));
        assert!(bus.flush(SECOND));
    }
    assert_eq!(bus.health().handlers[1].state, HandlerState::Running);
    assert_eq!(captured.len() as u64, bus.health().accepted);
    assert_balanced(&bus.health());
}

#[test]
fn a_handler_that_asks_for_the_rest_again_loses_nothing() {
    let bus = VerificationEventBus::new(4000);
    let (handler, taken) = Failing::new(3, |batch| HandlerError::retry(batch / 2, "busy"));
    bus.register_handler(Box::new(handler));
    for _ in 0..100 {
        bus.publish(event::security("kept"));
    }
    assert!(bus.flush(10 * SECOND));
    let health = bus.health();
    assert_balanced(&health);
    assert_eq!(health.handlers[0].handled, 100);
    assert_eq!(health.handlers[0].lost.total(), 0);
    assert!(taken.load(Ordering::SeqCst) < 100, "some were taken before it failed");
}

#[test]
fn a_blocked_handler_delays_neither_publishers_nor_neighbours() {
    let bus = VerificationEventBus::builder().capacity(20_000).handler_queue(1000).build();
    let (handler, captured) = CaptureHandler::new("capture");
    let (blocking, gate) = Blocking::new();
    bus.register_handler(Box::new(blocking));
    bus.register_handler(Box::new(handler));
    for round in 0..10 {
        let begun = Instant::now();
        for _ in 0..500 {
            bus.publish(event::authentication("login").success());
        }
        assert!(begun.elapsed() < SECOND, "publish waited for a handler");
        assert!(captured.wait_for((round + 1) * 500, 10 * SECOND));
    }
    let health = eventually(&bus, |h| h.handlers[0].lost.total() > 0);
    assert!(health.handlers[0].queued <= 1000 + 512, "{health:?}");
    gate.open();
    assert!(bus.flush(10 * SECOND));
    let health = bus.health();
    assert_balanced(&health);
    let blocked = &health.handlers[0];
    assert_eq!(blocked.handled + blocked.lost.get(LossReason::QueueFull), 5000);
    assert_eq!(health.handlers[1].handled, 5000);
}

/// Answers each event with one of its own: a circle.
struct Echo(VerificationEventBus);

impl EventHandler for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        for _ in batch {
            self.0.publish(event::security("echo"));
        }
        Ok(())
    }
}

#[test]
fn a_handler_that_publishes_into_its_bus_is_cut_eight_levels_deep() {
    let (bus, captured) = bus_with_capture();
    bus.register_handler(Box::new(Echo(bus.clone())));
    bus.publish(event::security("first"));
    let health = eventually(&bus, |h| h.dropped.get(LossReason::LoopLimit) == 1);
    assert!(bus.flush(SECOND));
    assert_eq!(captured.len(), 9, "the first and eight echoes");
    assert_eq!((health.accepted, health.attempted), (9, 10));
    bus.close(SECOND);
}

/// Closes the bus from inside.
struct Closer(VerificationEventBus);

impl EventHandler for Closer {
    fn name(&self) -> &str {
        "closer"
    }

    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        assert!(self.0.close(SECOND).closing_from_handler);
        Ok(())
    }
}

#[test]
fn a_handler_may_close_its_bus() {
    let (bus, captured) = bus_with_capture();
    bus.register_handler(Box::new(Closer(bus.clone())));
    bus.publish(event::security("last"));
    let health =
        eventually(&bus, |h| h.closed && h.handlers.iter().all(|h| h.state == HandlerState::Stopped));
    assert_eq!(captured.len(), 1);
    assert_eq!(health.handlers[1].handled, 1);
    assert_eq!(bus.close(SECOND).delivered, 2, "one report for every caller");
}

/// Answers each event named `ask` once; goes round in circles with each named `echo`.
struct AnswerAndEcho(VerificationEventBus);

impl EventHandler for AnswerAndEcho {
    fn name(&self) -> &str {
        "answer_and_echo"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        for event in batch {
            match &*event.action {
                "ask" => drop(self.0.publish(event::security("answer"))),
                "echo" => drop(self.0.publish(event::security("echo"))),
                _ => {}
            }
        }
        Ok(())
    }
}

#[test]
fn a_circle_costs_no_answer_beside_it() {
    let (bus, captured) = bus_with_capture();
    bus.register_handler(Box::new(AnswerAndEcho(bus.clone())));
    bus.publish(event::security("echo"));
    let asked = 2000;
    for _ in 0..asked {
        bus.publish(event::security("ask"));
        std::thread::yield_now();
    }
    let health =
        eventually(&bus, |h| h.dropped.get(LossReason::LoopLimit) == 1 && h.accepted == 9 + 2 * asked);
    assert_eq!(health.dropped.total(), 1, "{health:?}");
    assert!(bus.flush(SECOND));
    let answers = captured.events().iter().filter(|event| event.action == "answer").count();
    assert_eq!(answers as u64, asked);
    bus.close(SECOND);
}
