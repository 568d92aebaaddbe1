//! Looks at all bytes of a text, sixteen at a time: loops without a branch a byte, which the compiler turns into
//! vector instructions of whatever processor it builds for.

/// Bytes looked at together.
const LANES: usize = 16;

/// `class` of every byte of `text`, or-ed together. Bytes may be asked more than once.
#[inline(always)]
pub(crate) fn any(text: &[u8], class: impl Fn(u8) -> u8) -> u8 {
    let mut seen = [0; LANES];
    let mut look = |bytes: &[u8; LANES]| {
        for (seen, byte) in seen.iter_mut().zip(bytes) {
            *seen |= class(*byte);
        }
    };
    // The last chunk overlaps the one before it: no byte is left over, and none is made up.
    if let Some(last) = text.last_chunk() {
        text.as_chunks().0.iter().for_each(&mut look);
        look(last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        look(&joined(*first, *last));
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let both: [u8; 8] = joined(*first, *last);
        look(&joined(both, both));
    } else {
        return text.iter().fold(0, |seen, byte| seen | class(*byte));
    }
    let halves = u128::from_ne_bytes(seen);
    let eight = halves as u64 | (halves >> 64) as u64;
    let four = eight | eight >> 32;
    let two = four | four >> 16;
    (two | two >> 8) as u8
}

#[inline(always)]
fn joined<const N: usize, const M: usize>(first: [u8; N], last: [u8; N]) -> [u8; M] {
    let mut both = [0; M];
    both[..N].copy_from_slice(&first);
    both[N..].copy_from_slice(&last);
    both
}

/// Whether `holds` at some of the places in `text` whose byte `stands`, places that may be asked twice.
#[inline(always)]
pub(crate) fn any_place(text: &[u8], stands: impl Fn(u8) -> bool, holds: impl Fn(usize) -> bool) -> bool {
    let look = |bytes: &[u8; 8], from: usize| {
        let mut left = u64::from_le_bytes(bytes.map(|byte| u8::from(stands(byte))));
        while left != 0 {
            if holds(from + left.trailing_zeros() as usize / 8) {
                return true;
            }
            left &= left - 1;
        }
        false
    };
    let Some(last) = text.last_chunk() else {
        return text.iter().enumerate().any(|(at, byte)| stands(*byte) && holds(at));
    };
    let chunks = text.as_chunks().0;
    chunks.iter().enumerate().any(|(index, chunk)| look(chunk, 8 * index)) || look(last, text.len() - 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_text_of_any_length_is_overlooked() {
        for length in 0..70 {
            let mut text = vec![b'a'; length];
            assert_eq!(any(&text, |byte| u8::from(byte == b'x')), 0);
            for at in 0..length {
                text[at] = b'x';
                assert_eq!(
                    any(&text, |b| u8::from(b == b'x') << 1 | u8::from(b == b'y')),
                    2,
                    "{at} of {length}"
                );
                assert!(any_place(&text, |b| b == b'x', |place| place == at));
                assert!(!any_place(&text, |b| b == b'x', |place| place != at));
                text[at] = b'a';
            }
        }
    }
}
