//! A file system as a dependency, so that a simulated disk can fill up, fail and forget what was never synced.
//!
//! Only what a crash-safe log needs: append, sync, rename, unlink. Nothing in core implements it.

use std::fmt::Debug;
use std::io;
use std::path::Path;

/// A file system. Links are never followed in the last part of a path.
///
/// What a crash leaves: bytes that [`FsFile::sync_data`] covered, in files whose names [`Fs::sync_dir`] covered, are
/// there. Of anything later any part may be there: some of the appended bytes (zeroes where others are missing), a
/// longer or shorter length, a name without its file's content, a rename or an unlink that did not happen.
pub trait Fs: Debug + Send + Sync {
    /// Makes a directory, and its parents, that only their owner enters (0700); fine if it is there.
    ///
    /// # Errors
    /// `PermissionDenied` if it is there and belongs to another user or others may write to it; `NotADirectory` if
    /// it is something else, a link for example.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// What is in a directory, in no order.
    ///
    /// # Errors
    /// Those of the system; `NotFound` if there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;

    /// Opens a file; a new one is only its owner's (0600).
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` as `how` says; `InvalidInput` if it is no ordinary file.
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn FsFile>>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name of a file. Whoever has the file open keeps it.
    ///
    /// # Errors
    /// Those of the system.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of the system.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a directory, as they are now, survive a power loss.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock file `path`, making it if need be, and writes the process id into it; never waits.
    ///
    /// # Errors
    /// Those of the system. That another process holds it is no error but [`Locking::Held`].
    fn lock(&self, path: &Path) -> io::Result<Locking>;

    /// How much room the file system of `dir` has.
    ///
    /// # Errors
    /// Those of the system.
    fn space(&self, dir: &Path) -> io::Result<Space>;
}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpenHow {
    /// To read one that is there.
    Read,
    /// To read and append to one that is there.
    Append,
    /// To read and append to a new one.
    CreateNew,
}

/// An open file. Appending and reading may happen at once; appending is one thread's at a time.
pub trait FsFile: Debug + Send + Sync {
    /// Adds bytes at the end: one `write(2)`, which may take less than all.
    ///
    /// # Errors
    /// Those of the system, `StorageFull` and `QuotaExceeded` among them.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads from `offset`; may give less than asked, and 0 at the end.
    ///
    /// # Errors
    /// Those of the system.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Makes all bytes appended before the call survive a power loss (`fdatasync(2)`).
    ///
    /// # Errors
    /// Those of the system. After one, nothing is known of any byte since the last success, whatever a later call
    /// says.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file to `bytes`, or lengthens it by zeroes.
    ///
    /// # Errors
    /// Those of the system.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// Makes the file `bytes` long and takes the room for it on the disk.
    ///
    /// # Errors
    /// Those of the system, `StorageFull` among them.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// How long it is, in bytes.
    ///
    /// # Errors
    /// Those of the system.
    fn bytes(&self) -> io::Result<u64>;
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name; bytes that are no text are replaced, so that such a file is named and never opened.
    pub name: String,
    /// What it names.
    pub kind: EntryKind,
}

/// What a name in a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// An ordinary file of this many bytes.
    File(u64),
    /// A directory.
    Directory,
    /// A link, pipe, socket or device.
    Other,
}

/// How taking a lock went.
#[derive(Debug)]
pub enum Locking {
    /// It is ours until this is dropped. In a forked child, dropping the inherited copy leaves the parent's lock.
    Taken(Box<dyn FsLock>),
    /// Another process holds it: its id, where the file says one.
    Held(Option<u32>),
}

/// A lock that is held until it is dropped.
pub trait FsLock: Debug + Send + Sync {}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this user may still write.
    pub available: u64,
    /// All there is.
    pub total: u64,
}
