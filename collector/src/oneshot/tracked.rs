//! One opened input that knows whether its file grew or shrank while it was read.

use std::fs::File;
use std::io::{self, Read};

/// How much may be read behind the size at opening to finish the last line, in bytes.
const FINISH_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a regular file up to the size it had when it was opened, and on to the end of its last line; any
/// other input to its end.
#[derive(Debug)]
pub(super) struct Tracked {
    source: Source,
    /// Size when opened, of a regular file that has one.
    size: Option<u64>,
    read: u64,
    last_byte: u8,
}

#[derive(Debug)]
enum Source {
    File(File),
    Stdin(io::Stdin),
}

/// How the size of an input changed while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It did not, or nobody can know.
    None,
    /// It lost its end: `read` of `size` bytes were there.
    Truncated { read: u64, size: u64 },
    /// So many bytes were added; they were not read.
    Grew { bytes: u64 },
}

impl Tracked {
    /// Standard input, to its end.
    pub(super) fn stdin() -> Self {
        Tracked { source: Source::Stdin(io::stdin()), size: None, read: 0, last_byte: b'\n' }
    }

    /// An open file.
    ///
    /// # Errors
    /// Where the system cannot say what it is, or says that it is a folder.
    pub(super) fn file(file: File) -> io::Result<Self> {
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Files of /proc and /sys have size 0 and content.
        let size = (found.is_file() && found.len() > 0).then_some(found.len());
        Ok(Tracked { source: Source::File(file), size, read: 0, last_byte: b'\n' })
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    /// What became of the file; ask when the reading is over.
    pub(super) fn change(&self) -> Change {
        let (Some(size), Source::File(file)) = (self.size, &self.source) else { return Change::None };
        if self.read < size {
            return Change::Truncated { read: self.read, size };
        }
        let now = file.metadata().map_or(size, |found| found.len());
        match now.checked_sub(self.read) {
            None => Change::Truncated { read: self.read, size },
            Some(0) => Change::None,
            Some(bytes) => Change::Grew { bytes },
        }
    }

    /// How much more may be read, and whether only up to the next newline.
    fn allowance(&self) -> (u64, bool) {
        match self.size {
            None => (u64::MAX, false),
            Some(size) if self.read < size => (size - self.read, false),
            Some(_) if self.last_byte == b'\n' => (0, true),
            Some(size) => ((size + FINISH_BYTES_MAX).saturating_sub(self.read), true),
        }
    }
}

impl Read for Tracked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (allowed, finishing) = self.allowance();
        let want = usize::try_from(allowed).unwrap_or(usize::MAX).min(out.len());
        let mut got = match &mut self.source {
            _ if want == 0 => 0,
            Source::File(file) => file.read(&mut out[..want])?,
            Source::Stdin(stdin) => stdin.lock().read(&mut out[..want])?,
        };
        if finishing && let Some(newline) = memchr::memchr(b'\n', &out[..got]) {
            got = newline + 1;
        }
        if let Some(last) = out[..got].last() {
            self.last_byte = *last;
        }
        self.read += got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    fn opened(content: &str) -> (tempfile::NamedTempFile, Tracked) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let tracked = Tracked::file(File::open(file.path()).unwrap()).unwrap();
        (file, tracked)
    }

    fn rest(tracked: &mut Tracked) -> String {
        let mut text = String::new();
        tracked.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_file_that_grows_is_read_to_the_end_of_the_line_it_had() {
        let (file, mut tracked) = opened("one\ntw");
        let mut append = OpenOptions::new().append(true).open(file.path()).unwrap();
        append.write_all(b"o\nthree\n").unwrap();
        assert_eq!(rest(&mut tracked), "one\ntwo\n");
        assert_eq!(tracked.change(), Change::Grew { bytes: 6 });
    }

    #[test]
    fn a_file_that_is_truncated_says_how_much_is_missing() {
        let (file, mut tracked) = opened("one\ntwo\n");
        OpenOptions::new().write(true).open(file.path()).unwrap().set_len(4).unwrap();
        assert_eq!(rest(&mut tracked), "one\n");
        assert_eq!(tracked.change(), Change::Truncated { read: 4, size: 8 });
    }

    #[test]
    fn a_file_that_stays_as_it_is_says_nothing() {
        let (_file, mut tracked) = opened("one\ntwo");
        assert_eq!(rest(&mut tracked), "one\ntwo");
        assert_eq!(tracked.change(), Change::None);
    }
}
