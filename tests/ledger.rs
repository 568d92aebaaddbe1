//! Every publish is answered, every event accounted for, in every snapshot and at the end.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::assert_balanced;
use veribus::*;
use veribus_testkit::{Blocking, CaptureHandler};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_publishers_were_answered_is_what_the_ledger_says() {
    let bus = VerificationEventBus::builder().capacity(64).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let done = AtomicBool::new(false);
    let (mut accepted, mut dropped, mut rejected, mut returned) = (0, 0, 0, 0);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                assert_balanced(&bus.health());
            }
        });
        let publishers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut counts = [0_u64; 4];
                    for n in 0..20_000 {
                        let draft = event::performance(if n % 100 == 0 { "NOT ALLOWED" } else { "fine" });
                        if n % 10 == 5 {
                            match bus.try_publish(&draft) {
                                Ok(_) => counts[0] += 1,
                                Err(back) => {
                                    assert!(std::ptr::eq(back.event, &draft));
                                    counts[3] += 1;
                                }
                            }
                            continue;
                        }
                        match bus.publish(&draft) {
                            Receipt::Accepted(_) => counts[0] += 1,
                            Receipt::Dropped { .. } => counts[1] += 1,
                            Receipt::Rejected(_) => counts[2] += 1,
                        }
                    }
                    counts
                })
            })
            .collect();
        for publisher in publishers {
            let counts = publisher.join().expect("publishers do not panic");
            accepted += counts[0];
            dropped += counts[1];
            rejected += counts[2];
            returned += counts[3];
        }
        done.store(true, Ordering::SeqCst);
        watcher.join().expect("every snapshot balances");
    });
    assert!(bus.flush(10 * SECOND));
    let health = bus.health();
    assert_balanced(&health);
    assert_eq!((health.accepted, health.dropped.total()), (accepted, dropped));
    assert_eq!((health.rejected, health.returned), (rejected, returned));
    assert_eq!(health.attempted, 80_000);
    assert_eq!(rejected, 800);
    let handled = &health.handlers[0];
    assert_eq!(handled.handled + handled.lost.total(), accepted);
    assert_eq!(captured.len() as u64, handled.handled);
}

#[test]
fn a_lost_event_is_a_hole_in_its_lane_and_order_is_kept() {
    let bus = VerificationEventBus::builder().capacity(64).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let mut answered = Vec::new();
    for _ in 0..20_000 {
        answered.push(bus.publish(event::performance("tick")));
    }
    assert!(bus.flush(10 * SECOND));
    let accepted: Vec<EventId> = answered.iter().filter_map(Receipt::id).collect();
    assert!(accepted.len() < answered.len(), "the ring of 64 events was never full");
    let numbers: Vec<u64> = answered
        .iter()
        .map(|receipt| match receipt {
            Receipt::Accepted(id) | Receipt::Dropped { id: Some(id), .. } => id.seq(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, (1..=20_000).collect::<Vec<_>>(), "each publish takes the next number");
    let seen: Vec<EventId> = captured.events().iter().map(|event| event.id).collect();
    let lost = bus.health().handlers[0].lost.total() as usize;
    assert_eq!(seen.len() + lost, accepted.len());
    assert!(seen.is_sorted());
}

#[test]
fn security_events_find_room_where_performance_events_do_not() {
    let bus = VerificationEventBus::builder().capacity(64).handler_queue(64).build();
    // Without a handler taking events out of the way the dispatcher would empty the ring: hold it by its patience.
    let bus_blocked = VerificationEventBus::builder()
        .capacity(64)
        .handler_queue(64)
        .when_full(WhenFull::Block { timeout: Duration::from_millis(300) })
        .build();
    drop(bus);
    let (blocking, gate) = Blocking::new();
    bus_blocked.register_handler(Box::new(blocking));
    let fill = |draft: EventDraft<'static, event::family::Performance>| {
        while bus_blocked.try_publish(&draft).is_ok() {}
    };
    // Fill the handler's queue and then the ring; `try_publish` never waits.
    for _ in 0..3 {
        fill(event::performance("tick"));
        std::thread::sleep(Duration::from_millis(20));
    }
    fill(event::performance("tick"));
    let login = event::authentication("login").failure();
    let attack = event::security("attack");
    assert!(bus_blocked.try_publish(&login).is_ok(), "a login has the room that performance leaves");
    while bus_blocked.try_publish(&login).is_ok() {}
    assert!(bus_blocked.try_publish(&attack).is_ok(), "an attack has the last room");
    gate.open();
    assert!(bus_blocked.flush(10 * SECOND));
    assert_balanced(&bus_blocked.health());
}

#[test]
fn blocking_publishers_lose_nothing() {
    let bus = VerificationEventBus::builder()
        .capacity(64)
        .handler_queue(64)
        .when_full(WhenFull::Block { timeout: 10 * SECOND })
        .build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope
                .spawn(|| (0..20_000).for_each(|_| assert!(bus.publish(event::security("s")).is_accepted())));
        }
    });
    assert!(bus.flush(10 * SECOND));
    assert_eq!(captured.len(), 60_000);
    let health = bus.health();
    assert_balanced(&health);
    assert_eq!((health.accepted, health.dropped.total()), (60_000, 0));
}

