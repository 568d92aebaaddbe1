//! Bytes appended in place: room is made for many at once, and what was not needed is cut off at the end.

/// Bytes of room made beyond what is asked for: the rest of a typical event.
const MORE_BYTES: usize = 512;

/// The end of the caller's bytes. What stands behind `at` is room, and gone when this goes.
pub(super) struct Room<'o> {
    out: &'o mut Vec<u8>,
    at: usize,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.at);
    }
}

impl<'o> Room<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        let at = out.len();
        Room { out, at }
    }

    /// The next `len` bytes, to be written and then [used](Room::used).
    #[inline(always)]
    fn next(&mut self, len: usize) -> &mut [u8] {
        if self.out.len() - self.at < len {
            self.grow(len);
        }
        &mut self.out[self.at..][..len]
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, len: usize) {
        self.out.resize(self.at + len + MORE_BYTES, 0);
    }

    /// One byte.
    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        self.next(1)[0] = byte;
        self.at += 1;
    }

    /// The first `used` of some bytes; they are copied whole, which is cheaper than to the length.
    ///
    /// # Panics
    /// If `used` is more than there are.
    #[inline(always)]
    pub(super) fn first<const N: usize>(&mut self, bytes: &[u8; N], used: usize) {
        assert!(used <= N);
        self.next(N).copy_from_slice(bytes);
        self.at += used;
    }

    /// Bytes whose number is known.
    #[inline(always)]
    pub(super) fn fixed<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N])) {
        if let Ok(room) = self.next(N).try_into() {
            write(room);
        }
        self.at += N;
    }

    /// Any bytes.
    #[inline]
    pub(super) fn slice(&mut self, bytes: &[u8]) {
        self.next(bytes.len()).copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// `"` and `bytes` and `"`, if none of the bytes is escaped in JSON; else nothing, and `false`.
    #[inline]
    pub(super) fn quoted(&mut self, bytes: &[u8]) -> bool {
        let [open, room @ .., close] = self.next(bytes.len() + 2) else { return false };
        (*open, *close) = (b'"', b'"');
        let plain = super::plain::copy(bytes, room);
        self.at += if plain { bytes.len() + 2 } else { 0 };
        plain
    }

    /// What `write` appends to the end.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.truncate(self.at);
        write(self.out);
        self.at = self.out.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_stands_behind_what_was_there_and_nothing_behind_it() {
        let mut out = b"before ".to_vec();
        {
            let mut room = Room::new(&mut out);
            room.byte(b'1');
            room.first(b"23456789", 3);
            room.fixed(|room: &mut [u8; 2]| *room = *b"56");
            assert!(room.quoted(b"plain") && !room.quoted(b"not\nplain"));
            room.append(|out| out.extend_from_slice(b"7"));
            room.slice(b"89");
            room.slice(&[b'x'; 2 * MORE_BYTES]);
        }
        let expected = [b"before 123456\"plain\"789".as_slice(), &[b'x'; 2 * MORE_BYTES]].concat();
        assert_eq!(out, expected);
    }
}
