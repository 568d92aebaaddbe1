//! A thousand publishing threads take little memory, and give back what a burst made them take.

use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use veribus::{BusBuilder, VerificationEventBus, event};

const THREADS: usize = 1_000;
/// What rings may take for all of them together.
const RINGS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Memory is counted for the whole process, so these tests run one by one.
static ALONE: Mutex<()> = Mutex::new(());

/// Bytes of memory that this process has in use, or `None` where the system does not say: then only what the
/// bus says of itself is held.
fn resident_bytes() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

/// Runs a thousand threads that each publish `events`, and answers what their rings and the process have taken
/// while all of them live.
fn taken_by(bus: &VerificationEventBus, events: usize) -> (usize, Option<usize>) {
    let (started, published, ended) =
        (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let spawned = thread::Builder::new().stack_size(128 * 1024).spawn_scoped(scope, || {
                started.wait();
                for _ in 0..events {
                    bus.publish(
                        event::authentication("login").failure().actor("alice").reason("bad_password"),
                    );
                }
                published.wait();
                ended.wait();
            });
            spawned.expect("the machine has room for a thousand threads");
        }
        // The threads themselves, stacks and all, are there before the count begins.
        let before = {
            started.wait();
            resident_bytes()
        };
        published.wait();
        let rings = bus.health().ring_bytes;
        let grown = resident_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
        ended.wait();
        (rings, grown)
    })
}

fn expect_little(builder: BusBuilder, lanes: usize) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let bus = builder.build();
    let (rings, grown) = taken_by(&bus, 50);
    let health = bus.health();
    assert_eq!(health.lanes, lanes);
    assert_eq!(health.attempted, (THREADS * 50) as u64);
    assert!((lanes * 16 * 1024..=RINGS_BYTES_MAX).contains(&rings), "{rings} bytes of rings");
    if let Some(grown) = grown {
        assert!(grown <= RINGS_BYTES_MAX, "the process grew by {grown} bytes");
    }
}

#[test]
fn a_thousand_threads_share_the_rings_of_the_default() {
    expect_little(VerificationEventBus::builder(), 257);
}

#[test]
fn a_thousand_threads_with_a_ring_each_stay_small() {
    expect_little(VerificationEventBus::builder().lanes_max(THREADS), THREADS);
}

#[test]
fn bursts_of_a_thousand_threads_stay_within_the_memory_that_rings_may_take() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (first, grown_most) = ((THREADS + 1) * 20 * 1024, 24 * 1024 * 1024);
    let bus = VerificationEventBus::builder().lanes_max(THREADS).ring_memory(grown_most).build();
    let (rings, grown) = taken_by(&bus, 1_000);
    assert!((first..=first + grown_most).contains(&rings), "{rings} bytes of rings");
    assert!(grown.is_none_or(|grown| grown <= RINGS_BYTES_MAX), "the process grew by {grown:?} bytes");
    let health = bus.health();
    assert_eq!(health.attempted, (THREADS * 1_000) as u64);
    assert_eq!(health.accepted + health.dropped.total(), health.attempted, "what found no room is counted");
}

#[test]
fn what_a_burst_took_is_given_back_when_its_threads_are_gone() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let bus = VerificationEventBus::builder().capacity(4_000).lanes_max(THREADS).build();
    let burst = || {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..4_000 {
                        bus.publish(event::authentication("login").failure().actor("alice"));
                    }
                });
            }
        });
    };
    burst();
    let until = Instant::now() + Duration::from_secs(10);
    let small = |bytes: usize, lanes: usize| bytes <= lanes * 20 * 1024;
    while !small(bus.health().ring_bytes, bus.health().lanes) && Instant::now() < until {
        assert!(bus.flush(Duration::from_secs(10)));
    }
    let health = bus.health();
    assert!(small(health.ring_bytes, health.lanes), "{} bytes in {} rings", health.ring_bytes, health.lanes);
    assert_eq!(health.attempted, 32_000, "and every event is accounted for");
    assert_eq!(health.accepted + health.dropped.total(), 32_000);
}
