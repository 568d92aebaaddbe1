//! Events on disk until a receipt frees them: append-only segments, one sync for all who wait, a ceiling, a cursor.
//!
//! Never a retry of a failed sync: its segment is given up, and what it did not cover is written into a new one.

mod append;
mod free;
mod sync;

pub(crate) use append::Room;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use veribus_core::fs::{Fs, FsFile, FsLock, Locking};
use veribus_core::{Clock, EventId, InstanceId, Rng, Source, Timestamp, planted};

use super::cursor::{CursorFile, Position};
use super::error::ForwardError;
use super::record::Place;
use super::segment;
use super::settings::SpoolSettings;

/// How full a spool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpoolState {
    /// Under 80 % of its ceiling.
    #[default]
    Normal,
    /// Over 80 %.
    Pressure,
    /// What came last was refused: the ceiling is reached, or the disk is full or failing.
    Full,
    /// It takes events again after it was full, and is still over 80 %.
    Recovering,
}

/// A file of the spool.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// How much of it is read.
    pub(crate) bytes: u64,
    pub(crate) instance: Option<InstanceId>,
}

#[derive(Debug)]
pub(crate) struct Active {
    pub(super) place: Place,
    pub(super) instance: InstanceId,
    pub(super) file: Arc<dyn FsFile>,
    pub(super) written: u64,
    pub(super) last_key: u64,
    /// The names in the directory were synced since it was made.
    pub(super) named: bool,
    /// Records after `synced`, as they are in the file.
    pub(super) unsynced: Vec<u8>,
    pub(super) synced: u64,
    /// A part of a record is behind `written`, or may be after a power loss: nothing more is appended.
    pub(super) torn: bool,
    /// A sync of it failed: never synced again.
    pub(super) poisoned: bool,
}

impl Active {
    /// After a write that failed: if a part is in the file, cuts it off, and syncs that. Else a power loss could bring
    /// back what was counted as lost, behind events that were sent after it.
    fn cut_off(&mut self, a_part_is_there: bool) {
        if planted!("do-not-sync-the-cut") {
            self.torn = self.file.truncate(self.written).is_err();
        } else if a_part_is_there && !self.torn {
            let cut = self.file.truncate(self.written).and_then(|()| match self.poisoned {
                true => Err(std::io::Error::other("an earlier sync failed")),
                false => self.file.sync_data().inspect_err(|_| self.poisoned = true),
            });
            self.torn = cut.is_err();
        }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) segments: VecDeque<Segment>,
    pub(super) active: Option<Active>,
    pub(super) next_number: u64,
    pub(super) cursor: Position,
    pub(super) cursor_file: CursorFile,
    pub(super) cursor_saved: Position,
    pub(super) reserve: Option<Box<dyn FsFile>>,
    pub(super) bytes: u64,
    pub(super) pending: u64,
    pub(super) syncing: bool,
    /// Counts ended syncs; the number of the last that failed.
    pub(super) syncs: u64,
    pub(super) failed: Option<u64>,
    pub(super) state: SpoolState,
    pub(super) changes: u64,
}

/// One process's spool, or one that its process left behind.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) dir: PathBuf,
    pub(crate) id: u64,
    pub(crate) fs: Arc<dyn Fs>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: SpoolSettings,
    pub(super) source: Source,
    pub(super) state: Mutex<State>,
    pub(super) synced: Condvar,
    pub(super) lock: Mutex<Option<Box<dyn FsLock>>>,
}

/// Events encoded once.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) ids: Vec<EventId>,
    pub(crate) durable: Vec<bool>,
    /// Where each event ends in `bytes`.
    pub(crate) ends: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Encoded {
    fn each(&self) -> impl Iterator<Item = (EventId, bool, &[u8])> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = begins.zip(&self.ends).map(|(begin, end)| &self.bytes[begin..*end]);
        self.ids.iter().zip(&self.durable).zip(ranges).map(|((id, durable), bytes)| (*id, *durable, bytes))
    }
}

/// How a spool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolHealth {
    /// How full.
    pub state: SpoolState,
    /// How often `state` changed.
    pub changes: u64,
    /// Bytes in its segments.
    pub bytes: u64,
    /// Its ceiling.
    pub bytes_max: u64,
    /// Events without a receipt.
    pub pending: u64,
}

/// Makes the names of a directory and of those above it survive a power loss, also where a process that died has made
/// them and nobody synced. One that may not be opened was there before us.
fn sync_names_above(fs: &dyn Fs, dir: &Path) {
    for above in dir.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        let _may_not_be_ours = fs.sync_dir(above);
    }
}

