//! What a user plugs in may panic, and may come twice at once: the bus goes on and tells them apart.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use veribus::*;
use veribus_testkit::CaptureHandler;

const SECONDS: Duration = Duration::from_secs(10);

/// Panics on the bus's own thread once it is told to.
#[derive(Debug, Default)]
struct FallingClock(AtomicBool);

impl FallingClock {
    fn fall(&self) {
        let here = std::thread::current();
        assert!(!self.0.load(Ordering::SeqCst) || here.name() != Some("veribus-dispatch"), "the clock fell");
    }
}

impl Clock for FallingClock {
    fn now(&self) -> Timestamp {
        self.fall();
        Timestamp::from_nanos(1)
    }

    fn steady(&self) -> Duration {
        self.fall();
        Duration::from_nanos(1)
    }
}

#[test]
fn a_clock_that_panics_does_not_end_the_dispatcher() {
    let clock = Arc::new(FallingClock::default());
    let bus = VerificationEventBus::builder().shared_clock(clock.clone()).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    bus.publish(event::authentication("before"));
    assert!(bus.flush(SECONDS));
    clock.0.store(true, Ordering::SeqCst);
    bus.publish(event::authentication("while"));
    assert!(bus.flush(SECONDS), "somebody still answers");
    assert_eq!(captured.len(), 2);
    let report = bus.close(SECONDS);
    assert_eq!((report.delivered, report.dropped.total()), (2, 0));
}

#[test]
fn handlers_that_come_at_once_with_one_name_get_a_name_each() {
    const HANDLERS: usize = 8;
    let bus = VerificationEventBus::new(100);
    let together = Barrier::new(HANDLERS);
    std::thread::scope(|scope| {
        for _ in 0..HANDLERS {
            scope.spawn(|| {
                let (handler, _captured) = CaptureHandler::new("audit");
                together.wait();
                bus.register_handler(Box::new(handler));
            });
        }
    });
    let names: BTreeSet<String> = bus.health().handlers.into_iter().map(|handler| handler.name).collect();
    assert_eq!(names.len(), HANDLERS, "{names:?}");
    assert!(names.contains("audit") && names.contains("audit-8"), "{names:?}");
}
