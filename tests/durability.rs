//! `publish_confirmed`, `flush` and `close` keep their words and their deadlines.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::assert_balanced;
use veribus::*;
use veribus_testkit::{Blocking, CaptureHandler};

const SECOND: Duration = Duration::from_secs(1);

/// Durable, and counts its syncs; slow as a disk.
struct Disk {
    syncs: Arc<AtomicU64>,
    broken: bool,
}

impl EventHandler for Disk {
    fn name(&self) -> &str {
        "disk"
    }

    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        std::thread::sleep(Duration::from_millis(2));
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.broken { Err(HandlerError::permanent("input/output error")) } else { Ok(()) }
    }

    fn durable(&self) -> bool {
        true
    }
}

#[test]
fn a_confirmed_event_was_synced_and_waiters_share_syncs() {
    let bus = VerificationEventBus::new(1000);
    let syncs = Arc::<AtomicU64>::default();
    bus.register_handler(Box::new(Disk { syncs: syncs.clone(), broken: false }));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    bus.publish_confirmed(event::security("s"), 5 * SECOND).expect("durable");
                }
            });
        }
    });
    let syncs = syncs.load(Ordering::SeqCst);
    assert!((1..160).contains(&syncs), "{syncs} syncs for 160 events");
    assert_eq!(bus.health().handlers[0].handled, 160);
}

#[test]
fn without_a_durable_handler_nothing_is_confirmed_or_published() {
    let bus = VerificationEventBus::new(1000);
    let (handler, _) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let answer = bus.publish_confirmed(event::security("s"), SECOND);
    assert!(matches!(answer, Err(ConfirmError::NoDurableHandler)), "{answer:?}");
    assert_eq!(bus.health().attempted, 0);
}

#[test]
fn a_failed_sync_is_an_error_with_its_cause() {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Disk { syncs: Arc::default(), broken: true }));
    match bus.publish_confirmed(event::security("s"), SECOND) {
        Err(ConfirmError::NotDurable { handler, source: Some(_), .. }) => assert_eq!(handler, "disk"),
        other => panic!("{other:?}"),
    }
    let invalid = bus.publish_confirmed(event::security(""), SECOND);
    assert!(matches!(invalid, Err(ConfirmError::Rejected(_))), "{invalid:?}");
}

/// A durable handler that never comes back from its first batch.
struct Stuck(Blocking);

impl EventHandler for Stuck {
    fn name(&self) -> &str {
        "stuck"
    }
    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.0.handle(batch)
    }
    fn durable(&self) -> bool {
        true
    }
}

#[test]
fn confirm_flush_and_close_return_at_their_deadlines() {
    let bus = VerificationEventBus::new(1000);
    let (blocking, gate) = Blocking::new();
    bus.register_handler(Box::new(Stuck(blocking)));
    let deadline = Duration::from_millis(100);
    let begun = Instant::now();
    let answer = bus.publish_confirmed(event::security("s"), deadline);
    assert!(matches!(answer, Err(ConfirmError::TimedOut { .. })), "{answer:?}");
    assert!(!bus.flush(deadline));
    bus.publish(event::security("waits.in.the.queue"));
    bus.publish(event::security("waits"));
    let report = bus.close(deadline);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(report.unfinished, ["stuck"]);
    assert!(report.dropped.get(LossReason::CloseDeadline) >= 1, "{report:?}");
    assert_eq!(bus.close(deadline), report, "the same report again");
    assert_balanced(&bus.health());
    gate.open();
}

#[test]
fn close_delivers_what_was_accepted_and_takes_no_more() {
    let bus = VerificationEventBus::builder().capacity(2000).handler_queue(100_000).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let accepted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    match bus.publish(event::security("s")) {
                        Receipt::Accepted(_) => drop(accepted.fetch_add(1, Ordering::SeqCst)),
                        Receipt::Dropped { reason: LossReason::Closed, .. } => break,
                        Receipt::Dropped { .. } => {}
                        Receipt::Rejected(error) => panic!("{error}"),
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(20));
        let report = bus.close(10 * SECOND);
        assert!(report.unfinished.is_empty(), "{report:?}");
    });
    let health = bus.health();
    assert_balanced(&health);
    assert_eq!(health.accepted, accepted.load(Ordering::SeqCst));
    assert_eq!(health.handlers[0].queued, 0);
    assert_eq!(captured.len() as u64 + health.handlers[0].lost.total(), health.accepted);
    assert_eq!(health.dropped.get(LossReason::Closed), 4);
}

#[test]
fn a_dropped_bus_has_delivered() {
    let (handler, captured) = CaptureHandler::new("capture");
    {
        let bus = VerificationEventBus::new(1000);
        bus.register_handler(Box::new(handler));
        (0..100).for_each(|_| drop(bus.publish(event::security("s"))));
    }
    assert_eq!(captured.len(), 100);
}

#[test]
fn a_critical_event_is_with_its_handler_within_ten_milliseconds() {
    let bus = VerificationEventBus::new(1000);
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let mut waits: Vec<Duration> = (0..50)
        .map(|n| {
            std::thread::sleep(Duration::from_millis(20));
            let begun = Instant::now();
            bus.publish(event::security("attack").severity(Severity::Critical));
            assert!(captured.wait_for(n + 1, SECOND));
            begun.elapsed()
        })
        .collect();
    waits.sort_unstable();
    // The median, since a shared machine may hold any single one up; the bench has the percentiles.
    assert!(waits[25] < Duration::from_millis(5), "{waits:?}");
}