#[test]
fn a_handler_is_given_what_is_published_after_it_came() {
    let bus = VerificationEventBus::new(1000);
    bus.publish(event::security("before"));
    let (handler, captured) = CaptureHandler::new("capture");
    let id = bus.register_handler(Box::new(handler));
    bus.publish(event::security("after"));
    assert!(bus.flush(SECOND));
    assert!(bus.unregister_handler(id));
    assert!(!bus.unregister_handler(id));
    bus.publish(event::security("gone"));
    assert!(bus.flush(SECOND));
    let actions: Vec<_> = captured.events().iter().map(|e| e.action.to_string()).collect();
    assert_eq!(actions, ["after"]);
}

#[test]
fn an_uninterested_handler_counts_what_it_is_spared() {
    let bus = VerificationEventBus::new(1000);
    let (handler, captured) = CaptureHandler::new("high");
    let interest = Interest::families(&[Family::Security]).at_least(Severity::High);
    bus.register_handler(Box::new(handler.interested_in(interest)));
    bus.publish(event::security("mild"));
    bus.publish(event::security("grave").severity(Severity::High));
    bus.publish(event::authentication("login").severity(Severity::Fatal));
    assert!(bus.flush(SECOND));
    assert_eq!(captured.len(), 1);
    let health = bus.health();
    assert_balanced(&health);
    assert_eq!(health.handlers[0].filtered, 2);
}

#[test]
fn many_threads_come_and_go_and_share_above_the_limit() {
    let bus = VerificationEventBus::builder().lanes_max(4).capacity(4000).handler_queue(100_000).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    for _ in 0..10 {
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| (0..100).for_each(|_| drop(bus.publish(event::security("s")))));
            }
        });
    }
    assert!(bus.flush(10 * SECOND));
    let health = bus.health();
    assert_balanced(&health);
    assert!(health.lanes <= 5, "four of their own and one shared: {health:?}");
    assert_eq!(captured.len() as u64 + health.dropped.total() + health.handlers[0].lost.total(), 12_000);
    let mut ids: Vec<_> = captured.events().iter().map(|e| e.id).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "a recycled lane goes on with its sequence");
}

#[test]
fn large_and_nested_events_arrive_whole_and_in_order() {
    let bus = VerificationEventBus::new(1000);
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let text = "x".repeat(200_000);
    let nested = Value::List(vec![Value::from("a"), Value::Map([("k", 1_i64)].into_iter().collect())]);
    for n in 0..10_u32 {
        let draft =
            event::configuration("change").new_value(&text).attribute("nested", &nested).attribute("n", n);
        assert!(bus.publish(draft).is_accepted());
        assert!(bus.publish(event::security("small").attribute("n", n)).is_accepted());
    }
    assert!(bus.flush(SECOND));
    let events = captured.events();
    assert_eq!(events.len(), 20);
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.attributes.get("n"), Some(&Value::from(at as u32 / 2)));
        assert_eq!(event.id.seq(), at as u64 + 1);
    }
    assert_eq!(events[0].attributes.get("nested"), Some(&nested));
    match &events[0].kind {
        EventKind::Configuration(change) => {
            assert_eq!(change.new_value.as_ref().map(|t| t.len()), Some(200_000))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_close_asks_every_handler_what_it_leaves_behind() {
    struct Leaves;
    impl EventHandler for Leaves {
        fn name(&self) -> &str {
            "leaves"
        }
        fn handle(&mut self, _: &[std::sync::Arc<VerificationEvent>]) -> Result<(), HandlerError> {
            Ok(())
        }
        fn close(&mut self, _: std::time::Instant) -> u64 {
            7
        }
    }
    for _ in 0..200 {
        let bus = VerificationEventBus::new(64);
        bus.register_handler(Box::new(Leaves));
        bus.publish(event::authentication("login"));
        assert_eq!(bus.close(SECOND).spooled, 7);
    }
}