impl Spool {
    /// Makes a spool of its own for this process, in a directory of `settings.dir` that is named by a random id.
    ///
    /// # Errors
    /// [`ForwardError::CeilingTooHigh`]; [`ForwardError::Io`] if the directory cannot be made or locked.
    pub(crate) fn create(
        settings: SpoolSettings,
        source: Source,
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
    ) -> Result<Spool, ForwardError> {
        let root = settings.dir.clone();
        fs.create_dir(&root).map_err(ForwardError::io("use", &root))?;
        sync_names_above(&*fs, &root);
        let total = fs.space(&root).map_err(ForwardError::io("measure", &root))?.total;
        if settings.bytes_max > total {
            return Err(ForwardError::CeilingTooHigh { path: root, bytes_max: settings.bytes_max, total });
        }
        let mut attempts = 8;
        loop {
            let id = rng.bits();
            let dir = root.join(format!("{id:016x}"));
            let made = fs.create_dir(&dir).and_then(|()| fs.lock(&dir.join("lock")));
            attempts -= 1;
            match made {
                // Somebody who looks for orphans may take a new directory before it is locked.
                Ok(Locking::Held(_)) if attempts > 0 => continue,
                Ok(Locking::Held(pid)) => return Err(ForwardError::Locked { path: dir, pid }),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && attempts > 0 => continue,
                Err(error) => return Err(ForwardError::io("make", &dir)(error)),
                Ok(Locking::Taken(lock)) => {
                    fs.sync_dir(&root).map_err(ForwardError::io("sync", &root))?;
                    let spool = Spool::with(dir, id, settings, source, fs, clock, lock);
                    spool.take_reserve(&mut spool.state());
                    return Ok(spool);
                }
            }
        }
    }

    fn with(
        dir: PathBuf,
        id: u64,
        settings: SpoolSettings,
        source: Source,
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        lock: Box<dyn FsLock>,
    ) -> Spool {
        let state = State {
            segments: VecDeque::new(),
            active: None,
            next_number: 1,
            cursor: Position::default(),
            cursor_file: CursorFile::new(&dir, id),
            cursor_saved: Position::default(),
            reserve: None,
            bytes: 0,
            pending: 0,
            syncing: false,
            syncs: 0,
            failed: None,
            state: SpoolState::Normal,
            changes: 0,
        };
        let (state, lock) = (Mutex::new(state), Mutex::new(Some(lock)));
        Spool { dir, id, fs, clock, settings, source, state, synced: Condvar::new(), lock }
    }

    /// Takes over a spool whose process is gone. `segments` are oldest first; the cursor is read here.
    pub(crate) fn adopt(
        dir: PathBuf,
        id: u64,
        segments: VecDeque<Segment>,
        like: &Spool,
        lock: Box<dyn FsLock>,
    ) -> Spool {
        let (settings, source) = (like.settings.clone(), like.source.clone());
        Spool::of(dir, id, segments, settings, source, like.fs.clone(), like.clock.clone(), lock)
    }

    /// One that is there already, for whoever holds its lock.
    #[expect(clippy::too_many_arguments, reason = "what a spool is made of")]
    pub(crate) fn of(
        dir: PathBuf,
        id: u64,
        segments: VecDeque<Segment>,
        settings: SpoolSettings,
        source: Source,
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        lock: Box<dyn FsLock>,
    ) -> Spool {
        let spool = Spool::with(dir, id, settings, source, fs, clock, lock);
        let mut state = spool.state();
        // An unreadable cursor means that everything is sent again, which does no harm.
        state.cursor = state.cursor_file.read(&*spool.fs).ok().flatten().unwrap_or_default();
        state.cursor_saved = state.cursor;
        state.next_number = segments.back().map_or(1, |last| last.number + 1);
        state.bytes = segments.iter().map(|segment| segment.bytes).sum();
        state.segments = segments;
        drop(state);
        spool
    }

    /// A new one in the same directory, for events of `source`.
    ///
    /// # Errors
    /// As [`Spool::create`].
    pub(crate) fn beside(&self, source: Source, rng: &dyn Rng) -> Result<Spool, ForwardError> {
        Spool::create(self.settings.clone(), source, self.fs.clone(), self.clock.clone(), rng)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where reading begins.
    pub(crate) fn cursor(&self) -> Position {
        self.state().cursor
    }

    /// The sender that its events name if they do not say themselves.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Wall-clock time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// When an event that is not durable expires, if it was spooled at `time`.
    pub(crate) fn is_expired(&self, time: i64) -> bool {
        let age = self.clock.now().as_nanos().saturating_sub(time);
        u128::try_from(age).is_ok_and(|age| age > self.settings.expire_after.as_nanos())
    }

    /// How it stands.
    pub(crate) fn health(&self) -> SpoolHealth {
        let state = self.state();
        SpoolHealth {
            state: state.state,
            changes: state.changes,
            bytes: state.bytes,
            bytes_max: self.settings.bytes_max,
            pending: state.pending,
        }
    }

    /// In a forked child: closes the inherited copy of the lock, and leaves the parent's as it is.
    pub(crate) fn let_go(&self) {
        if let Ok(mut lock) = self.lock.try_lock() {
            drop(lock.take());
        }
    }

    /// Removes a spool in which nothing is left; an error leaves a part that the next start removes.
    pub(crate) fn remove(&self) {
        for segment in self.state().segments.drain(..) {
            let _is_found_empty_by_the_next = self.fs.unlink(&self.segment_path(segment.number));
        }
        for name in ["cursor", "cursor.new", "reserve", "lock"] {
            let _may_not_be_there = self.fs.unlink(&self.dir.join(name));
        }
        let _may_hold_what_is_not_ours = self.fs.remove_dir(&self.dir);
        if let Some(root) = self.dir.parent() {
            let _may_come_back = self.fs.sync_dir(root);
        }
    }

    /// The path of a segment.
    pub(crate) fn segment_path(&self, number: u64) -> PathBuf {
        segment::path(Path::new(&self.dir), number)
    }
}
