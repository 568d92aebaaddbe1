//! Every number that the bus gave is either handed to a handler or told to it as lost; nothing in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use veribus::{
    Account, EventHandler, HandlerError, LossReason, VerificationEvent, VerificationEventBus, WhenFull, event,
};

/// What one handler saw and was told, by lane.
#[derive(Default)]
struct Seen {
    events: BTreeMap<u16, BTreeSet<u64>>,
    lost: BTreeMap<u16, BTreeSet<u64>>,
    reasons: BTreeSet<&'static str>,
    next_seq: BTreeMap<u16, u64>,
}

struct Bookkeeper {
    seen: Arc<Mutex<Seen>>,
    pause: Duration,
    refuse_first_account: bool,
}

impl EventHandler for Bookkeeper {
    fn name(&self) -> &str {
        "bookkeeper"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        std::thread::sleep(self.pause);
        let mut seen = self.seen.lock().expect("no panic");
        for event in batch {
            assert!(seen.events.entry(event.id.lane()).or_default().insert(event.id.seq()), "seen once");
        }
        Ok(())
    }

    fn account(&mut self, account: &Account) -> Result<(), HandlerError> {
        if std::mem::take(&mut self.refuse_first_account) {
            return Err(HandlerError::permanent("not now"));
        }
        let mut seen = self.seen.lock().expect("no panic");
        for loss in &account.losses {
            assert_eq!(loss.count, loss.last_seq - loss.first_seq + 1, "few enough to be exact");
            seen.reasons.insert(loss.reason.as_str());
            let lost = seen.lost.entry(loss.lane).or_default();
            (loss.first_seq..=loss.last_seq).for_each(|seq| assert!(lost.insert(seq), "told once"));
        }
        for mark in &account.lanes {
            assert!(
                seen.next_seq.insert(mark.lane, mark.next_seq).unwrap_or(0) < mark.next_seq,
                "marks rise"
            );
        }
        Ok(())
    }
}

/// Publishes from three threads faster than the handler takes, closes, and answers what the handler knows.
fn run(pause: Duration, handler_queue: usize, refuse_first_account: bool) -> (Arc<Mutex<Seen>>, u64) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let bus = VerificationEventBus::builder()
        .capacity(64)
        .handler_queue(handler_queue)
        .when_full(WhenFull::DropNewest)
        .build();
    bus.register_handler(Box::new(Bookkeeper { seen: seen.clone(), pause, refuse_first_account }));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for burst in 0..20 {
                    for _ in 0..500 {
                        bus.publish(event::authentication("login").actor("alice"));
                    }
                    if burst % 5 == 0 {
                        std::thread::sleep(Duration::from_millis(3));
                    }
                }
            });
        }
    });
    assert!(bus.flush(Duration::from_secs(20)), "the handler catches up");
    bus.close(Duration::from_secs(20));
    (seen, bus.health().attempted)
}

/// Each lane's numbers from 1 on are seen or lost, never both, and the mark stands behind the last.
fn balances(seen: &Seen, attempted: u64) {
    let mut known = 0;
    for (lane, next_seq) in &seen.next_seq {
        let empty = BTreeSet::new();
        let (events, lost) = (seen.events.get(lane).unwrap_or(&empty), seen.lost.get(lane).unwrap_or(&empty));
        assert!(events.is_disjoint(lost), "lane {lane}");
        let all: BTreeSet<u64> = events.union(lost).copied().collect();
        assert!(all.iter().copied().eq(1..*next_seq), "lane {lane} has a hole or a number too many");
        known += all.len() as u64;
    }
    assert_eq!(known, attempted);
}

#[test]
fn numbers_refused_at_a_full_ring_are_told() {
    let (seen, attempted) = run(Duration::ZERO, 100_000, false);
    let seen = seen.lock().expect("no panic");
    balances(&seen, attempted);
    assert_eq!(attempted, 30_000);
    assert!(seen.reasons.contains(LossReason::QueueFull.as_str()), "the rings were too small for all");
}

#[test]
fn events_that_find_the_handlers_own_queue_full_are_told_by_number() {
    let (seen, attempted) = run(Duration::from_millis(2), 64, false);
    balances(&seen.lock().expect("no panic"), attempted);
}

#[test]
fn an_account_that_the_handler_refused_is_told_again() {
    let (seen, attempted) = run(Duration::ZERO, 100_000, true);
    balances(&seen.lock().expect("no panic"), attempted);
}
