//! Text that JSON takes as it is: printable ASCII but for `"` and `\`, which nearly all texts are. Copied and looked at
//! in one go. Most texts are short, so each length has its way without a loop: its first and its last bytes, of which
//! some are taken twice.

/// Copies `text` to `room`, which is as long; whether nothing of it is to be escaped.
#[inline(always)]
pub(super) fn copy(text: &[u8], room: &mut [u8]) -> bool {
    let other = match text.len() {
        0..4 => {
            room.copy_from_slice(text);
            text.iter().fold(0, |seen, byte| seen | others([*byte; 8]))
        }
        4..8 => ends(text, room, |a: [u8; 4], b: [u8; 4]| {
            let [a, b] = [a, b].map(u32::from_le_bytes).map(u64::from);
            others((a << 32 | b).to_le_bytes())
        }),
        8..16 => ends(text, room, |a, b| others(a) | others(b)),
        16..=32 => ends(text, room, |a, b| others_of_16(a) | others_of_16(b)),
        _ => long(text, room),
    };
    other & HIGH == 0
}

/// Copies the first and the last `N` bytes, which are all of them, and looks at both.
#[inline(always)]
fn ends<const N: usize>(text: &[u8], room: &mut [u8], look: impl Fn([u8; N], [u8; N]) -> u64) -> u64 {
    let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else { return HIGH };
    if let Some(place) = room.first_chunk_mut() {
        *place = *first;
    }
    if let Some(place) = room.last_chunk_mut() {
        *place = *last;
    }
    look(*first, *last)
}

#[inline(never)]
fn long(text: &[u8], room: &mut [u8]) -> u64 {
    room.copy_from_slice(text);
    let last = text.last_chunk().map_or(HIGH, |last| others(*last));
    text.as_chunks().0.iter().fold(last, |seen, eight| seen | others(*eight))
}

#[inline(always)]
fn others_of_16(bytes: [u8; 16]) -> u64 {
    let [mut first, mut last] = [[0; 8]; 2];
    first.copy_from_slice(&bytes[..8]);
    last.copy_from_slice(&bytes[8..]);
    others(first) | others(last)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// Has one of its [`HIGH`] bits set if one of eight bytes is below 0x20, above 0x7e, `"` or `\`, and only then:
/// subtracting borrows into, and adding carries into, the highest bit of such a byte. A borrow from a neighbour can only
/// come from a byte that is such a one itself.
#[inline(always)]
fn others(bytes: [u8; 8]) -> u64 {
    let eight = u64::from_le_bytes(bytes);
    let below = eight.wrapping_sub(ONES * 0x20);
    let above = eight.wrapping_add(ONES) | eight;
    let quote = (eight ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
    let backslash = (eight ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    below | above | quote | backslash
}
