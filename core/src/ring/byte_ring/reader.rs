//! The reading end: a look at the tail, then record by record; a segment that is read and left is freed.

use std::ptr::NonNull;

use super::segment::Segment;
use super::{Arc, HEADER, Ordering, Shared};

/// Room is given back after so many bytes of records at the latest: 64 typical ones.
const RELEASE_BYTES_MAX: u64 = 16 * 1024;

/// The reading end.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    /// The next record.
    head: u64,
    /// The writer's position when it was last asked for.
    tail_seen: u64,
    /// The position last given to the writer.
    released: u64,
    /// Bytes of records after which room is given back.
    release_step: u64,
    /// Where the segment's records end, once the writer has left it.
    end: Option<u64>,
    mask: u64,
    base: NonNull<u8>,
    segment: NonNull<Segment>,
}

// SAFETY: the pointers lead to the segment that nobody but this end frees; see `Shared`.
unsafe impl Send for Reader {}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, first: NonNull<Segment>) -> Self {
        let (head, tail_seen, released) = (0, 0, 0);
        let (mask, base, release_step) = (0, NonNull::dangling(), 0);
        let mut reader =
            Reader { shared, head, tail_seen, released, release_step, end: None, mask, base, segment: first };
        reader.enter(first);
        reader
    }

    /// Looks how far the writer is; [`Reader::peek`] goes up to there.
    pub(crate) fn refresh(&mut self) {
        self.tail_seen = self.shared.tail.0.load(Ordering::Acquire);
        self.end = self.segment().next().map(|next| {
            // SAFETY: linked, and freed by nobody but this reader.
            unsafe { next.as_ref() }.start()
        });
        self.follow();
    }

    /// The payload (up to seven bytes of padding behind it) of the next record seen by [`Reader::refresh`].
    #[inline]
    pub(crate) fn peek(&self) -> Option<&[u8]> {
        if self.head == self.tail_seen {
            return None;
        }
        let at = (self.head & self.mask) as usize;
        self.segment().reads(at, HEADER);
        // SAFETY: [head, tail_seen) holds whole records that the writer gave with a release store of the tail,
        // which `refresh` acquired; the writer keeps off them until `release` stores a head behind them. The first
        // of them is in this segment: `advance` and `refresh` leave one whose end is reached.
        unsafe {
            let start = self.base.as_ptr().add(at);
            let whole = u32::from_ne_bytes(start.cast::<[u8; HEADER]>().read()) as usize;
            self.segment().reads(at, whole);
            Some(std::slice::from_raw_parts(start.add(HEADER), whole - HEADER))
        }
    }

    /// Steps over the record that [`Reader::peek`] shows.
    #[inline]
    pub(crate) fn advance(&mut self) {
        if let Some(payload) = self.peek() {
            self.head += (payload.len() + HEADER) as u64;
        }
        self.follow();
        if self.head - self.released > self.release_step {
            self.release();
        }
    }

    /// Gives the room of all records stepped over back to the writer.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.released = self.head;
        self.shared.head.0.store(self.head, Ordering::Release);
    }

    /// Goes on to the next segment where this one is read and left, and frees this one.
    #[inline]
    fn follow(&mut self) {
        while self.end == Some(self.head) {
            self.leave();
        }
    }

    #[cold]
    fn leave(&mut self) {
        let old = self.segment;
        let next = self.segment().next().expect("a segment with an end has a successor");
        self.shared.oldest.store(next.as_ptr(), Ordering::Relaxed);
        self.shared.memory.subtract(self.segment().bytes());
        self.enter(next);
        // SAFETY: from `Segment::new`; the writer left it when it linked the next one, and so has this reader now.
        unsafe { Segment::free(old) };
    }

    fn enter(&mut self, segment: NonNull<Segment>) {
        self.segment = segment;
        let segment = self.segment();
        let (base, capacity, next) = (segment.base(), segment.capacity(), segment.next());
        (self.base, self.mask, self.release_step) =
            (base, capacity - 1, (capacity / 16).min(RELEASE_BYTES_MAX));
        // SAFETY: linked, and freed by nobody but this reader.
        self.end = next.map(|next| unsafe { next.as_ref() }.start());
    }

    #[inline(always)]
    fn segment(&self) -> &Segment {
        // SAFETY: freed by nobody but this reader, after it has left it, or by `Shared` after both ends are gone.
        unsafe { self.segment.as_ref() }
    }
}
