//! A memory barrier that only the rare side pays: publishers order with the compiler, `close` with the system.
//!
//! A publisher writes "I am inside" and then reads "closed"; `close` writes "closed" and then reads "inside". Both
//! must not miss each other. The usual pair of sequentially consistent fences would cost every publish; instead
//! the publisher has a compiler fence and the closer asks the kernel to run a full barrier on every thread.
//!
//! Source: membarrier(2), `MEMBARRIER_CMD_PRIVATE_EXPEDITED`.

use super::sync::{Ordering, fence};

#[cfg(all(target_os = "linux", not(all(test, loom))))]
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
#[cfg(target_os = "linux")]
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// The publisher's half: a compiler fence.
#[inline]
pub(crate) fn light() {
    #[cfg(not(all(test, loom)))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    // A model has no kernel: there the light side is what the heavy side makes of it.
    #[cfg(all(test, loom))]
    fence(Ordering::SeqCst);
}

/// Makes [`heavy`] cheap; once per process, and again in a forked child.
pub(crate) fn prepare() {
    #[cfg(target_os = "linux")]
    membarrier(REGISTER_PRIVATE_EXPEDITED);
}

/// The closer's half: returns after every thread of the process has passed a full barrier.
///
/// Where the kernel has no membarrier it waits 20 ms instead, by which time every store buffer has drained.
pub(crate) fn heavy() {
    fence(Ordering::SeqCst);
    #[cfg(not(all(test, loom)))]
    everywhere();
}

#[cfg(not(all(test, loom)))]
fn everywhere() {
    #[cfg(target_os = "linux")]
    if membarrier(PRIVATE_EXPEDITED) {
        return;
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    fence(Ordering::SeqCst);
}

#[cfg(target_os = "linux")]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes integers only and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #[test]
    fn the_heavy_side_returns() {
        super::prepare();
        super::heavy();
    }
}
