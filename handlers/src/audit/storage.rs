//! The log's one door to the file system, so that tests can fill the disk and break the sync.

use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Which file this is, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) bytes: u64,
}

/// A segment open for appending.
pub(crate) trait SegmentFile: Send + Debug {
    /// One `write(2)`: may take less than all.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// `fdatasync(2)`.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `bytes`.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
    /// Where the open file is now.
    fn place(&self) -> io::Result<Place>;
}

/// What a log needs of a disk.
pub(crate) trait Storage: Send + Sync + Debug {
    /// Opens a segment for appending, creating it with mode 0600; `new` insists that it was not there.
    fn open(&self, path: &Path, new: bool) -> io::Result<Box<dyn SegmentFile>>;
    /// Puts `bytes` into `path` through `through`, so that readers see the old or the new content.
    fn replace(&self, path: &Path, through: &Path, bytes: &[u8], sync: bool) -> io::Result<()>;
    /// Makes renames and new files in `folder` survive a power loss.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The real one.
#[derive(Debug)]
pub(crate) struct Disk;

#[derive(Debug)]
struct DiskFile(File);

impl SegmentFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn place(&self) -> io::Result<Place> {
        self.0.metadata().map(|m| Place { device: m.dev(), inode: m.ino(), bytes: m.len() })
    }
}

impl Storage for Disk {
    fn open(&self, path: &Path, new: bool) -> io::Result<Box<dyn SegmentFile>> {
        // Without O_NONBLOCK a pipe in place of the log would block the open for ever.
        let file = OpenOptions::new()
            .append(true)
            .create(!new)
            .create_new(new)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        Ok(Box::new(DiskFile(file)))
    }

    fn replace(&self, path: &Path, through: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
        let mut file = create_private(through)?;
        file.write_all(bytes)?;
        if sync {
            file.sync_data()?;
        }
        std::fs::rename(through, path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// A file that only its owner reads, emptied if it was there; links are not followed.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

/// A folder that only its owner enters; fine if it is there.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Where `path` leads without following a link; `None` if there is nothing.
pub(crate) fn place_of(path: &Path) -> io::Result<Option<Place>> {
    match std::fs::symlink_metadata(path) {
        Ok(m) => Ok(Some(Place { device: m.dev(), inode: m.ino(), bytes: m.len() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
