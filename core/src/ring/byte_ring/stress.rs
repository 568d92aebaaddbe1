//! Two threads at random paces: every record once and in order, through growth, rest and refusal.
//!
//! Runs as a test, and again under AddressSanitizer and miri; the seed of a failure is in its message.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

/// Records of one run; few where each step is interpreted.
const RECORDS: u32 = if cfg!(miri) { 300 } else { 100_000 };
const RUNS: u64 = if cfg!(miri) { 2 } else { 8 };

/// A small generator with a seed; its lower bits are not used.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The payload of record `n`: its number, then as many bytes as the number says.
fn payload(n: u32, longest: usize) -> Vec<u8> {
    let len = match n % 97 {
        0 => longest - 4,
        _ => (n as usize * 7) % 400,
    };
    let mut payload = n.to_ne_bytes().to_vec();
    payload.resize(4 + len, n as u8);
    payload
}

fn write(mut writer: Writer, mut random: Random) -> u32 {
    let longest = writer.payload_max().min(3_000);
    let mut refused = 0;
    for n in 0..RECORDS {
        let payload = payload(n, longest);
        while !super::tests::push(&mut writer, &payload) {
            refused += 1;
            thread::yield_now();
        }
        match random.below(2_000) {
            0 => writer.shrink(),
            1..=20 => thread::yield_now(),
            _ => {}
        }
    }
    refused
}

fn read(mut reader: Reader, mut random: Random, written: &AtomicBool, longest: usize) -> u32 {
    let mut expected = 0;
    loop {
        let last = written.load(Ordering::Acquire);
        reader.refresh();
        for _ in 0..random.below(3_000) {
            let Some(seen) = reader.peek() else { break };
            let wanted = payload(expected, longest);
            assert_eq!(seen[..wanted.len()], wanted, "record {expected}");
            reader.advance();
            expected += 1;
        }
        reader.release();
        if last && reader.peek().is_none() {
            return expected;
        }
        thread::yield_now();
    }
}

#[test]
fn two_threads_at_random_paces_see_every_record_once_and_in_order() {
    for seed in 1..=RUNS {
        let (writer, reader) =
            ring([4096, 16 * 1024, 64 * 1024, 256 * 1024][seed as usize % 4], &Budget::default());
        let (longest, memory) = (writer.payload_max().min(3_000), writer.memory());
        let written = AtomicBool::new(false);
        let read = thread::scope(|scope| {
            scope.spawn(|| {
                write(writer, Random(seed));
                written.store(true, Ordering::Release);
            });
            read(reader, Random(!seed), &written, longest)
        });
        assert_eq!(read, RECORDS, "seed {seed}");
        assert!(memory.bytes() <= 2 * 5 * 64 * 1024 * 4, "seed {seed}: {} bytes", memory.bytes());
    }
}
