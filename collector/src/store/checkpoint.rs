//! Moves the write-ahead log into the database beside the writer, who waits for it only when the log grows too long.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How long the log may grow, in pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogPages {
    /// From here on it is moved.
    moved_from: i64,
    /// From here on the writer waits until the rest is moved, so that the log begins anew.
    waited_from: i64,
}

impl LogPages {
    /// Of pages of 16 KiB 32 MiB and 256 MiB.
    pub(super) const USUAL: LogPages = LogPages { moved_from: 2_000, waited_from: 16_000 };
}

/// A thread that checkpoints when it is told to.
#[derive(Debug)]
pub(super) struct Checkpointer {
    pages: LogPages,
    connection: Arc<Mutex<Connection>>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// A thread for the database at `path`, over a connection of its own.
    pub(super) fn start(path: &Path, pages: LogPages) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let connection = Arc::new(Mutex::new(connection));
        let (wake, woken) = sync_channel(1);
        let theirs = Arc::clone(&connection);
        let thread = thread::Builder::new().name("veribus-wal".into()).spawn(move || run(&theirs, &woken));
        // Without the thread the log is moved when it has become too long.
        Ok(Checkpointer { pages, connection, wake: Some(wake), thread: thread.ok() })
    }

    /// After a commit: has the log moved if it is long. What fails is tried again after the next commit.
    pub(super) fn committed(&self, writer: &Connection) {
        match pages(writer, "NOOP") {
            Some(pages) if pages >= self.pages.waited_from => move_log(&self.connection),
            Some(pages) if pages >= self.pages.moved_from => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_does_not_outgrow_its_length_while_commits_never_pause() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x.db");
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        writer.execute_batch("CREATE TABLE t (body BLOB)").unwrap();
        let pages = LogPages { moved_from: 50, waited_from: 200 };
        let checkpointer = Checkpointer::start(&path, pages).unwrap();
        for _ in 0..400 {
            writer.execute("INSERT INTO t VALUES (zeroblob(40000))", []).unwrap();
            checkpointer.committed(&writer);
        }
        drop(checkpointer);
        // 400 commits of some 11 pages of 4 KiB were written; one more commit may pass the mark.
        let log = std::fs::metadata(temp.path().join("x.db-wal")).unwrap().len();
        assert!(log < 230 * 4_200, "{log} bytes");
        let rows: i64 = writer.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 400);
    }
}
