//! Every stored event has its line in the audit trail, once, in the order of storing.
//!
//! The trail follows the store and never holds it up: commits reach it through a short channel, and what does not fit
//! is read back from the store. How far it is, synced, is a cursor in the store. A restart appends what is missing: the
//! events after the cursor whose lines are not among the last ones of the log.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use veribus_core::{EventHandler, EventId, HandlerError, VerificationEvent};
use veribus_handlers::{AuditError, AuditLogger};

use super::Commit;
use crate::store::{Ingest, Reader, StoreError};

/// Events given to the log at once.
const CHUNK_EVENTS: usize = 1_024;
/// How long lines may wait for their sync.
const SYNC_INTERVAL: Duration = Duration::from_millis(200);
/// Pause after the log could not be written.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The trail cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrailError {
    /// The log.
    #[error("cannot open the audit trail `{}`", .path.display())]
    Open {
        /// The log file.
        path: PathBuf,
        /// Why.
        #[source]
        source: AuditError,
    },
    /// Its last lines.
    #[error("cannot read the audit trail `{}`", .path.display())]
    Read {
        /// The log file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store that it follows.
    #[error("the audit trail cannot follow the store")]
    Store(#[from] StoreError),
}

/// How far the trail is; shared with the writer, which keeps it as the cursor.
#[derive(Debug, Default)]
pub struct TrailState {
    synced: AtomicI64,
    failing: AtomicBool,
}

impl TrailState {
    /// A trail that holds everything up to `ingest`.
    pub fn at(ingest: Ingest) -> Self {
        TrailState { synced: AtomicI64::new(ingest), failing: AtomicBool::new(false) }
    }

    /// Number of the last event whose line is synced.
    pub fn ingest(&self) -> Ingest {
        self.synced.load(Ordering::Acquire)
    }

    /// Whether the log could not be written the last time.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

/// The follower that writes the trail; owned by its thread.
pub struct Trail {
    log: AuditLogger,
    store: Reader,
    commits: Receiver<Arc<Commit>>,
    state: Arc<TrailState>,
    /// Number of the last event given to the log.
    written: Ingest,
    /// Asks for the cursor to be kept in the store, and how far it was when it was asked for.
    keep_cursor: Box<dyn Fn() + Send>,
    kept: Ingest,
    /// Events after the cursor that a process before this one has written already.
    already: HashSet<EventId>,
}

impl Trail {
    /// Opens the log at `path`, cutting off a line torn by a crash, and finds where to go on after `state`.
    /// `keep_cursor` is called when the trail has caught up and nothing else comes.
    ///
    /// # Errors
    /// [`TrailError`].
    pub fn open(
        path: &Path,
        store: Reader,
        commits: Receiver<Arc<Commit>>,
        state: Arc<TrailState>,
        keep_cursor: Box<dyn Fn() + Send>,
    ) -> Result<Self, TrailError> {
        let log =
            AuditLogger::new(path).map_err(|source| TrailError::Open { path: path.to_owned(), source })?;
        let written = state.ingest();
        let missing = store.newest()?.saturating_sub(written);
        let already = last_ids(path, usize::try_from(missing).unwrap_or(0))
            .map_err(|source| TrailError::Read { path: path.to_owned(), source })?;
        Ok(Trail { log, store, commits, state, written, keep_cursor, kept: written, already })
    }

    /// Follows the commits until their sender is gone and everything stored is written, or the log cannot be written
    /// even then.
    pub fn run(mut self) {
        self.keep_up(None);
        loop {
            match self.commits.recv_timeout(SYNC_INTERVAL) {
                Ok(commit) => self.keep_up(Some(&commit)),
                // A commit may have found the channel full.
                Err(RecvTimeoutError::Timeout) => {
                    self.keep_up(None);
                    self.settle();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.keep_up(None);
    }

    /// While events come, their transactions keep the cursor; in the quiet after them this does.
    fn settle(&mut self) {
        if self.kept != self.state.ingest() {
            self.kept = self.state.ingest();
            (self.keep_cursor)();
        }
    }

    /// Writes what is new; after a failure it starts over from the last synced line's event.
    fn keep_up(&mut self, commit: Option<&Commit>) {
        let failed = self.write(commit).is_err();
        self.state.failing.store(failed, Ordering::Relaxed);
        if failed {
            std::thread::sleep(RETRY_PAUSE);
        }
    }

    fn write(&mut self, commit: Option<&Commit>) -> Result<(), FollowError> {
        match commit.and_then(|commit| Some((commit, commit.range()?))) {
            Some((_, (_, last))) if last <= self.written => return Ok(()),
            Some((commit, (first, last))) if first == self.written + 1 => {
                let events: Vec<_> = commit.events().map(|e| Arc::clone(&e.event)).collect();
                self.append(&events, last)?;
            }
            _ => self.catch_up()?,
        }
        if self.state.ingest() != self.written {
            self.log.flush()?;
            self.state.synced.store(self.written, Ordering::Release);
        }
        Ok(())
    }

    fn catch_up(&mut self) -> Result<(), FollowError> {
        loop {
            let mut events = Vec::new();
            let most = u32::try_from(CHUNK_EVENTS).unwrap_or(u32::MAX);
            let last = self.store.after(self.written, most, |stored| events.push(Arc::new(stored.event)))?;
            let Some(last) = last else { return Ok(()) };
            self.append(&events, last)?;
        }
    }

    /// Gives the log what it does not have yet; what it took before a failure is not given again.
    fn append(&mut self, events: &[Arc<VerificationEvent>], last: Ingest) -> Result<(), FollowError> {
        let new: Vec<_> = events.iter().filter(|event| !self.already.contains(&event.id)).cloned().collect();
        let mut taken = 0;
        for chunk in new.chunks(CHUNK_EVENTS) {
            if let Err(error) = self.log.handle(chunk) {
                taken += if let HandlerError::Retry { done, .. } = &error { *done } else { 0 };
                self.already.extend(new[..taken].iter().map(|event| event.id));
                return Err(error.into());
            }
            taken += chunk.len();
        }
        if !self.already.is_empty() {
            events.iter().for_each(|event| {
                self.already.remove(&event.id);
            });
        }
        self.written = last;
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Log(#[from] HandlerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Identities of the last `most` events of the log at `path`, its closed segments included.
fn last_ids(path: &Path, most: usize) -> io::Result<HashSet<EventId>> {
    let mut ids = HashSet::new();
    if most == 0 {
        return Ok(ids);
    }
    for segment in segments(path)?.into_iter().rev() {
        ids.extend(last_ids_of(&segment, most - ids.len())?);
        if ids.len() >= most {
            break;
        }
    }
    Ok(ids)
}

/// The log's files in order: closed ones by the number of their first line, then the open one.
fn segments(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Ok(vec![path.to_owned()]);
    };
    let mut closed = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?.file_name();
        let number =
            entry.to_str().and_then(|e| e.strip_prefix(name)?.strip_prefix('.')?.parse::<u64>().ok());
        closed.extend(number.map(|number| (number, folder.join(&entry))));
    }
    closed.sort();
    Ok(closed.into_iter().map(|(_, path)| path).chain([path.to_owned()]).collect())
}

fn last_ids_of(segment: &Path, most: usize) -> io::Result<VecDeque<EventId>> {
    let mut last = VecDeque::new();
    let mut lines = BufReader::with_capacity(256 << 10, File::open(segment)?);
    let mut line = Vec::new();
    while {
        line.clear();
        lines.read_until(b'\n', &mut line)?
    } > 0
    {
        let Some(id) = id_of_line(&line) else { continue };
        if last.len() == most {
            last.pop_front();
        }
        last.push_back(id);
    }
    Ok(last)
}

/// The identity in an event's line; `None` in a line about the log itself.
fn id_of_line(line: &[u8]) -> Option<EventId> {
    /// The envelope before `ev` has a fixed shape and is shorter than this.
    const ENVELOPE_BYTES_MAX: usize = 256;
    const BEFORE_ID: &[u8] = b"\"ev\":{\"id\":\"";
    let envelope = &line[..line.len().min(ENVELOPE_BYTES_MAX)];
    let at = envelope.windows(BEFORE_ID.len()).position(|window| window == BEFORE_ID)? + BEFORE_ID.len();
    std::str::from_utf8(line.get(at..at + 32)?).ok()?.parse().ok()
}
