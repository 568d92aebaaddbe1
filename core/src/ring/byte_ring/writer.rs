//! The writing end: room, then a commit; a full segment is followed by a larger one.

use std::ptr::NonNull;

use super::super::copy::prefetch_record;
use super::segment::Segment;
use super::{Arc, CLASSES, HEADER, Limits, Memory, Ordering, PARTS, Shared, record_bytes};

/// How far ahead of a record its successors' memory is asked for, in bytes.
const AHEAD: u64 = 2048;

/// The writing end.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// Where the next record goes.
    tail: u64,
    /// The reader's position when it was last asked for.
    head_seen: u64,
    /// The positions that each class's room ends at, and that half of the capacity ends at, by `head_seen`.
    class_ends: [u64; CLASSES],
    half_end: u64,
    /// The position that the record last reserved ends at.
    reserved_end: u64,
    /// Bytes of the ring that records of each class may fill.
    limits: Limits,
    /// Bytes of the longest record that the segment takes.
    record_max: u64,
    mask: u64,
    base: NonNull<u8>,
    segment: NonNull<Segment>,
    start: u64,
    most: u64,
    /// Growth was not refused since it was last looked for.
    may_grow: bool,
}

// SAFETY: the pointers lead to the segment that nobody but this end leaves; see `Shared`.
unsafe impl Send for Writer {}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, first: NonNull<Segment>, start: u64, most: u64) -> Self {
        let mut writer = Writer {
            shared,
            tail: 0,
            head_seen: 0,
            class_ends: [0; CLASSES],
            half_end: most / 2,
            reserved_end: 0,
            limits: [most; CLASSES],
            record_max: 0,
            mask: 0,
            base: NonNull::dangling(),
            segment: first,
            start,
            most,
            may_grow: true,
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

    /// Whether more than half of what the ring can hold is in use. Asks the reader only if it seems so.
    #[inline(always)]
    pub(crate) fn is_half_full(&mut self) -> bool {
        self.tail > self.half_end && self.is_half_full_indeed()
    }

    #[cold]
    fn is_half_full_indeed(&mut self) -> bool {
        self.used();
        self.tail > self.half_end
    }

    /// Whether a payload of `len` bytes fits the segment that the ring is in, when that is empty.
    pub(crate) fn takes_now(&self, len: usize) -> bool {
        record_bytes(len) <= self.record_max
    }

    /// Bytes in use now.
    pub(crate) fn used(&mut self) -> u64 {
        self.head_seen = self.shared.head.0.load(Ordering::Acquire);
        self.look_at_room();
        self.tail - self.head_seen
    }

    /// Lets records of each class fill only so many bytes of the ring, at most its [`capacity`](Writer::capacity).
    pub(crate) fn limit(&mut self, limits: Limits) {
        self.limits = limits;
        self.look_at_room();
    }

    /// Room for a payload of `len` bytes if the ring then holds no more than its class may fill; write all of it and
    /// [`commit`](Writer::commit) it. `None` if there is none, or the payload is above [`Writer::payload_max`].
    #[inline(always)]
    pub(crate) fn reserve(&mut self, len: usize, class: usize) -> Option<&mut [u8]> {
        let whole = record_bytes(len);
        let end = self.tail + whole;
        let fits = whole <= self.record_max && end <= self.class_ends[class % CLASSES];
        if !fits && !self.make_room(whole, class) {
            return None;
        }
        self.reserved_end = end;
        let at = (self.tail & self.mask) as usize;
        self.segment().writes(at, whole as usize);
        // SAFETY: `at` is inside the segment's capacity and `whole` at most a quarter of it, for which there is room
        // behind the end. The region [tail, tail + whole) is ours alone: the reader stops at the tail last
        // stored, and has left it since `head_seen` says that no byte of it is in use. The bytes were zeroed.
        unsafe {
            prefetch_record(self.base.as_ptr().wrapping_add(((self.tail + AHEAD) & self.mask) as usize));
            let record = self.base.add(at);
            record.cast::<[u8; HEADER]>().write((whole as u32).to_ne_bytes());
            Some(NonNull::slice_from_raw_parts(record.add(HEADER), len).as_mut())
        }
    }

    /// Gives the record last reserved to the reader.
    #[inline(always)]
    pub(crate) fn commit(&mut self) {
        self.tail = self.reserved_end;
        self.shared.tail.0.store(self.tail, Ordering::Release);
    }

    /// Gives grown memory back: goes on in a segment of the first size. For an owner that will rest for long.
    ///
    /// Not while much is left unread: whoever shrinks and grows again and again must not outrun the reader.
    pub(crate) fn shrink(&mut self) {
        let full = Segment::layout(self.most).size();
        if self.mask >= self.start && self.shared.memory.bytes() <= 2 * full {
            self.shared.memory.add(Segment::layout(self.start).size()); // to give more back soon
            self.follow_with(self.start);
        }
    }

    /// Looks where the reader is, and grows if need be; whether `whole` bytes then fit.
    #[cold]
    fn make_room(&mut self, whole: u64, class: usize) -> bool {
        if whole > self.most / PARTS || self.used() + whole > self.limits[class % CLASSES] {
            return false;
        }
        if whole <= self.record_max && self.tail + whole <= self.class_ends[class % CLASSES] {
            return true;
        }
        let capacity = self.mask + 1;
        let next = (capacity * 2).max((whole * PARTS).next_power_of_two()).min(self.most);
        let grows = capacity < self.most
            && self.shared.memory.take(Segment::layout(next).size())
            && self.follow_with(next);
        if !grows {
            self.may_grow = false;
            self.look_at_room();
        }
        grows
    }

    /// Links a segment of `capacity`, whose memory is counted already, behind this one and goes on there; `false` if
    /// there is no memory for it.
    fn follow_with(&mut self, capacity: u64) -> bool {
        let Some(next) = Segment::new(capacity, self.tail) else {
            self.shared.memory.subtract(Segment::layout(capacity).size());
            return false;
        };
        self.segment().link(next);
        self.enter(next);
        true
    }

    fn enter(&mut self, segment: NonNull<Segment>) {
        self.segment = segment;
        let segment = self.segment();
        let (base, capacity) = (segment.base(), segment.capacity());
        (self.base, self.mask, self.record_max) = (base, capacity - 1, capacity / PARTS);
        self.may_grow = capacity < self.most;
        self.look_at_room();
        self.reserved_end = self.tail;
    }

    /// Takes down where everybody's room ends, by `head_seen`.
    fn look_at_room(&mut self) {
        let segment = self.segment();
        let (start, capacity) = (self.head_seen.max(segment.start()), segment.capacity());
        // Of a segment each class fills its part, too: where the ring may not grow, the others still have theirs.
        let end = |limit: u64| (start + limit * capacity / self.most).min(self.head_seen + limit);
        self.class_ends = self.limits.map(end);
        self.half_end = self.head_seen + if self.may_grow { self.most } else { capacity } / 2;
    }

    #[inline(always)]
    fn segment(&self) -> &Segment {
        // SAFETY: the reader and `Shared` free only segments that this writer has left, or after it is gone.
        unsafe { self.segment.as_ref() }
    }
}
