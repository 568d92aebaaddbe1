//! What no handler wants costs next to nothing, and is in the ledger all the same.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::assert_balanced;
use veribus::*;
use veribus_testkit::CaptureHandler;

const SECOND: Duration = Duration::from_secs(1);

/// Counts nothing: the bus does.
struct Wants(Interest);

impl EventHandler for Wants {
    fn name(&self) -> &str {
        "wants"
    }

    fn interest(&self) -> Interest {
        self.0
    }

    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[test]
fn the_ledger_balances_in_every_snapshot_while_most_events_are_wanted_by_nobody() {
    let bus = VerificationEventBus::builder().capacity(4_000).build();
    bus.register_handler(Box::new(Wants(Interest::families(&[Family::Security]))));
    bus.register_handler(Box::new(Wants(Interest::all().at_least(Severity::High))));
    let done = AtomicBool::new(false);
    let ids: Vec<Vec<EventId>> = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                assert_balanced(&bus.health());
            }
        });
        let publish = || {
            let receipts = (0..20_000).map(|n| match n % 100 {
                7 => bus.publish(event::security("port_scan")),
                _ => bus.publish(event::performance("verify.time")),
            });
            receipts.filter_map(|receipt| receipt.id()).collect()
        };
        let publishers = [scope.spawn(publish), scope.spawn(publish)];
        let ids = publishers.map(|thread| thread.join().expect("publishers do not panic"));
        done.store(true, Ordering::SeqCst);
        watcher.join().expect("every snapshot balances");
        ids.into()
    });
    assert!(bus.flush(SECOND));
    let health = bus.health();
    assert_eq!((health.attempted, health.accepted, health.dropped.total()), (40_000, 40_000, 0));
    let counts: Vec<_> = health.handlers.iter().map(|h| (h.handled, h.filtered, h.queued)).collect();
    assert_eq!(counts, [(400, 39_600, 0), (0, 40_000, 0)]);
    for ids in ids {
        assert!(
            ids.windows(2).all(|pair| pair[1].seq() == pair[0].seq() + 1),
            "each has a number of its lane"
        );
    }
}

#[test]
fn whoever_comes_later_is_given_what_nobody_wanted_before() {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Wants(Interest::families(&[Family::Security]))));
    let publish = |times| (0..times).for_each(|_| drop(bus.publish(event::authorization("read").success())));
    publish(100);
    let (handler, captured) = CaptureHandler::new("late");
    let late = bus.register_handler(Box::new(handler));
    publish(10);
    assert!(bus.flush(SECOND));
    assert_eq!(captured.len(), 10);
    assert!(bus.unregister_handler(late));
    publish(100);
    assert!(bus.flush(SECOND));
    let health = bus.health();
    assert_eq!(captured.len(), 10);
    assert_eq!((health.handlers[0].filtered, health.accepted), (210, 210));
}

#[test]
fn what_nobody_wants_is_not_even_built_where_the_caller_leaves_that_to_the_bus() {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Wants(Interest::families(&[Family::Security]))));
    let mut built = 0;
    for _ in 0..100 {
        let receipt = bus.publish_with(Family::Performance, Severity::Informational, || {
            built += 1;
            event::performance("t")
        });
        assert!(receipt.is_accepted());
        let receipt = bus.publish_with(Family::Security, Severity::High, || event::security("scan"));
        assert!(receipt.is_accepted());
    }
    assert!(built <= 1, "once, for want of a lane: {built}");
    assert!(bus.flush(SECOND));
    let health = bus.health();
    assert_eq!((health.handlers[0].handled, health.handlers[0].filtered), (100, 100));
}

#[test]
fn a_closed_bus_refuses_also_what_nobody_wants() {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Wants(Interest::families(&[Family::Security]))));
    assert!(bus.publish(event::performance("t")).is_accepted());
    assert!(bus.publish(event::performance("t")).is_accepted());
    bus.close(SECOND);
    assert!(!bus.publish(event::performance("t")).is_accepted());
    let health = bus.health();
    assert_eq!((health.accepted, health.handlers[0].filtered), (2, 2));
    assert_eq!(health.dropped.get(LossReason::Closed), 1);
}
