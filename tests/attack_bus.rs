//! The bus under attack: races, tiny rings, handlers of bad manners; the books stay exact.

mod common;

use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{assert_balanced, eventually};
use veribus::*;
use veribus_testkit::{Blocking, CaptureHandler, Failing};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_close_that_races_eight_publishers_leaves_exact_books_every_time() {
    for round in 0..100_u64 {
        let bus = VerificationEventBus::builder().capacity(64).handler_queue(100_000).build();
        let (handler, captured) = CaptureHandler::new("capture");
        bus.register_handler(Box::new(handler));
        let accepted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while bus.instance().0 != 0 {
                        match bus.publish(event::security("s")) {
                            Receipt::Accepted(_) => drop(accepted.fetch_add(1, Ordering::Relaxed)),
                            Receipt::Dropped { reason: LossReason::Closed, .. } => break,
                            _ => {}
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_micros(round * 7 % 500));
            // Every tenth closes without any time at all.
            bus.close(if round % 10 == 9 { Duration::ZERO } else { 5 * SECOND });
        });
        let health = eventually(&bus, |h| h.handlers[0].queued == 0);
        assert_eq!(health.accepted, accepted.load(Ordering::Relaxed), "round {round}");
        let handled = &health.handlers[0];
        assert_eq!(handled.handled + handled.lost.total(), health.accepted, "round {round}: {handled:?}");
        assert_eq!(captured.len() as u64, handled.handled);
    }
}

#[test]
fn handlers_that_come_and_go_under_load_never_unbalance_a_snapshot() {
    let bus = VerificationEventBus::builder().capacity(64).handler_queue(64).build();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    bus.publish(event::security("s"));
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert_balanced(&bus.health());
            }
        });
        for _ in 0..40 {
            let (handler, _) = CaptureHandler::new("passing");
            let id = bus.register_handler(Box::new(handler));
            assert!(bus.unregister_handler(id));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(bus.close(5 * SECOND).unfinished.is_empty());
    assert_balanced(&bus.health());
}

/// Durable, and remembers what it was given.
fn durable(name: &str) -> (CaptureHandler, veribus_testkit::Captured) {
    let (handler, captured) = CaptureHandler::new(name);
    (handler.durable(), captured)
}

#[test]
fn an_event_that_no_durable_handler_was_given_is_never_confirmed() {
    let bus = VerificationEventBus::builder()
        .capacity(1000)
        .handler_queue(64)
        .when_full(WhenFull::Block { timeout: 300 * MS })
        .build();
    let (blocking, gate) = Blocking::new();
    bus.register_handler(Box::new(blocking));
    // One batch in the handler's hands, one fills its queue, the next holds the dispatcher.
    for _ in 0..3 {
        (0..64).for_each(|_| drop(bus.try_publish(event::security("fill"))));
        std::thread::sleep(30 * MS);
    }
    let (handler, captured) = durable("disk");
    std::thread::scope(|scope| {
        scope.spawn(|| bus.register_handler(Box::new(handler)));
        while bus.health().handlers.len() < 2 {
            std::thread::yield_now();
        }
        let answer = bus.publish_confirmed(event::security("vital"), 5 * SECOND);
        let arrived = captured.events().iter().any(|event| event.action == "vital");
        assert_eq!(answer.is_ok(), arrived, "{answer:?}");
    });
    gate.open();
}

#[test]
fn a_patience_without_end_is_no_panic() {
    let bus = VerificationEventBus::builder()
        .capacity(64)
        .handler_queue(64)
        .when_full(WhenFull::Block { timeout: Duration::MAX })
        .build();
    let (handler, captured) = CaptureHandler::new("slow");
    let (blocking, gate) = Blocking::new();
    bus.register_handler(Box::new(handler));
    bus.register_handler(Box::new(blocking));
    std::thread::scope(|scope| {
        scope.spawn(|| (0..2000).for_each(|_| assert!(bus.publish(event::security("s")).is_accepted())));
        std::thread::sleep(100 * MS);
        gate.open();
    });
    assert!(bus.flush(5 * SECOND));
    assert_eq!(captured.len(), 2000);
    assert_eq!(bus.health().handlers[1].handled, 2000);
}

#[cfg(target_os = "linux")]
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc");
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.trim() == "veribus-never").count()
}

/// Its thread is named for it, so that it can be found.
#[cfg(target_os = "linux")]
#[test]
fn a_handler_registered_while_the_bus_closes_leaves_no_thread_behind() {
    for round in 0..60 {
        let bus = VerificationEventBus::new(64);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (handler, _) = CaptureHandler::new("never");
                bus.register_handler(Box::new(handler))
            });
            std::thread::sleep(Duration::from_micros(round * 5));
            bus.close(SECOND);
        });
        assert_balanced(&bus.health());
    }
    let begun = Instant::now();
    while threads() > 0 {
        assert!(begun.elapsed() < 5 * SECOND, "{} threads left", threads());
        std::thread::sleep(MS);
    }
}

