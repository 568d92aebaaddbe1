//! How far a spool was receipted: the last sound entry of a small append-only file.

use std::io;
use std::path::{Path, PathBuf};

use veribus_core::fs::{Fs, FsFile, OpenHow};

use super::segment::read_range;

const ENTRY: usize = 24;
/// Past this the file is written anew.
const BYTES_MAX: u64 = 64 * 1024;

/// A place in a spool: everything before it is receipted, written, or synced, as its owner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// The cursor's file.
#[derive(Debug)]
pub(crate) struct CursorFile {
    dir: PathBuf,
    spool: u64,
    file: Option<(Box<dyn FsFile>, u64)>,
}

fn entry(spool: u64, at: Position) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..8].copy_from_slice(&at.segment.to_le_bytes());
    bytes[8..16].copy_from_slice(&at.offset.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&spool.to_le_bytes()), &bytes[..16]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The furthest sound entry; entries that are none are passed over, for sending again does no harm.
fn furthest(bytes: &[u8], spool: u64) -> Option<Position> {
    let position = |bytes: &[u8]| {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let at = Position { segment: word(0), offset: word(8) };
        (entry(spool, at) == bytes).then_some(at)
    };
    bytes.chunks_exact(ENTRY).filter_map(position).max()
}

impl CursorFile {
    pub(crate) fn new(dir: &Path, spool: u64) -> Self {
        CursorFile { dir: dir.to_owned(), spool, file: None }
    }

    /// What an earlier process wrote.
    ///
    /// # Errors
    /// Those of the system, but that there is no file.
    pub(crate) fn read(&self, fs: &dyn Fs) -> io::Result<Option<Position>> {
        let file = match fs.open(&self.dir.join("cursor"), OpenHow::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = read_range(&*file, 0, file.bytes()?.min(BYTES_MAX * 2))?;
        Ok(furthest(&bytes, self.spool))
    }

    /// Writes an entry; with `sync` it survives a power loss.
    ///
    /// # Errors
    /// Those of the system; the next call writes the file anew.
    pub(crate) fn write(&mut self, fs: &dyn Fs, at: Position, sync: bool) -> io::Result<()> {
        let (file, bytes) = match self.file.take() {
            Some((file, bytes)) if bytes < BYTES_MAX => (file, bytes),
            _ => return self.renew(fs, at),
        };
        if file.append(&entry(self.spool, at))? != ENTRY {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if sync {
            file.sync_data()?;
        }
        self.file = Some((file, bytes + ENTRY as u64));
        Ok(())
    }

    /// Readers see the old file or the new one, never a part.
    fn renew(&mut self, fs: &dyn Fs, at: Position) -> io::Result<()> {
        let (new, path) = (self.dir.join("cursor.new"), self.dir.join("cursor"));
        match fs.unlink(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = fs.open(&new, OpenHow::CreateNew)?;
        if file.append(&entry(self.spool, at))? != ENTRY {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.sync_data()?;
        fs.rename(&new, &path)?;
        fs.sync_dir(&self.dir)?;
        self.file = Some((file, ENTRY as u64));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Disk;
    use super::*;

    #[test]
    fn the_furthest_sound_entry_counts_whatever_stands_around_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cursor = CursorFile::new(folder.path(), 7);
        assert_eq!(cursor.read(&Disk).expect("readable"), None);
        let at = |segment, offset| Position { segment, offset };
        for position in [at(1, 64), at(1, 900), at(2, 64)] {
            cursor.write(&Disk, position, true).expect("writes");
        }
        assert_eq!(cursor.read(&Disk).expect("readable"), Some(at(2, 64)));
        let path = folder.path().join("cursor");
        let mut bytes = std::fs::read(&path).expect("readable");
        bytes[2 * ENTRY] ^= 1;
        bytes.extend_from_slice(b"torn");
        std::fs::write(&path, &bytes).expect("writes");
        assert_eq!(cursor.read(&Disk).expect("readable"), Some(at(1, 900)));
        assert_eq!(CursorFile::new(folder.path(), 8).read(&Disk).expect("readable"), None);
    }

    #[test]
    fn the_file_stays_small() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cursor = CursorFile::new(folder.path(), 7);
        for offset in 0..2 * BYTES_MAX / ENTRY as u64 + 5 {
            cursor.write(&Disk, Position { segment: 1, offset }, false).expect("writes");
        }
        let bytes = std::fs::metadata(folder.path().join("cursor")).expect("is there").len();
        assert!(bytes <= BYTES_MAX + ENTRY as u64, "{bytes}");
    }
}
