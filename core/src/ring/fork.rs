//! Notices a fork: a generation that the child's side of every fork raises, and a cell that survives it.

use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

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
pub(crate) struct ForkCell<T>(AtomicPtr<T>);

impl<T> ForkCell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        ForkCell(AtomicPtr::new(Arc::into_raw(value).cast_mut()))
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
    fn a_replaced_value_stays_readable_where_it_was_taken() {
        let cell = ForkCell::new(Arc::new(1));
        let old = cell.get();
        cell.replace_and_leak(Arc::new(2));
        assert_eq!((*old, *cell.get()), (1, 2));
    }
}
