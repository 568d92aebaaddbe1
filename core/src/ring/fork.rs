//! Notices a fork: a generation that the child's side of every fork raises, and a cell that survives it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between this process and the one that first asked. One relaxed load.
#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Installs the hook; before the first [`generation`] that matters.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(unix)]
        // SAFETY: the hook is an async-signal-safe atomic add and lives as long as the program.
        unsafe {
            libc::pthread_atfork(None, None, Some(in_child));
        }
    });
}

#[cfg(unix)]
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Holds a `T` that is replaced after a fork. What is replaced is leaked on purpose: in the child it may be half
/// written, its locks held by threads that do not exist.
pub(crate) struct ForkCell<T>(AtomicPtr<T>, PhantomData<Arc<T>>);

impl<T> ForkCell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        ForkCell(AtomicPtr::new(Arc::into_raw(value).cast_mut()), PhantomData)
    }

    /// The value now.
    #[inline]
    pub(crate) fn get(&self) -> &T {
        // SAFETY: the pointer came from `Arc::into_raw`, and its count is given back only in `drop`, which has the
        // cell to itself, as has `leak`, the last call before it; a replaced value is leaked, so a reference taken
        // before stays good.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }

    /// Replaces the value and leaks the old one.
    pub(crate) fn replace_and_leak(&self, value: Arc<T>) {
        self.0.store(Arc::into_raw(value).cast_mut(), Ordering::Release);
    }
}

impl<T> ForkCell<T> {
    /// Never drops the value: it is the parent's.
    pub(crate) fn leak(&mut self) {
        *self.0.get_mut() = std::ptr::null_mut();
    }
}

impl<T> Drop for ForkCell<T> {
    fn drop(&mut self) {
        if self.0.get_mut().is_null() {
            return;
        }
        // SAFETY: gives back the count that `new` or `replace_and_leak` put in; nobody else has the cell.
        drop(unsafe { Arc::from_raw(*self.0.get_mut()) });
    }
}

/// A list that a forked child reads whole, whatever the parent's threads were doing to it: every change makes a new
/// list, and the lock is void in a child whose parent held it.
pub(crate) struct ForkList<T> {
    list: AtomicPtr<Vec<Arc<T>>>,
    /// 0, or one more than the generation whose thread holds the list.
    held: AtomicU64,
    owns: PhantomData<Arc<T>>,
}

struct Held<'a>(&'a AtomicU64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

impl<T> ForkList<T> {
    pub(crate) fn new() -> Self {
        ForkList {
            list: AtomicPtr::new(Box::into_raw(Box::new(Vec::new()))),
            held: AtomicU64::new(0),
            owns: PhantomData,
        }
    }

    fn hold(&self) -> Held<'_> {
        let mine = u64::from(generation()) + 1;
        loop {
            let held = self.held.load(Ordering::Relaxed);
            let free = held != mine;
            let taken = || self.held.compare_exchange(held, mine, Ordering::Acquire, Ordering::Relaxed);
            if free && taken().is_ok() {
                return Held(&self.held);
            }
            std::thread::yield_now();
        }
    }

    /// The list now.
    pub(crate) fn snapshot(&self) -> Vec<Arc<T>> {
        let _held = self.hold();
        // SAFETY: the pointer came from `Box::into_raw`; `change` frees it only while it holds the list.
        unsafe { (*self.list.load(Ordering::Acquire)).clone() }
    }

    /// Replaces the list; what falls out of it is dropped after the list is free again.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<Arc<T>>)) {
        let held = self.hold();
        // SAFETY: as in `snapshot`.
        let mut list = unsafe { (*self.list.load(Ordering::Acquire)).clone() };
        change(&mut list);
        let old = self.list.swap(Box::into_raw(Box::new(list)), Ordering::AcqRel);
        drop(held);
        // SAFETY: from `Box::into_raw`; no longer in the list, and every reader holds the list while it reads.
        drop(unsafe { Box::from_raw(old) });
    }
}

impl<T> Drop for ForkList<T> {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw`, and nobody else has the list.
        drop(unsafe { Box::from_raw(*self.list.get_mut()) });
    }
}

#[cfg(all(test, unix))]
pub(crate) mod tests {
    use super::*;

    /// Runs `child` in a fork and gives its exit status; `child` answers whether all was well.
    pub(crate) fn in_fork(child: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child runs `child` and leaves by `_exit`, so no destructor or test harness runs twice.
        unsafe {
            match libc::fork() {
                0 => {
                    let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(false);
                    libc::_exit(if fine { 0 } else { 1 });
                }
                -1 => panic!("fork failed"),
                pid => {
                    let mut status = 0;
                    libc::waitpid(pid, &raw mut status, 0);
                    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
                }
            }
        }
    }

    #[test]
    fn the_child_has_another_generation_and_the_parent_keeps_its_own() {
        install();
        let before = generation();
        assert!(in_fork(|| generation() == before + 1 && in_fork(|| generation() == before + 2)));
        assert_eq!(generation(), before);
    }

    #[test]
    fn a_list_that_the_parent_is_changing_is_free_in_the_child_and_keeps_nothing_old() {
        install();
        let list = ForkList::new();
        let first = Arc::new(1);
        list.change(|l| l.push(first.clone()));
        list.change(|l| {
            l.clear();
            assert!(in_fork(|| list.snapshot() == [Arc::new(1)]));
        });
        assert_eq!(Arc::strong_count(&first), 1, "the old list is gone");
        assert!(list.snapshot().is_empty());
    }

    #[test]
    fn a_replaced_value_stays_readable_where_it_was_taken() {
        let cell = ForkCell::new(Arc::new(1));
        let old = cell.get();
        cell.replace_and_leak(Arc::new(2));
        assert_eq!((*old, *cell.get()), (1, 2));
    }
}
