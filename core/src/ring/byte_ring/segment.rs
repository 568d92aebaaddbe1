//! One piece of memory of a ring: zeroed bytes, a quarter more than its capacity, and the link to its successor.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use super::super::sync::{AtomicPtr, Ordering};
use super::PARTS;

/// Where the records from position `start` on stand, until the writer links the next segment.
pub(super) struct Segment {
    base: NonNull<u8>,
    capacity: u64,
    start: u64,
    next: AtomicPtr<Segment>,
    shadow: Shadow,
}

impl Segment {
    /// The memory behind a segment of `capacity`.
    pub(super) fn layout(capacity: u64) -> Layout {
        Layout::from_size_align((capacity + capacity / PARTS) as usize, 128)
            .expect("a ring fits the address space")
    }

    /// A segment for the records from position `start` on; `None` if there is no memory for it.
    pub(super) fn new(capacity: u64, start: u64) -> Option<NonNull<Segment>> {
        debug_assert!(capacity.is_power_of_two() && capacity >= 32);
        let layout = Segment::layout(capacity);
        // SAFETY: the layout's size is not zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let next = AtomicPtr::new(std::ptr::null_mut());
        let segment = Segment { base, capacity, start, next, shadow: Shadow::new(layout.size()) };
        NonNull::new(Box::into_raw(Box::new(segment)))
    }

    /// Frees `segment` and answers its successor.
    ///
    /// # Safety
    /// `segment` came from [`Segment::new`], is freed once, and nobody touches it or its bytes from now on.
    pub(super) unsafe fn free(segment: NonNull<Segment>) -> Option<NonNull<Segment>> {
        // SAFETY: by the caller; the bytes were allocated with this very layout.
        unsafe {
            let segment = Box::from_raw(segment.as_ptr());
            segment.writes(0, Segment::layout(segment.capacity).size());
            dealloc(segment.base.as_ptr(), Segment::layout(segment.capacity));
            NonNull::new(segment.next.load(Ordering::Acquire))
        }
    }

    /// Where its bytes begin; they are zero or what was written there.
    #[inline]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes of records that it holds.
    #[inline]
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        Segment::layout(self.capacity).size()
    }

    /// The position of its first record.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Gives the reader the way on: the writer does so once, and then leaves this segment alone.
    pub(super) fn link(&self, next: NonNull<Segment>) {
        self.next.store(next.as_ptr(), Ordering::Release);
    }

    /// The segment behind it, if the writer has left this one.
    pub(super) fn next(&self) -> Option<NonNull<Segment>> {
        NonNull::new(self.next.load(Ordering::Acquire))
    }

    /// Tells a model that `len` bytes from `at` on are read.
    #[inline(always)]
    pub(super) fn reads(&self, at: usize, len: usize) {
        self.shadow.reads(at, len);
    }

    /// Tells a model that `len` bytes from `at` on are written.
    #[inline(always)]
    pub(super) fn writes(&self, at: usize, len: usize) {
        self.shadow.writes(at, len);
    }
}

#[cfg(not(all(test, loom)))]
use nothing::Shadow;
#[cfg(all(test, loom))]
use seen_by_loom::Shadow;

/// Nobody watches.
#[cfg(not(all(test, loom)))]
mod nothing {
    pub(super) struct Shadow;

    impl Shadow {
        pub(super) fn new(_bytes: usize) -> Self {
            Shadow
        }

        #[inline(always)]
        pub(super) fn reads(&self, _at: usize, _len: usize) {}

        #[inline(always)]
        pub(super) fn writes(&self, _at: usize, _len: usize) {}
    }
}

/// One cell of loom's for each eight bytes: it fails a model in which two threads may touch them at once.
#[cfg(all(test, loom))]
mod seen_by_loom {
    use loom::{alloc::Track, cell::UnsafeCell};

    use super::super::ALIGN;

    pub(super) struct Shadow(Track<Vec<UnsafeCell<()>>>);

    impl Shadow {
        pub(super) fn new(bytes: usize) -> Self {
            Shadow(Track::new((0..bytes.div_ceil(ALIGN)).map(|_| UnsafeCell::new(())).collect()))
        }

        pub(super) fn reads(&self, at: usize, len: usize) {
            self.cells(at, len).iter().for_each(|cell| cell.with(|_| ()));
        }

        pub(super) fn writes(&self, at: usize, len: usize) {
            self.cells(at, len).iter().for_each(|cell| cell.with_mut(|_| ()));
        }

        fn cells(&self, at: usize, len: usize) -> &[UnsafeCell<()>] {
            &self.0.get_ref()[at / ALIGN..(at + len).div_ceil(ALIGN)]
        }
    }
}
