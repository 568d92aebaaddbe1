//! disruptor, one ring of preallocated slots: the event is written in place; the consumer sleeps while there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use disruptor::Producer;
use disruptor::wait_strategies::Sleep;
use disruptor::{Sequence, build_multi_producer, build_single_producer};
use quanta::Clock;

use super::{CAPACITY, Case, POLL};
use crate::sample::Sample;
use crate::turn::Ledger;

/// Bytes of text that a slot holds; with numbers and lengths a slot is 320 bytes.
const TEXT_BYTES: usize = 224;

/// An event in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    time: u64,
    trace: u128,
    span: u64,
    latency: u128,
    ip: [u8; 4],
    lengths: [u8; 8],
    texts: [u8; TEXT_BYTES],
}

impl Slot {
    const EMPTY: Slot =
        Slot { time: 0, trace: 0, span: 0, latency: 0, ip: [0; 4], lengths: [0; 8], texts: [0; TEXT_BYTES] };

    #[inline]
    pub(crate) fn write(&mut self, clock: &Clock, sample: &Sample) {
        self.time = clock.raw();
        self.trace = sample.trace;
        self.span = sample.span;
        self.latency = sample.latency.as_nanos();
        if let std::net::IpAddr::V4(ip) = sample.ip {
            self.ip = ip.octets();
        }
        let mut at = 0;
        for (text, length) in sample.texts().into_iter().zip(&mut self.lengths) {
            *length = text.len() as u8;
            self.texts[at..at + text.len()].copy_from_slice(text.as_bytes());
            at += text.len();
        }
    }
}

/// What takes events out: looks at each and counts it.
fn counter(taken: &Arc<AtomicU64>) -> impl FnMut(&Slot, Sequence, bool) + Send + 'static {
    let (taken, mut behind) = (taken.clone(), 0);
    move |slot, _, end_of_batch| {
        std::hint::black_box(slot);
        behind += 1;
        if end_of_batch {
            taken.fetch_add(std::mem::take(&mut behind), Ordering::Relaxed);
        }
    }
}

/// The producer's own type has a parameter that the library does not name.
pub(crate) struct InPlace<P> {
    producer: P,
    clock: Clock,
    taken: Arc<AtomicU64>,
    refused: u64,
}

/// One producer.
pub(crate) fn start() -> Result<InPlace<impl Producer<Slot>>, String> {
    let taken = Arc::<AtomicU64>::default();
    let producer = build_single_producer(CAPACITY, || Slot::EMPTY, Sleep::new(POLL))
        .handle_events_with(counter(&taken))
        .build();
    Ok(InPlace { producer, clock: Clock::new(), taken, refused: 0 })
}

/// Any number of producers on one ring: clones of what is returned, each writing by itself; and the count of what was
/// taken, complete when all of them are gone.
pub(crate) fn shared() -> (impl Producer<Slot> + Clone + Send, Arc<AtomicU64>) {
    let taken = Arc::<AtomicU64>::default();
    let producer = build_multi_producer(CAPACITY, || Slot::EMPTY, Sleep::new(POLL))
        .handle_events_with(counter(&taken))
        .build();
    (producer, taken)
}

impl<P: Producer<Slot>> Case for InPlace<P> {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let clock = &self.clock;
        self.refused += u64::from(self.producer.try_publish(|slot| slot.write(clock, sample)).is_err());
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        drop(self.producer); // waits for the consumer
        Ok(Ledger { handed, arrived: self.taken.load(Ordering::Relaxed), lost: self.refused })
    }
}
