//! A ring of bytes from one thread to one other: records of any length up to a quarter of it, none ever split.
//!
//! Positions are 64-bit and only grow; a record stands at `position & mask` and may run past the end into room
//! kept there for it. The writer keeps a copy of the reader's position and looks again only when that copy says
//! "full"; the reader takes the writer's position once per pass. The only shared writes are one release store
//! of the tail per record and one of the head per released group. Record: `len: u32` (header included, a
//! multiple of 8), then the payload.
//!
//! Source: the design is that of quill's and NanoLog's staging buffers, written anew.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the length in front of each payload.
const HEADER: usize = 4;
/// Records begin at multiples of this.
const ALIGN: usize = 8;

/// Keeps what one side writes off the cache lines of the other (two lines: the prefetcher fetches pairs).
#[repr(align(128))]
struct Padded<T>(T);

struct Shared {
    base: NonNull<u8>,
    layout: Layout,
    capacity: u64,
    tail: Padded<AtomicU64>,
    head: Padded<AtomicU64>,
}

// SAFETY: `base` is touched by the one `Writer` in [tail, head + capacity) and by the one `Reader` in
// [head, tail); the release/acquire pairs on `tail` and `head` hand regions over between them.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: allocated in `ring` with this very layout, and freed only here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

/// The writing end.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    tail: u64,
    head_seen: u64,
}

/// The reading end.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    head: u64,
    tail_seen: u64,
    released: u64,
}

/// A ring of `bytes`, rounded up to a power of two of at least 4 KiB.
///
/// The memory is zeroed by the system on first touch, so an unused ring costs address space alone.
pub(crate) fn ring(bytes: usize) -> (Writer, Reader) {
    let capacity = bytes.next_power_of_two().max(4096);
    let layout =
        Layout::from_size_align(capacity + capacity / 4, 128).expect("a ring fits the address space");
    // SAFETY: the layout's size is not zero.
    let base = unsafe { alloc_zeroed(layout) };
    let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
    let zero = || Padded(AtomicU64::new(0));
    let shared = Arc::new(Shared { base, layout, capacity: capacity as u64, tail: zero(), head: zero() });
    let writer = Writer { shared: shared.clone(), tail: 0, head_seen: 0 };
    (writer, Reader { shared, head: 0, tail_seen: 0, released: 0 })
}

impl Writer {
    /// Bytes that the ring holds.
    pub(crate) fn capacity(&self) -> u64 {
        self.shared.capacity
    }

    /// The longest payload that this ring takes.
    pub(crate) fn payload_max(&self) -> usize {
        (self.shared.capacity / 4) as usize - HEADER - ALIGN
    }

    /// Bytes in use as far as known without asking the reader: never too low.
    #[inline]
    pub(crate) fn used_at_most(&self) -> u64 {
        self.tail - self.head_seen
    }

    /// Bytes in use now.
    pub(crate) fn used(&mut self) -> u64 {
        self.head_seen = self.shared.head.0.load(Ordering::Acquire);
        self.tail - self.head_seen
    }

    /// Room for a payload of `len` bytes if the ring then holds no more than `limit` bytes; write all of it and
    /// [`commit`](Writer::commit) it.
    ///
    /// # Panics
    /// If `len` is above [`Writer::payload_max`]: the caller has looked.
    #[inline]
    pub(crate) fn reserve(&mut self, len: usize, limit: u64) -> Option<&mut [u8]> {
        assert!(len <= self.payload_max());
        let whole = record_bytes(len);
        let limit = limit.min(self.shared.capacity);
        if self.tail - self.head_seen + whole > limit && self.used() + whole > limit {
            return None;
        }
        let at = (self.tail & (self.shared.capacity - 1)) as usize;
        // SAFETY: `at` is inside the capacity and `whole` at most a quarter of it, for which there is room
        // behind the end. The region [tail, tail + whole) is ours alone: the reader stops at the tail last
        // stored, and has left it since `head_seen` says that no byte of it is in use.
        unsafe {
            let start = self.shared.base.as_ptr().add(at);
            Some(std::slice::from_raw_parts_mut(start.add(HEADER), len))
        }
    }

    /// Gives the first `len` bytes of the payload last reserved to the reader.
    ///
    /// # Panics
    /// If `len` is above [`Writer::payload_max`]. Bytes never reserved show the reader old records, not foreign
    /// memory.
    #[inline]
    pub(crate) fn commit(&mut self, len: usize) {
        assert!(len <= self.payload_max());
        let whole = record_bytes(len);
        let at = (self.tail & (self.shared.capacity - 1)) as usize;
        // SAFETY: `at` as in `reserve`; the four bytes belong to the region that `reserve` gave.
        unsafe {
            self.shared.base.as_ptr().add(at).cast::<[u8; HEADER]>().write((whole as u32).to_ne_bytes());
        }
        self.tail += whole;
        self.shared.tail.0.store(self.tail, Ordering::Release);
    }
}

