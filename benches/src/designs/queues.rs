//! The three designs: one ring of slots for all, a ring of slots for each thread, a ring of bytes for each thread.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use rtrb::{Consumer, Producer, RingBuffer};

use super::record::RECORD_BYTES_MAX;
use super::{Design, HandOver, TakeOver};

/// Bytes of each ring, or of each producer's part of the shared one.
const RING_BYTES: usize = 256 * 1024;

/// A record in a place of fixed size.
pub(crate) struct Slot {
    bytes: [u8; RECORD_BYTES_MAX],
}

impl Slot {
    #[inline]
    fn of(record: &[u8]) -> Slot {
        let mut bytes = [0; RECORD_BYTES_MAX];
        bytes[..record.len()].copy_from_slice(record);
        Slot { bytes }
    }

    fn read(&self) {
        let len = usize::from(u16::from_le_bytes([self.bytes[0], self.bytes[1]]));
        read(&self.bytes[..len.min(RECORD_BYTES_MAX)]);
    }
}

/// Touches every byte, as a decoder does.
fn read(bytes: &[u8]) {
    std::hint::black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
}

/// The floor: the record is there, and nobody gets it.
pub(super) struct Nowhere;

impl Design for Nowhere {
    type Producer = ();
    type Consumer = ();

    fn open(producers: usize) -> (Vec<()>, ()) {
        (vec![(); producers], ())
    }
}

impl HandOver for () {
    #[inline]
    fn hand(&mut self, record: &[u8]) -> bool {
        std::hint::black_box(record);
        true
    }
}

impl TakeOver for () {
    fn take(&mut self) -> u64 {
        0
    }
}

/// One ring for all producers: a compare-exchange on its tail for each record.
pub(super) struct SharedSlots;

impl Design for SharedSlots {
    type Producer = Arc<ArrayQueue<Slot>>;
    type Consumer = Arc<ArrayQueue<Slot>>;

    fn open(producers: usize) -> (Vec<Self::Producer>, Self::Consumer) {
        let ring = Arc::new(ArrayQueue::new(producers * RING_BYTES / size_of::<Slot>()));
        (vec![ring.clone(); producers], ring)
    }
}

impl HandOver for Arc<ArrayQueue<Slot>> {
    #[inline]
    fn hand(&mut self, record: &[u8]) -> bool {
        self.push(Slot::of(record)).is_ok()
    }
}

impl TakeOver for Arc<ArrayQueue<Slot>> {
    fn take(&mut self) -> u64 {
        std::iter::from_fn(|| self.pop()).map(|slot| slot.read()).count() as u64
    }
}

/// A ring of slots for each producer.
pub(super) struct OwnSlots;

impl Design for OwnSlots {
    type Producer = Producer<Slot>;
    type Consumer = Vec<Consumer<Slot>>;

    fn open(producers: usize) -> (Vec<Self::Producer>, Self::Consumer) {
        (0..producers).map(|_| RingBuffer::new(RING_BYTES / size_of::<Slot>())).unzip()
    }
}

impl HandOver for Producer<Slot> {
    #[inline]
    fn hand(&mut self, record: &[u8]) -> bool {
        self.push(Slot::of(record)).is_ok()
    }
}

impl TakeOver for Vec<Consumer<Slot>> {
    fn take(&mut self) -> u64 {
        let take = |ring: &mut Consumer<Slot>| {
            std::iter::from_fn(|| ring.pop().ok()).map(|slot| slot.read()).count() as u64
        };
        self.iter_mut().map(take).sum()
    }
}

/// A ring of bytes for each producer: records end to end.
pub(super) struct OwnBytes;

impl Design for OwnBytes {
    type Producer = Producer<u8>;
    type Consumer = Vec<Consumer<u8>>;

    fn open(producers: usize) -> (Vec<Self::Producer>, Self::Consumer) {
        (0..producers).map(|_| RingBuffer::new(RING_BYTES)).unzip()
    }
}

impl HandOver for Producer<u8> {
    #[inline]
    fn hand(&mut self, record: &[u8]) -> bool {
        self.push_entire_slice(record).is_ok()
    }
}

impl TakeOver for Vec<Consumer<u8>> {
    fn take(&mut self) -> u64 {
        self.iter_mut().map(take_bytes).sum()
    }
}

fn take_bytes(ring: &mut Consumer<u8>) -> u64 {
    let mut taken = 0;
    // The room of a pass is given back in one piece, of at most 16 KiB.
    while let Ok(chunk) = ring.read_chunk(ring.slots().min(16 * 1024)) {
        if chunk.is_empty() {
            break;
        }
        let (first, second) = chunk.as_slices();
        let (mut at, all) = (0, first.len() + second.len());
        let byte = |at: usize| if at < first.len() { first[at] } else { second[at - first.len()] };
        while at < all {
            let whole = usize::from(u16::from_le_bytes([byte(at), byte(at + 1)]));
            if at + whole > all {
                break; // the rest comes with the next piece
            }
            let (end, cut) = (at + whole, first.len());
            read(&first[at.min(cut)..end.min(cut)]);
            read(&second[at.saturating_sub(cut)..end.saturating_sub(cut)]);
            (at, taken) = (end, taken + 1);
        }
        chunk.commit(at);
    }
    taken
}
