//! Lines of a stream of any length in a fixed amount of memory: a line above 1 MiB is passed over and counted.

use std::io::{self, Read};

/// Longest line that is given out, in bytes, its newline not counted.
pub(super) const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Read from the source at once, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// One line of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Its bytes, without the line end (`\n` or `\r\n`).
    Whole(&'a [u8]),
    /// It was longer than [`LINE_BYTES_MAX`]; so many bytes were passed over.
    TooLong(u64),
}

/// Splits a reader into lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// End of what was read.
    end: usize,
    /// How far of `start..end` was searched for a newline.
    searched: usize,
    at_end: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        let buffer = vec![0; CHUNK_BYTES];
        Lines { source, buffer, start: 0, end: 0, searched: 0, at_end: false }
    }

    /// The beginning of what is left, at most one chunk, so that its format can be told; nothing is consumed.
    ///
    /// # Errors
    /// What the source says.
    pub(super) fn peek(&mut self, bytes_wanted: usize) -> io::Result<&[u8]> {
        while self.end - self.start < bytes_wanted.min(CHUNK_BYTES) && !self.at_end {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The next line, or `None` at the end. A last line without a line end is a line.
    ///
    /// # Errors
    /// What the source says; what was read before it stays to be asked for.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..self.end]) {
                let newline = self.searched + at;
                let line = self.start..newline;
                (self.start, self.searched) = (newline + 1, newline + 1);
                return Ok(Some(line_or_too_long(&self.buffer[line])));
            }
            self.searched = self.end;
            if self.at_end {
                let line = self.start..self.end;
                self.start = self.end;
                let left = !line.is_empty();
                return Ok(left.then(|| line_or_too_long(&self.buffer[line])));
            }
            if self.end - self.start > LINE_BYTES_MAX {
                return self.pass_over().map(Some);
            }
            self.fill()?;
        }
    }

    /// The source, for what it knows about the reading.
    pub(super) fn source(&self) -> &R {
        &self.source
    }

    /// Reads one chunk more behind what is there.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < self.end + CHUNK_BYTES {
            self.buffer.resize(self.end + CHUNK_BYTES, 0);
        }
        let read = read_again(&mut self.source, &mut self.buffer[self.end..])?;
        self.end += read;
        self.at_end = read == 0;
        Ok(())
    }

    /// Forgets the line that has grown too long, up to its newline.
    fn pass_over(&mut self) -> io::Result<Line<'static>> {
        let mut passed = (self.end - self.start) as u64;
        (self.start, self.end, self.searched) = (0, 0, 0);
        loop {
            let read = read_again(&mut self.source, &mut self.buffer[..CHUNK_BYTES])?;
            if read == 0 {
                self.at_end = true;
                return Ok(Line::TooLong(passed));
            }
            if let Some(newline) = memchr::memchr(b'\n', &self.buffer[..read]) {
                (self.start, self.searched, self.end) = (newline + 1, newline + 1, read);
                return Ok(Line::TooLong(passed + newline as u64));
            }
            passed += read as u64;
        }
    }
}

fn line_or_too_long(line: &[u8]) -> Line<'_> {
    if line.len() > LINE_BYTES_MAX {
        return Line::TooLong(line.len() as u64);
    }
    Line::Whole(line.strip_suffix(b"\r").unwrap_or(line))
}

/// As `read`, but a signal does not end it.
fn read_again(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives out at most `step` bytes a read.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn all(bytes: &[u8], step: usize) -> Vec<Result<Vec<u8>, u64>> {
        let mut lines = Lines::new(Trickle(bytes, step));
        let mut out = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            out.push(match line {
                Line::Whole(line) => Ok(line.to_vec()),
                Line::TooLong(bytes) => Err(bytes),
            });
        }
        assert!(lines.buffer.len() <= LINE_BYTES_MAX + 2 * CHUNK_BYTES + 1, "{}", lines.buffer.len());
        out
    }

    #[test]
    fn a_line_above_the_limit_is_passed_over_and_its_neighbours_stay() {
        let mut text = b"before\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 10 * 1024 * 1024));
        text.extend_from_slice(b"\nafter");
        let lines = all(&text, usize::MAX);
        assert_eq!(lines, [Ok(b"before".to_vec()), Err(10 * 1024 * 1024), Ok(b"after".to_vec())]);
    }

    #[test]
    fn the_limit_is_exact() {
        for (extra, fits) in [(0, true), (1, false)] {
            let text = vec![b'x'; LINE_BYTES_MAX + extra];
            for end in ["", "\n"] {
                let lines = all(&[&text, end.as_bytes()].concat(), 70_000);
                assert_eq!(lines.len(), 1);
                assert_eq!(lines[0].is_ok(), fits, "{extra} {end:?}");
            }
        }
    }

    #[test]
    fn windows_line_ends_and_empty_lines_are_lines() {
        assert_eq!(all(b"a\r\n\n\r\nb", 1), [&b"a"[..], b"", b"", b"b"].map(|line| Ok(line.to_vec())));
        assert_eq!(all(b"", 1), []);
    }

    proptest! {
        #[test]
        fn every_split_of_the_reads_gives_the_same_lines(text in "[ab\n\r]{0,200}", step in 1_usize..50) {
            prop_assert_eq!(all(text.as_bytes(), step), all(text.as_bytes(), usize::MAX));
            let expected = text.lines().count();
            // `str::lines` drops nothing but the end of a last line.
            prop_assert_eq!(all(text.as_bytes(), step).len(), expected);
        }
    }
}