#[inline]
fn record_bytes(payload: usize) -> u64 {
    (payload + HEADER).next_multiple_of(ALIGN) as u64
}

impl Reader {
    /// Looks how far the writer is; [`Reader::peek`] goes up to there.
    pub(crate) fn refresh(&mut self) {
        self.tail_seen = self.shared.tail.0.load(Ordering::Acquire);
    }

    /// The payload (up to seven bytes of padding behind it) of the next record seen by [`Reader::refresh`].
    #[inline]
    pub(crate) fn peek(&self) -> Option<&[u8]> {
        if self.head == self.tail_seen {
            return None;
        }
        let at = (self.head & (self.shared.capacity - 1)) as usize;
        // SAFETY: [head, tail_seen) holds whole records that the writer gave with a release store of the tail,
        // which `refresh` acquired; the writer keeps off them until `release` stores a head behind them.
        unsafe {
            let start = self.shared.base.as_ptr().add(at);
            let whole = u32::from_ne_bytes(start.cast::<[u8; HEADER]>().read()) as usize;
            Some(std::slice::from_raw_parts(start.add(HEADER), whole - HEADER))
        }
    }

    /// Steps over the record that [`Reader::peek`] shows.
    #[inline]
    pub(crate) fn advance(&mut self) {
        if let Some(payload) = self.peek() {
            self.head += (payload.len() + HEADER) as u64;
        }
        if self.head - self.released > self.shared.capacity / 16 {
            self.release();
        }
    }

    /// Gives the room of all records stepped over back to the writer.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.released = self.head;
        self.shared.head.0.store(self.head, Ordering::Release);
    }

    /// Bytes of memory behind this ring.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.shared.layout.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn push(writer: &mut Writer, payload: &[u8]) -> bool {
        let Some(room) = writer.reserve(payload.len(), u64::MAX) else { return false };
        room.copy_from_slice(payload);
        writer.commit(payload.len());
        true
    }

    #[test]
    fn a_full_ring_refuses_and_takes_again_after_a_release() {
        let (mut writer, mut reader) = ring(4096);
        let mut taken = 0;
        while push(&mut writer, &[7; 60]) {
            taken += 1;
        }
        assert_eq!(taken, 4096 / 64);
        reader.refresh();
        while reader.peek().is_some() {
            reader.advance();
        }
        reader.release();
        assert!(push(&mut writer, &[7; 60]));
    }

    #[test]
    fn a_limit_below_the_capacity_keeps_room_for_others() {
        let (mut writer, _reader) = ring(4096);
        while writer.reserve(60, 3072).is_some() {
            writer.commit(60);
        }
        assert_eq!(writer.used(), 3072);
        assert!(push(&mut writer, &[0; 60]));
    }

    #[test]
    fn two_threads_see_every_record_once_and_in_order() {
        let (mut writer, mut reader) = ring(4096);
        const RECORDS: u32 = 200_000;
        let sender = std::thread::spawn(move || {
            for n in 0..RECORDS {
                let len = 4 + (n as usize * 7) % 200;
                let payload = vec![n as u8; len];
                loop {
                    if let Some(room) = writer.reserve(len, u64::MAX) {
                        room.copy_from_slice(&payload);
                        room[..4].copy_from_slice(&n.to_ne_bytes());
                        writer.commit(len);
                        break;
                    }
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0_u32;
        while expected < RECORDS {
            reader.refresh();
            while let Some(payload) = reader.peek() {
                let len = 4 + (expected as usize * 7) % 200;
                assert_eq!(payload[..4], expected.to_ne_bytes());
                assert!(payload[4..len].iter().all(|b| *b == expected as u8));
                reader.advance();
                expected += 1;
            }
            reader.release();
            std::thread::yield_now();
        }
        sender.join().expect("the sender ends");
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(lengths in prop::collection::vec(0_usize..1000, 1..200), every in 1_usize..20) {
            let (mut writer, mut reader) = ring(4096);
            let mut waiting = std::collections::VecDeque::new();
            for (n, len) in lengths.into_iter().enumerate() {
                let payload: Vec<u8> = (0..len).map(|i| (i + n) as u8).collect();
                if push(&mut writer, &payload) {
                    waiting.push_back(payload);
                }
                if n % every == 0 {
                    reader.refresh();
                    while let Some(seen) = reader.peek() {
                        let expected = waiting.pop_front().expect("nothing is made up");
                        prop_assert_eq!(&seen[..expected.len()], &expected[..]);
                        reader.advance();
                    }
                    reader.release();
                    prop_assert!(waiting.is_empty());
                }
            }
        }
    }
}
