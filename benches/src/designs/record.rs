//! The record that every design carries: the sample's fields and texts, stamped.

use std::time::{Instant, SystemTime};

use quanta::Clock;

use crate::sample::Sample;

/// Longest record of the samples; a fixed slot is so large.
pub(super) const RECORD_BYTES_MAX: usize = 320;

/// Which clock stamps a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stamp {
    Tsc,
    Instant,
    System,
}

/// Writes records into an array of its own, as they would stand in a ring.
pub(super) struct Encoder {
    stamp: Stamp,
    tsc: Clock,
    start: Instant,
    bytes: [u8; RECORD_BYTES_MAX],
}

impl Encoder {
    pub(super) fn new(stamp: Stamp) -> Self {
        Encoder { stamp, tsc: Clock::new(), start: Instant::now(), bytes: [0; RECORD_BYTES_MAX] }
    }

    fn now(&self) -> u64 {
        match self.stamp {
            Stamp::Tsc => self.tsc.raw(),
            Stamp::Instant => self.start.elapsed().as_nanos() as u64,
            Stamp::System => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64),
        }
    }

    /// The record, which begins with its length as two bytes and takes a multiple of eight.
    #[inline]
    pub(super) fn encode(&mut self, sample: &Sample) -> &[u8] {
        let now = self.now();
        let mut at = 2;
        let mut put = |bytes: &[u8]| {
            self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&now.to_le_bytes());
        put(&sample.trace.to_le_bytes());
        put(&sample.span.to_le_bytes());
        put(&(sample.latency.as_nanos() as u64).to_le_bytes());
        for text in sample.texts() {
            put(&(text.len() as u16).to_le_bytes());
            put(text.as_bytes());
        }
        let whole = at.next_multiple_of(8);
        self.bytes[..2].copy_from_slice(&(whole as u16).to_le_bytes());
        &self.bytes[..whole]
    }
}
