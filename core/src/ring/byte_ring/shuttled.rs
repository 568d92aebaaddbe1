//! Long runs under shuttle's random schedules: two publishers with a ring each, one dispatcher, growth, rest and a close
//! in the middle. loom proves short runs whole; this tries what only long ones reach.
//!
//! Run by `cargo xtask test`; by hand: `RUSTFLAGS='--cfg shuttle' cargo test -p veribus-core --lib shuttled`, in a target
//! directory of its own. A failure prints its schedule, which `shuttle::replay` runs again.

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shuttle::{sync::Arc, thread};

use super::super::barrier;
use super::{Budget, Reader, Writer, between};

/// Records that each publisher offers in one run.
const RECORDS: u32 = 60;
/// Runs of each scheduler.
const RUNS: usize = 2_000;
/// Points at which the second scheduler changes its mind, in one run.
const DEPTH: usize = 3;

/// What a publisher shares with the dispatcher, as `bus::lane` has it.
#[derive(Default)]
struct Lane {
    accepted: AtomicU64,
    refused: AtomicU64,
    inside: AtomicBool,
}

/// One number and some bytes behind it; whether there was room.
fn push(writer: &mut Writer, number: u32) -> bool {
    let Some(room) = writer.reserve(4 + number as usize % 9, 0) else { return false };
    room.fill(number as u8);
    room[..4].copy_from_slice(&number.to_ne_bytes());
    writer.commit();
    true
}

fn publish(mut writer: Writer, lane: &Lane, closed: &AtomicBool) {
    let most = writer.capacity();
    writer.limit([most; super::CLASSES]);
    for number in 0..RECORDS {
        lane.inside.store(true, Ordering::Relaxed);
        barrier::light();
        let accepted = !closed.load(Ordering::Relaxed) && push(&mut writer, number);
        let count = if accepted { &lane.accepted } else { &lane.refused };
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        lane.inside.store(false, Ordering::Release);
        match thread_rng().gen_range(0..20) {
            0 => writer.shrink(),
            1..=5 => thread::yield_now(),
            _ => {}
        }
    }
}

/// Reads what is there; every record is whole, and behind the one read before it.
fn drain(reader: &mut Reader, next: &mut u32, read: &mut u64) {
    reader.refresh();
    while let Some(payload) = reader.peek() {
        let number = u32::from_ne_bytes([payload[0], payload[1], payload[2], payload[3]]);
        assert!(number >= *next, "{number} came behind {next}");
        assert!(payload[4..4 + number as usize % 9].iter().all(|byte| *byte == number as u8));
        (*next, *read) = (number + 1, *read + 1);
        reader.advance();
    }
    reader.release();
}

fn run() {
    // Two rings of 32 to 256 bytes, and memory for one of them to grow to the end.
    let budget = Budget::of(2 * 40 + 80 + 160 + 320);
    let closed = Arc::new(AtomicBool::new(false));
    let mut far = Vec::new();
    let publishers: Vec<_> = (0..2)
        .map(|_| {
            let (writer, reader) = between(32, 256, &budget);
            let (lane, closed) = (Arc::new(Lane::default()), closed.clone());
            far.push((reader, lane.clone(), 0, 0));
            thread::spawn(move || publish(writer, &lane, &closed))
        })
        .collect();
    for _ in 0..thread_rng().gen_range(1..40) {
        for (reader, _, next, read) in &mut far {
            drain(reader, next, read);
        }
        thread::yield_now();
    }
    closed.store(true, Ordering::SeqCst);
    barrier::heavy();
    for (reader, lane, next, read) in &mut far {
        while lane.inside.load(Ordering::Acquire) {
            thread::yield_now();
        }
        drain(reader, next, read);
        assert_eq!(
            *read,
            lane.accepted.load(Ordering::Acquire),
            "accepted before the close is delivered by it"
        );
    }
    publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher does not panic"));
    for (reader, lane, next, read) in &mut far {
        drain(reader, next, read);
        let [accepted, refused] = [&lane.accepted, &lane.refused].map(|count| count.load(Ordering::Acquire));
        assert_eq!(
            (accepted + refused, *read),
            (u64::from(RECORDS), accepted),
            "every record is one or the other"
        );
    }
}

#[test]
fn two_publishers_and_a_close_agree_on_every_record_under_random_schedules() {
    barrier::prepare();
    shuttle::check_random(run, RUNS);
}

#[test]
fn two_publishers_and_a_close_agree_on_every_record_where_a_few_switches_are_placed_with_care() {
    barrier::prepare();
    shuttle::check_pct(run, RUNS, DEPTH);
}
