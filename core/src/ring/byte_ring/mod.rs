//! A ring of bytes from one thread to one other: it starts small, grows while it is full, and never splits a record.
//!
//! Positions are 64-bit and only grow; a record stands at `position & mask` of its segment and may run past the end
//! into room kept there for it. The writer keeps a copy of the reader's position and looks again only when that copy
//! says "full"; the reader takes the writer's position once per pass. The only shared writes are one release store
//! of the tail per record and one of the head per released group. Record: `len: u32` (header included, a
//! multiple of 8), then the payload.
//!
//! A ring is a chain of segments, nearly always of one. A writer that finds its segment full links one of twice the
//! size behind it, up to the size asked for, and never touches the old one again; the reader frees a segment when it
//! has read all of it and knows the next. Positions go on across segments, so "bytes in use" is one subtraction,
//! however many segments hold them.
//!
//! Rings share a [`Budget`]: where it is used up, a full ring stays as it is, and refuses.
//!
//! Sizes: 16 KiB at first, records of at most a quarter of the size asked for, a quarter of room behind each end.
//! While the reader is still in old segments those take less than one more ring of the largest size.
//!
//! Source: the design is that of quill's and NanoLog's staging buffers, written anew.

mod reader;
mod segment;
mod writer;

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, shuttle))]
mod shuttled;
#[cfg(all(test, not(loom)))]
mod stress;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;

use super::sync::{Arc, AtomicPtr, AtomicU64, Ordering};
use segment::Segment;

/// Bytes of the length in front of each payload.
const HEADER: usize = 4;
/// Records begin at multiples of this.
const ALIGN: usize = 8;
/// What a ring begins with, in bytes, unless less was asked for.
const START_BYTES: usize = 16 * 1024;
/// The least that can be asked for.
const BYTES_MIN: usize = 4096;
/// A record takes at most this part of a segment, which has as much room behind its end.
const PARTS: u64 = 4;

/// Classes of records, of which each may fill a part of the ring of its own.
pub(crate) const CLASSES: usize = 8;
/// Bytes for each class.
pub(crate) type Limits = [u64; CLASSES];

/// Keeps what one side writes off the cache lines of the other (two lines: the prefetcher fetches pairs).
#[repr(align(128))]
struct Padded<T>(T);

/// What both ends hold; it frees the segments that are left when the last of them goes.
struct Shared {
    /// The writer's position; a release store gives all records before it to the reader.
    tail: Padded<AtomicU64>,
    /// The reader's position; a release store gives all room before it to the writer.
    head: Padded<AtomicU64>,
    /// The segment that the reader is in. Only the reader stores it.
    oldest: AtomicPtr<Segment>,
    memory: Memory,
}

// SAFETY: a segment's bytes are touched by the one `Writer` in [tail, head + capacity) and by the one `Reader` in
// [head, tail); the release/acquire pairs on `tail`, `head` and `next` hand regions over between them.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut oldest = NonNull::new(self.oldest.load(Ordering::Acquire));
        while let Some(segment) = oldest {
            // SAFETY: both ends are gone, and each segment hangs in the chain once.
            oldest = unsafe { Segment::free(segment) };
        }
        self.memory.subtract(self.memory.bytes());
    }
}

/// How many bytes of memory stand behind a ring; readable from anywhere, at any time. Counted for all rings of a
/// [`Budget`] together, too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    own: std::sync::Arc<AtomicUsize>,
    all: Budget,
}

impl Memory {
    fn within(budget: &Budget) -> Memory {
        Memory { own: std::sync::Arc::default(), all: budget.clone() }
    }

    /// Bytes now.
    pub(crate) fn bytes(&self) -> usize {
        self.own.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Counts so many bytes more, if all rings together then have no more than their budget; else `false`.
    fn take(&self, bytes: usize) -> bool {
        self.add(bytes);
        let within = self.all.0.0.load(std::sync::atomic::Ordering::Relaxed) <= self.all.0.1;
        if !within {
            self.subtract(bytes);
        }
        within
    }

    fn add(&self, bytes: usize) {
        self.own.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        self.all.0.0.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.own.fetch_sub(bytes, std::sync::atomic::Ordering::Relaxed);
        self.all.0.0.fetch_sub(bytes, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Bytes up to which rings grow together. What a ring begins with is always given, also where they are used up.
#[derive(Debug, Clone)]
pub(crate) struct Budget(std::sync::Arc<(AtomicUsize, usize)>);

impl Budget {
    /// At most `most` bytes.
    pub(crate) fn of(most: usize) -> Budget {
        Budget(std::sync::Arc::new((AtomicUsize::new(0), most)))
    }
}

/// No limit.
impl Default for Budget {
    fn default() -> Self {
        Budget::of(usize::MAX)
    }
}

/// Bytes of memory of a ring asked for with `bytes` while it grows as far as it can: its last segment, and those before
/// it that the reader has not yet left.
pub(crate) fn growth_bytes(bytes: usize) -> usize {
    2 * Segment::layout(most(bytes) as u64).size()
}

fn most(bytes: usize) -> usize {
    bytes.next_power_of_two().max(BYTES_MIN)
}

/// A ring that grows up to `bytes`, rounded up to a power of two of at least 4 KiB, as far as the budget allows.
pub(crate) fn ring(bytes: usize, budget: &Budget) -> (Writer, Reader) {
    let most = most(bytes);
    between(most.min(START_BYTES), most, budget)
}

/// A ring that begins with `start` bytes and grows up to `most`; both powers of two, 32 at least.
fn between(start: usize, most: usize, budget: &Budget) -> (Writer, Reader) {
    let Some(first) = Segment::new(start as u64, 0) else {
        std::alloc::handle_alloc_error(Segment::layout(start as u64));
    };
    let zero = || Padded(AtomicU64::new(0));
    let shared = Arc::new(Shared {
        tail: zero(),
        head: zero(),
        oldest: AtomicPtr::new(first.as_ptr()),
        memory: Memory::within(budget),
    });
    // SAFETY: made above, and freed by `Shared` after both ends are gone, or by the reader once the writer left it.
    shared.memory.add(unsafe { first.as_ref() }.bytes());
    (Writer::new(shared.clone(), first, start as u64, most as u64), Reader::new(shared, first))
}

/// Bytes that a record with such a payload takes.
#[inline(always)]
fn record_bytes(payload: usize) -> u64 {
    const { assert!(ALIGN.is_power_of_two()) };
    ((payload + HEADER + ALIGN - 1) & !(ALIGN - 1)) as u64
}
