//! Moves the write-ahead log into the database beside the writer, who waits for it only when the log grows too long.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// From this length of the log on it is moved: 32 MiB of pages of 16 KiB.
const PAGES_MIN: i64 = 2_000;
/// From this length on the writer waits until the rest is moved, so that the log begins anew: 256 MiB.
const PAGES_MAX: i64 = 16_000;

/// A thread that checkpoints when it is told to.
#[derive(Debug)]
pub(super) struct Checkpointer {
    connection: Arc<Mutex<Connection>>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// A thread for the database at `path`, over a connection of its own.
    pub(super) fn start(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let connection = Arc::new(Mutex::new(connection));
        let (wake, woken) = sync_channel(1);
        let theirs = Arc::clone(&connection);
        let thread = thread::Builder::new().name("veribus-wal".into()).spawn(move || run(&theirs, &woken));
        // Without the thread the log is moved when it has become too long.
        Ok(Checkpointer { connection, wake: Some(wake), thread: thread.ok() })
    }

    /// After a commit: has the log moved if it is long. What fails is tried again after the next commit.
    pub(super) fn committed(&self, writer: &Connection) {
        match pages(writer, "NOOP") {
            Some(pages) if pages >= PAGES_MAX => move_log(&self.connection),
            Some(pages) if pages >= PAGES_MIN => {
                if let Some(wake) = &self.wake {
                    // It is at work if this is full.
                    let _ = wake.try_send(());
                }
            }
            _ => {}
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // It moves bytes from one file to another; what it has not moved is still in the log.
            let _ = thread.join();
        }
    }
}

fn run(connection: &Mutex<Connection>, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        move_log(connection);
    }
}

fn move_log(connection: &Mutex<Connection>) {
    let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
    let _pages = pages(&connection, "PASSIVE");
}

/// Length of the log in pages, once a checkpoint of this kind is done.
///
/// Source: sqlite.org/pragma.html, `wal_checkpoint`; `NOOP` since 3.51.
fn pages(connection: &Connection, kind: &str) -> Option<i64> {
    let sql = format!("PRAGMA wal_checkpoint({kind})");
    let (pages, moved): (i64, i64) =
        connection.prepare_cached(&sql).ok()?.query_row([], |row| Ok((row.get(1)?, row.get(2)?))).ok()?;
    // All moved: the next commit begins the log anew.
    Some(if pages == moved { 0 } else { pages })
}
