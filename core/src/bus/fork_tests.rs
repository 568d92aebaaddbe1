//! A forked child has its own identity, its own threads and none of its parent's events.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::event;
use crate::event::VerificationEvent;
use crate::ring::fork::tests::in_fork;

const SECOND: Duration = Duration::from_secs(1);

/// Counts, and can be made again in a child.
struct Counting {
    seen: Arc<AtomicU64>,
    again: bool,
}

static CHILD_SEEN: Mutex<Option<Arc<AtomicU64>>> = Mutex::new(None);

impl EventHandler for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.seen.fetch_add(batch.len() as u64, Ordering::SeqCst);
        Ok(())
    }

    fn for_child(&self) -> Option<HandlerFactory> {
        self.again.then(|| -> HandlerFactory {
            Box::new(|| {
                let seen = Arc::<AtomicU64>::default();
                *lock(&CHILD_SEEN) = Some(seen.clone());
                Ok(Box::new(Counting { seen, again: false }))
            })
        })
    }
}

#[test]
fn parent_and_child_each_handle_their_own_events_once() {
    let bus = VerificationEventBus::new(4000);
    let seen = Arc::<AtomicU64>::default();
    bus.register_handler(Box::new(Counting { seen: seen.clone(), again: true }));
    bus.register_handler(Box::new(Counting { seen: Arc::default(), again: false }));
    let publish = |events: usize| (0..events).all(|_| bus.publish(event::security("s")).is_accepted());
    assert!(publish(100));
    let parent = bus.instance();
    let child_is_fine = in_fork(|| {
        let begun = bus.instance() != parent && bus.health().accepted == 0;
        let published = publish(10) && bus.flush(5 * SECOND);
        let health = bus.health();
        let child_seen = lock(&CHILD_SEEN).clone().map(|seen| seen.load(Ordering::SeqCst));
        let rebuilt = health.handlers[0].handled == 10 && child_seen == Some(10);
        let missing = &health.handlers[1];
        let counted = missing.lost.get(LossReason::NoHandlerAfterFork) == 10
            && missing.state == HandlerState::Stopped
            && missing.accepted == 10;
        // A grandchild of a child is a child again.
        let grandchild =
            in_fork(|| publish(3) && bus.flush(5 * SECOND) && bus.health().handlers[0].handled == 3);
        let closed = bus.close(5 * SECOND).unfinished.is_empty();
        begun && published && rebuilt && counted && grandchild && closed
    });
    assert!(child_is_fine);
    assert!(publish(5) && bus.flush(5 * SECOND));
    assert_eq!(seen.load(Ordering::SeqCst), 105);
    assert_eq!(bus.instance(), parent);
}

#[test]
fn a_fork_in_the_middle_of_publishing_threads_never_hangs() {
    let bus = VerificationEventBus::new(4000);
    bus.register_handler(Box::new(Counting { seen: Arc::default(), again: true }));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    bus.publish(event::security("s"));
                }
            });
        }
        for _ in 0..20 {
            assert!(in_fork(|| bus.publish(event::security("s")).is_accepted() && bus.flush(5 * SECOND)));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Asks its bus while it is made again, and before that panics, as told.
struct Curious {
    bus: std::sync::Weak<Shared>,
    panics: bool,
}

impl EventHandler for Curious {
    fn name(&self) -> &str {
        "curious"
    }

    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        Ok(())
    }

    fn for_child(&self) -> Option<HandlerFactory> {
        let (bus, panics) = (self.bus.clone(), self.panics);
        Some(Box::new(move || {
            assert!(!panics, "no handler for you");
            let asked = bus.upgrade().map(|shared| VerificationEventBus(shared).instance());
            assert!(asked.is_some());
            Ok(Box::new(Curious { bus: bus.clone(), panics }))
        }))
    }
}

#[test]
fn a_factory_that_asks_its_bus_or_panics_does_not_hang_the_child() {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Curious { bus: Arc::downgrade(&bus.0), panics: false }));
    bus.register_handler(Box::new(Curious { bus: Arc::downgrade(&bus.0), panics: true }));
    assert!(in_fork(|| {
        let published = bus.publish(event::security("s")).is_accepted() && bus.flush(5 * SECOND);
        let health = bus.health();
        published && health.handlers[0].handled == 1 && health.handlers[1].lost.total() == 1
    }));
}
