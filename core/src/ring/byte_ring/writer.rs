//! The writing end: room, then a commit; a full segment is followed by a larger one.

use std::ptr::NonNull;

use super::segment::Segment;
use super::{Arc, HEADER, Memory, Ordering, PARTS, Shared, record_bytes};

/// The writing end.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// Where the next record goes.
    tail: u64,
    /// The reader's position when it was last asked for.
    head_seen: u64,
    /// The position that the segment's room ends at, by `head_seen`.
    room_end: u64,
    /// The position that the room last reserved ends at.
    reserved_end: u64,
    /// Bytes of the longest record that the segment takes.
    record_max: u64,
    mask: u64,
    base: NonNull<u8>,
    segment: NonNull<Segment>,
    start: u64,
    most: u64,
}

// SAFETY: the pointers lead to the segment that nobody but this end leaves; see `Shared`.
unsafe impl Send for Writer {}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, first: NonNull<Segment>, start: u64, most: u64) -> Self {
        let mut writer = Writer {
            shared,
            tail: 0,
            head_seen: 0,
            room_end: 0,
            reserved_end: 0,
            record_max: 0,
            mask: 0,
            base: NonNull::dangling(),
            segment: first,
            start,
            most,
        };
        writer.enter(first);
        writer
    }

    /// Bytes that the ring holds when it has grown.
    pub(crate) fn capacity(&self) -> u64 {
        self.most
    }

    /// The longest payload that this ring takes.
    pub(crate) fn payload_max(&self) -> usize {
        (self.most / PARTS) as usize - HEADER
    }

    /// How much memory stands behind this ring, now and later.
    pub(crate) fn memory(&self) -> Memory {
        self.shared.memory.clone()
    }

    /// Bytes in use as far as known without asking the reader: never too low.
    #[inline]
    pub(crate) fn used_at_most(&self) -> u64 {
        self.tail - self.head_seen
    }

    /// Bytes in use now.
    pub(crate) fn used(&mut self) -> u64 {
        self.head_seen = self.shared.head.0.load(Ordering::Acquire);
        let segment = self.segment();
        self.room_end = self.head_seen.max(segment.start()) + segment.capacity();
        self.tail - self.head_seen
    }

    /// Room for a payload of `len` bytes if the ring then holds no more than `limit` bytes, which is at most its
    /// [`capacity`](Writer::capacity); write all of it and [`commit`](Writer::commit) it.
    ///
    /// # Panics
    /// If `len` is above [`Writer::payload_max`]: the caller has looked.
    #[inline]
    pub(crate) fn reserve(&mut self, len: usize, limit: u64) -> Option<&mut [u8]> {
        debug_assert!(limit <= self.most);
        let whole = record_bytes(len);
        let end = self.tail + whole;
        let fits = whole <= self.record_max && end <= self.room_end && end - self.head_seen <= limit;
        if !fits && !self.make_room(whole, limit) {
            return None;
        }
        self.reserved_end = end;
        let at = (self.tail & self.mask) as usize;
        self.segment().writes(at, whole as usize);
        // SAFETY: `at` is inside the segment's capacity and `whole` at most a quarter of it, for which there is room
        // behind the end. The region [tail, tail + whole) is ours alone: the reader stops at the tail last
        // stored, and has left it since `head_seen` says that no byte of it is in use. The bytes were zeroed.
        unsafe { Some(std::slice::from_raw_parts_mut(self.base.as_ptr().add(at + HEADER), len)) }
    }

    /// Gives the first `len` bytes of the payload last reserved to the reader.
    ///
    /// # Panics
    /// If `len` is more than was reserved.
    #[inline]
    pub(crate) fn commit(&mut self, len: usize) {
        let whole = record_bytes(len);
        assert!(self.tail + whole <= self.reserved_end);
        let at = (self.tail & self.mask) as usize;
        self.segment().writes(at, HEADER);
        // SAFETY: `at` as in `reserve`; the four bytes belong to the region that `reserve` gave.
        unsafe {
            self.base.as_ptr().add(at).cast::<[u8; HEADER]>().write((whole as u32).to_ne_bytes());
        }
        self.tail += whole;
        self.shared.tail.0.store(self.tail, Ordering::Release);
    }

    /// Gives grown memory back: goes on in a segment of the first size. For an owner that will rest for long.
    ///
    /// Not while much is left unread: whoever shrinks and grows again and again must not outrun the reader.
    pub(crate) fn shrink(&mut self) {
        let full = Segment::layout(self.most).size();
        if self.mask >= self.start && self.shared.memory.bytes() <= 2 * full {
            self.follow_with(self.start);
        }
    }

    /// Looks where the reader is, and grows if need be; whether `whole` bytes then fit.
    #[cold]
    fn make_room(&mut self, whole: u64, limit: u64) -> bool {
        assert!(whole <= self.most / PARTS);
        if self.used() + whole > limit {
            return false;
        }
        if whole <= self.record_max && self.tail + whole <= self.room_end {
            return true;
        }
        let capacity = self.mask + 1;
        capacity < self.most
            && self.follow_with((capacity * 2).max((whole * PARTS).next_power_of_two()).min(self.most))
    }

    /// Links a segment of `capacity` behind this one and goes on there; `false` if there is no memory for it.
    fn follow_with(&mut self, capacity: u64) -> bool {
        let Some(next) = Segment::new(capacity, self.tail) else { return false };
        // SAFETY: just made; the reader frees it only after this writer has left it.
        self.shared.memory.add(unsafe { next.as_ref() }.bytes());
        self.segment().link(next);
        self.enter(next);
        true
    }

    fn enter(&mut self, segment: NonNull<Segment>) {
        self.segment = segment;
        let segment = self.segment();
        let (base, capacity, start) = (segment.base(), segment.capacity(), segment.start());
        (self.base, self.mask, self.record_max) = (base, capacity - 1, capacity / PARTS);
        self.room_end = self.head_seen.max(start) + capacity;
        self.reserved_end = self.tail;
    }

    #[inline(always)]
    fn segment(&self) -> &Segment {
        // SAFETY: the reader and `Shared` free only segments that this writer has left, or after it is gone.
        unsafe { self.segment.as_ref() }
    }
}
