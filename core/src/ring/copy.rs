//! Copies of a few bytes without a call: most texts of an event are shorter than a cache line.

use std::ptr::copy_nonoverlapping;

/// Sixteen bytes in one register, where every processor of the kind has such.
#[cfg(target_arch = "x86_64")]
type Wide = std::arch::x86_64::__m128i;
#[cfg(not(target_arch = "x86_64"))]
type Wide = u128;

/// Copies `bytes` to `to` and answers where the copy ends.
///
/// # Safety
/// `bytes.len()` bytes from `to` on are writable and do not overlap `bytes`.
#[inline(always)]
pub(super) unsafe fn put(to: *mut u8, bytes: &[u8]) -> *mut u8 {
    let (from, len) = (bytes.as_ptr(), bytes.len());
    // SAFETY: every access below is inside [from, from + len) and [to, to + len): two pieces that may overlap each
    // other cover any length between one and two of them.
    unsafe {
        if len > 16 {
            if len > 32 {
                long(to, from, len);
            } else {
                two::<Wide>(to, from, len - 16);
            }
        } else if len >= 8 {
            two::<u64>(to, from, len - 8);
        } else if len >= 4 {
            two::<u32>(to, from, len - 4);
        } else if len > 0 {
            *to = *from;
            *to.add(len / 2) = *from.add(len / 2);
            *to.add(len - 1) = *from.add(len - 1);
        }
        to.add(len)
    }
}

/// Asks for the five cache lines that begin at `at`, those of a typical record, to be written soon: where the reader had
/// them last, they come from its core while the writer does other things. Any address will do, what is not memory is
/// ignored.
#[inline(always)]
pub(super) fn prefetch_record(at: *const u8) {
    // `_mm_prefetch::<_MM_HINT_ET0>` asks for a line to *read*, unless the whole program is built for a newer processor:
    // the write would have to ask again. Where `prefetchw` is not known it does nothing.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch changes no memory, no register and no flag, and cannot fault.
    unsafe {
        std::arch::asm!(
            "prefetchw [{at}]",
            "prefetchw [{at} + 64]",
            "prefetchw [{at} + 128]",
            "prefetchw [{at} + 192]",
            "prefetchw [{at} + 256]",
            at = in(reg) at,
            options(nostack, preserves_flags, readonly),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = at;
}

/// Copies more than 32 bytes, out of the way of the registers of the others.
///
/// # Safety
/// As [`put`].
#[inline(never)]
unsafe fn long(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: by the caller.
    unsafe { copy_nonoverlapping(from, to, len) }
}

/// Copies one `T` at the front and one at `last`.
///
/// # Safety
/// Both pieces are inside what may be read and written.
#[inline(always)]
unsafe fn two<T: Copy>(to: *mut u8, from: *const u8, last: usize) {
    // SAFETY: by the caller; unaligned reads and writes of plain bytes.
    unsafe {
        let (head, tail) = (from.cast::<T>().read_unaligned(), from.add(last).cast::<T>().read_unaligned());
        to.cast::<T>().write_unaligned(head);
        to.add(last).cast::<T>().write_unaligned(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_and_nothing_beside_it() {
        let source: Vec<u8> = (0..200).collect();
        for len in 0..200 {
            let mut target = vec![0xee_u8; 202];
            // SAFETY: the target has room for 200 bytes behind its first.
            let end = unsafe { put(target.as_mut_ptr().add(1), &source[..len]) };
            assert_eq!(end as usize - target.as_ptr() as usize, len + 1);
            assert_eq!(target[1..=len], source[..len]);
            assert_eq!((target[0], target[len + 1]), (0xee, 0xee));
        }
    }
}