#[test]
fn a_closed_bus_answers_at_once_and_starts_nothing() {
    let bus = VerificationEventBus::new(64);
    let (handler, _) = CaptureHandler::new("capture");
    let id = bus.register_handler(Box::new(handler));
    bus.close(SECOND);
    let begun = Instant::now();
    assert!(bus.unregister_handler(id));
    assert!(bus.flush(5 * SECOND));
    assert!(begun.elapsed() < 500 * MS, "{:?}", begun.elapsed());

    let never_used = VerificationEventBus::new(64);
    never_used.close(SECOND);
    let weak = Arc::new(());
    let watched = Arc::downgrade(&weak);
    let (handler, _) = (Watched(weak), ());
    never_used.register_handler(Box::new(handler));
    never_used.publish(event::security("late"));
    assert!(watched.upgrade().is_none(), "a handler of a closed bus is dropped");
}

/// Is dropped with what it holds.
struct Watched(#[allow(dead_code)] Arc<()>);

impl EventHandler for Watched {
    fn name(&self) -> &str {
        "watched"
    }
    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// Panics when it is dropped, as do what it throws and its errors when they are shown.
struct Venom(u32);

struct Sting;

impl Drop for Sting {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("stung");
        }
    }
}

#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("unspeakable")
    }
}

impl std::error::Error for Unspeakable {}

impl EventHandler for Venom {
    fn name(&self) -> &str {
        "venom"
    }
    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.0 += 1;
        match self.0 {
            1 | 2 => panic_any(Sting),
            3 => Err(HandlerError::permanent(Unspeakable)),
            _ => Ok(()),
        }
    }
    fn flush(&mut self) -> Result<(), HandlerError> {
        Err(HandlerError::permanent(Unspeakable))
    }
}

impl Drop for Venom {
    fn drop(&mut self) {
        panic!("last bite");
    }
}

#[test]
fn a_handler_whose_panics_errors_and_drop_panic_is_still_counted_and_closed() {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Venom(0)));
    for _ in 0..6 {
        bus.publish(event::security("s"));
        assert!(!bus.flush(5 * SECOND), "its flush fails");
    }
    let report = bus.close(5 * SECOND);
    assert!(report.unfinished.is_empty(), "{report:?}");
    let health = bus.health();
    assert_balanced(&health);
    assert_eq!(health.handlers[0].queued, 0, "{health:?}");
    assert_eq!(health.handlers[0].state, HandlerState::Stopped);
    assert_eq!(health.handlers[0].last_error.as_deref(), Some("last bite"));
}

#[test]
fn a_close_in_a_retry_pause_still_delivers() {
    let bus = VerificationEventBus::new(1000);
    let (handler, taken) = Failing::new(3, |_| HandlerError::retry(0, "busy"));
    bus.register_handler(Box::new(handler));
    bus.publish(event::security("s"));
    eventually(&bus, |h| h.handlers[0].failures > 0);
    let report = bus.close(5 * SECOND);
    assert_eq!((taken.load(Ordering::SeqCst), report.dropped.total()), (1, 0), "{report:?}");
}

#[test]
fn an_unregistered_handler_is_waited_for_by_close() {
    let bus = VerificationEventBus::new(1000);
    let (slow, handled) = Slow::new(100 * MS);
    let id = bus.register_handler(Box::new(slow));
    bus.publish(event::security("s"));
    assert!(bus.unregister_handler(id));
    assert!(bus.close(5 * SECOND).unfinished.is_empty());
    assert_eq!(handled.load(Ordering::SeqCst), 1);
}

/// Takes its time over each batch.
struct Slow(Duration, Arc<AtomicU64>);

impl Slow {
    fn new(pause: Duration) -> (Self, Arc<AtomicU64>) {
        let handled = Arc::default();
        (Slow(pause, Arc::clone(&handled)), handled)
    }
}

