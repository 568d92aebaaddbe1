//! The disk as one process sees it: the product's file system trait.

use std::io;
use std::path::{Path, PathBuf};

use veribus_core::fs::{DirEntry, EntryKind, Fs, FsFile, FsLock, Locking, OpenHow, Space};

use super::SimDisk;
use super::faults::Operation;
use super::file::FileContent;
use super::names::Node;
use super::state::{Pass, Process, State, Thing, gone};

/// The file system of one process; when the process dies every call fails.
#[derive(Debug, Clone)]
pub struct SimFs {
    disk: SimDisk,
    process: Process,
}

impl SimFs {
    pub(super) const fn new(disk: SimDisk, process: Process) -> Self {
        SimFs { disk, process }
    }

    /// The disk.
    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// `kill -9`: what the process wrote stays, its locks are free.
    pub fn kill(&self) {
        self.disk.state().kill(self.process);
    }

    /// Whether the process has not died.
    pub fn is_alive(&self) -> bool {
        self.disk.state().is_alive(self.process)
    }

    /// Passes an operation through the gate and, if it lets it, does it; a process that dies in it hears nothing.
    fn act<T>(&self, operation: Operation, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        match state.gate(self.process, operation)? {
            Pass::Whole => act(&mut state),
            Pass::Dying { done } => {
                if done {
                    drop(act(&mut state));
                }
                Err(gone())
            }
        }
    }
}

impl Fs for SimFs {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.act(Operation::Create, |state| {
            let mut above: Vec<&Path> = dir.ancestors().filter(|path| path.parent().is_some()).collect();
            above.reverse();
            for path in above {
                match state.names.get(path).and_then(|node| state.things.get(&node)) {
                    Some(Thing::Directory) => {}
                    Some(Thing::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                    None => drop(state.create(path, Thing::Directory)),
                }
            }
            Ok(())
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.act(Operation::Read, |state| {
            state.needs_parent(&dir.join("x"))?;
            let entries = state.names.within(dir).map(|(path, node)| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let kind = match state.things.get(&node) {
                    Some(Thing::File(content)) => EntryKind::File(content.now.len() as u64),
                    Some(Thing::Directory) => EntryKind::Directory,
                    None => EntryKind::Other,
                };
                DirEntry { name, kind }
            });
            Ok(entries.collect())
        })
    }

    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn FsFile>> {
        let operation = if how == OpenHow::CreateNew { Operation::Create } else { Operation::Open };
        let node = self.act(operation, |state| {
            state.needs_parent(path)?;
            match (state.names.get(path), how) {
                (Some(_), OpenHow::CreateNew) => Err(io::ErrorKind::AlreadyExists.into()),
                (None, OpenHow::CreateNew) => {
                    state.room_for(1)?;
                    Ok(state.create(path, Thing::File(FileContent::default())))
                }
                (None, _) => Err(io::ErrorKind::NotFound.into()),
                (Some(node), _) => match state.things.get(&node) {
                    Some(Thing::File(_)) => Ok(node),
                    _ => Err(io::ErrorKind::InvalidInput.into()),
                },
            }
        })?;
        Ok(Box::new(SimFile { fs: self.clone(), node, writes: how != OpenHow::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(Operation::Rename, |state| {
            let node = state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            state.needs_parent(to)?;
            state.names.rename(from, to, node);
            Ok(())
        })
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.act(Operation::Unlink, |state| {
            let node = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
            if matches!(state.things.get(&node), Some(Thing::Directory)) {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            state.names.unlink(path);
            Ok(())
        })
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.act(Operation::Unlink, |state| {
            let node = state.names.get(dir).ok_or(io::ErrorKind::NotFound)?;
            if !matches!(state.things.get(&node), Some(Thing::Directory)) {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            if state.names.within(dir).next().is_some() {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            state.names.unlink(dir);
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.act(Operation::SyncDir, |state| {
            state.needs_parent(&dir.join("x"))?;
            state.names.sync(dir);
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Locking> {
        let process = self.process;
        let free = self.act(Operation::Create, |state| {
            if let Some(holder) = state.locks.get(path) {
                return Ok(Err(*holder));
            }
            state.needs_parent(path)?;
            if state.names.get(path).is_none() {
                state.create(path, Thing::File(FileContent::default()));
            }
            state.locks.insert(path.to_owned(), process);
            Ok(Ok(()))
        })?;
        Ok(match free {
            Ok(()) => Locking::Taken(Box::new(SimLock { fs: self.clone(), path: path.to_owned() })),
            Err(holder) => Locking::Held(Some(holder)),
        })
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        self.act(Operation::Read, |state| {
            let total = state.faults.room.unwrap_or(1 << 40);
            Ok(Space { available: total.saturating_sub(state.used()), total })
        })
    }
}

/// An open file; keeps its content when its name is removed.
#[derive(Debug)]
struct SimFile {
    fs: SimFs,
    node: Node,
    writes: bool,
}

impl SimFile {
    fn must_write(&self) -> io::Result<()> {
        if self.writes { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl FsFile for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.must_write()?;
        let mut state = self.fs.disk.state();
        let pass = state.gate(self.fs.process, Operation::Append)?;
        let mut length = state.room_for(bytes.len() as u64)? as usize;
        let is_short = state.is_short();
        if length > 1 && (is_short || pass != Pass::Whole) {
            length = 1 + state.choices.below(length as u64 - 1) as usize;
        }
        if pass != (Pass::Dying { done: false }) {
            state.file(self.node)?.append(&bytes[..length]);
        }
        if pass == Pass::Whole { Ok(length) } else { Err(gone()) }
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.fs.act(Operation::Read, |state| {
            let content = &state.file(self.node)?.now;
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            let mut length = into.len().min(content.len() - from);
            into[..length].copy_from_slice(&content[from..from + length]);
            if length > 1 && state.is_short() {
                length = 1 + state.choices.below(length as u64 - 1) as usize;
            }
            Ok(length)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.must_write()?;
        let mut state = self.fs.disk.state();
        match state.gate(self.fs.process, Operation::Sync) {
            Ok(pass) => {
                if pass != (Pass::Dying { done: false }) {
                    state.file(self.node)?.sync();
                }
                if pass == Pass::Whole { Ok(()) } else { Err(gone()) }
            }
            Err(error) => {
                let is_failure = error.raw_os_error().is_some();
                if is_failure && state.is_alive(self.fs.process) {
                    let mut choices = state.choices.clone();
                    state.file(self.node)?.fail_sync(&mut choices);
                    state.choices = choices;
                }
                Err(error)
            }
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.must_write()?;
        self.fs.act(Operation::Resize, |state| {
            state.file(self.node)?.resize(bytes as usize);
            Ok(())
        })
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.must_write()?;
        self.fs.act(Operation::Resize, |state| {
            let more = bytes.saturating_sub(state.file(self.node)?.now.len() as u64);
            if state.room_for(more)? < more {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.file(self.node)?.resize(bytes as usize);
            Ok(())
        })
    }

    fn bytes(&self) -> io::Result<u64> {
        self.fs.act(Operation::Read, |state| Ok(state.file(self.node)?.now.len() as u64))
    }
}

#[derive(Debug)]
struct SimLock {
    fs: SimFs,
    path: PathBuf,
}

impl FsLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.fs.disk.state();
        if state.locks.get(&self.path) == Some(&self.fs.process) {
            state.locks.remove(&self.path);
        }
    }
}