impl EventHandler for Slow {
    fn name(&self) -> &str {
        "slow"
    }
    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        std::thread::sleep(self.0);
        self.1.fetch_add(batch.len() as u64, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn blocked_publishers_are_let_go_when_the_bus_closes() {
    let bus = VerificationEventBus::builder()
        .capacity(64)
        .handler_queue(64)
        .when_full(WhenFull::Block { timeout: 60 * SECOND })
        .build();
    let (slow, _) = Slow::new(50 * MS);
    bus.register_handler(Box::new(slow));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| while bus.publish(event::security("s")).is_accepted() {});
        }
        std::thread::sleep(50 * MS);
        let begun = Instant::now();
        bus.close(100 * MS);
        assert!(begun.elapsed() < 350 * MS, "{:?}", begun.elapsed());
    });
    let health = eventually(&bus, |h| h.handlers[0].queued == 0);
    assert!(health.handlers[0].lost.get(LossReason::CloseDeadline) > 0);
}

/// Fails its first flush alone.
struct FlakyDisk(u32);

impl EventHandler for FlakyDisk {
    fn name(&self) -> &str {
        "flaky"
    }
    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        Ok(())
    }
    fn flush(&mut self) -> Result<(), HandlerError> {
        self.0 += 1;
        if self.0 == 1 { panic!("sync failed") } else { Ok(()) }
    }
    fn durable(&self) -> bool {
        true
    }
}

#[test]
fn a_sync_that_fails_once_is_told_once() {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(FlakyDisk(0)));
    let first = bus.publish_confirmed(event::security("s"), 5 * SECOND);
    assert!(matches!(first, Err(ConfirmError::NotDurable { .. })), "{first:?}");
    bus.publish_confirmed(event::security("s"), 5 * SECOND).expect("the second sync succeeds");
    assert!(bus.flush(SECOND));
}

/// Publishes when its thread ends, after the lanes of that thread may be gone.
struct LastWords(Mutex<Option<VerificationEventBus>>);

impl Drop for LastWords {
    fn drop(&mut self) {
        if let Some(bus) = self.0.get_mut().expect("not poisoned").take() {
            bus.publish(event::security("last.words"));
        }
    }
}

thread_local!(static LAST_WORDS: LastWords = const { LastWords(Mutex::new(None)) });

#[test]
fn three_hundred_short_threads_are_heard_to_their_last_words() {
    let bus = VerificationEventBus::builder().capacity(4000).lanes_max(8).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    for _ in 0..60 {
        let threads: Vec<_> = (0..5)
            .map(|at| {
                let bus = bus.clone();
                std::thread::spawn(move || {
                    // Before its first publish or after: its lanes are torn down after or before the last words.
                    let early = at % 2 == 0;
                    if early {
                        LAST_WORDS.with(|words| *words.0.lock().expect("fine") = Some(bus.clone()));
                    }
                    bus.publish(event::security("hello"));
                    if !early {
                        LAST_WORDS.with(|words| *words.0.lock().expect("fine") = Some(bus.clone()));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    }
    assert!(bus.flush(5 * SECOND));
    assert_eq!(captured.len(), 600);
    assert!(bus.health().lanes <= 9);
    assert_balanced(&bus.health());
}

#[test]
fn many_small_events_in_the_side_queue_meet_its_ceiling_and_are_counted() {
    let bus = VerificationEventBus::builder()
        .capacity(1_000_000)
        .handler_queue(64)
        .when_full(WhenFull::Block { timeout: 2 * SECOND })
        .build();
    let (blocking, gate) = Blocking::new();
    bus.register_handler(Box::new(blocking));
    for _ in 0..3 {
        (0..64).for_each(|_| drop(bus.try_publish(event::security("fill"))));
        std::thread::sleep(20 * MS);
    }
    let nested = Value::List(vec![]);
    let mut taken = 0_usize;
    while taken < 100_000 && bus.try_publish(event::security("s").attribute("n", &nested)).is_ok() {
        taken += 1;
    }
    let most = 8 * 1024 * 1024 / size_of::<VerificationEvent>();
    assert!(
        taken > 100 && taken <= most,
        "{taken} events of more than {} bytes",
        size_of::<VerificationEvent>()
    );
    assert_eq!(bus.health().returned, 1);
    gate.open();
    bus.close(SECOND);
    assert_balanced(&bus.health());
}

/// Drops its bus, and closes another, from inside.
struct Ungrateful(Option<VerificationEventBus>);

impl EventHandler for Ungrateful {
    fn name(&self) -> &str {
        "ungrateful"
    }
    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.0 = None;
        Ok(())
    }
}

#[test]
fn the_last_clone_of_a_bus_may_be_dropped_by_its_handler() {
    let (handler, captured) = CaptureHandler::new("capture");
    {
        let bus = VerificationEventBus::new(1000);
        bus.register_handler(Box::new(handler));
        bus.register_handler(Box::new(Ungrateful(Some(bus.clone()))));
        (0..10).for_each(|_| drop(bus.publish(event::security("s"))));
    }
    assert!(captured.wait_for(10, 5 * SECOND));
}
