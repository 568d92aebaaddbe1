//! The handler: takes batches of events and appends them to a hash-chained log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use veribus_core::{EventHandler, HandlerError, HandlerFactory, VerificationEvent};

use super::builder::AuditBuilder;
use super::chain::{Kind, Mark};
use super::child;
use super::digest::LogId;
use super::error::AuditError;
use super::head::Anchor;
use super::lock::Lock;
use super::opening::{self, Found, Quarantined, State};
use super::paths::Paths;
use super::status::{AuditStatus, AuditWatch, Opened, Opening};
use super::storage::create_private_folder;
use super::walk::CrashTail;
use super::writer::{Writer, replaces_fields};

/// Writes every event into a file, as JSON Lines in which each line carries the hash of the one before.
///
/// Files are made with mode 0600 and never written through a link. One process writes a log; a forked child gets
/// its own (`audit-PID.log`). A line is in the file when `handle` returns, and on the disk by [`SyncPolicy`]
/// (within 200 ms unless said). When the disk is full, nothing is given up: the bus is asked to give the events
/// again, and they are written when there is room.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("veribus-doc-audit-{}", std::process::id()));
/// # let path = folder.join("audit.log");
/// use veribus_core::EventHandler;
/// use veribus_handlers::{AuditLogger, SyncPolicy};
///
/// let logger = AuditLogger::builder(&path).sync(SyncPolicy::EveryBatch).rotate_at_bytes(64 << 20).open()?;
/// assert!(logger.durable());
/// # drop(logger);
/// # std::fs::remove_dir_all(folder).ok();
/// # Ok::<(), veribus_handlers::AuditError>(())
/// ```
///
/// [`SyncPolicy`]: super::SyncPolicy
#[derive(Debug)]
pub struct AuditLogger {
    settings: AuditBuilder,
    writer: Writer,
    opened: Opened,
    lock: Lock,
    /// The process that opened the log; a forked child must not write into it.
    owner: u32,
}

impl AuditLogger {
    /// Opens the log at `path` with every default, and creates it if it is not there.
    ///
    /// # Errors
    /// As [`AuditBuilder::open`].
    pub fn new(path: impl AsRef<Path>) -> Result<AuditLogger, AuditError> {
        Self::builder(path).open()
    }

    /// The settings of a log at `path`.
    pub fn builder(path: impl AsRef<Path>) -> AuditBuilder {
        AuditBuilder::new(path.as_ref().to_owned())
    }

    /// What was found when the log was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How the log stands, as of the last batch or sync.
    pub fn status(&self) -> AuditStatus {
        self.writer.watch().status()
    }

    /// Reads the [`status`](Self::status) also after the logger moved into a bus.
    pub fn watch(&self) -> AuditWatch {
        self.writer.watch()
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Opens a log; `parent` goes into the first line of a new one.
    pub(crate) fn open(settings: AuditBuilder, parent: Option<String>) -> Result<AuditLogger, AuditError> {
        let paths = Paths::new(&settings.path);
        create_private_folder(paths.folder()).map_err(AuditError::io("create", paths.folder()))?;
        let lock = Lock::take(&paths)?;
        let Found { state, head, anchor } = opening::examine(&paths)?;
        let (writer, opening) = match state {
            State::Fresh { tail } => create(&settings, &paths, tail.as_ref(), parent)?,
            State::Good { log, mark, end, tail } => {
                let kept =
                    tail.as_ref().map(|tail| opening::quarantine(&paths, tail, mark.next)).transpose()?;
                let mut writer = Writer::new(settings.clone(), log, mark, end)?;
                if kept.is_none() && anchor == Anchor::Anchored {
                    let fields = writer.process_fields();
                    writer.line(Kind::Open, &fields)?;
                    (writer, Opening::Continued)
                } else {
                    let fields =
                        format!("{}{}", writer.process_fields(), recovery_fields(&kept, mark, anchor));
                    writer.line(Kind::Recovery, &fields)?;
                    (writer, recovered(kept))
                }
            }
            State::Altered { why } => {
                let kept = opening::set_aside(&paths)?;
                let old = head.map(|head| (head.log, Mark { next: head.lines, head: head.head }));
                let mut writer = Writer::new(settings.clone(), LogId::random(), Mark::START, None)?;
                writer.add_first_fields(&replaces_fields(&why, &kept, old));
                (writer, Opening::Replaced { why, kept })
            }
        };
        let opened = Opened { log: writer.log(), opening, anchor };
        let mut logger = AuditLogger { settings, writer, opened, lock, owner: std::process::id() };
        logger.writer.sync()?;
        Ok(logger)
    }

    fn own(&self) -> Result<(), AuditError> {
        if std::process::id() == self.owner {
            return Ok(());
        }
        Err(AuditError::Forked { path: self.settings.path.clone(), parent: self.owner })
    }
}

/// A new log; a first line that a crash cut off is kept.
fn create(
    settings: &AuditBuilder,
    paths: &Paths,
    tail: Option<&CrashTail>,
    parent: Option<String>,
) -> Result<(Writer, Opening), AuditError> {
    let kept = tail.map(|tail| opening::quarantine(paths, tail, 0)).transpose()?;
    let mut writer = Writer::new(settings.clone(), LogId::random(), Mark::START, None)?;
    writer.add_first_fields(&parent.unwrap_or_default());
    if kept.is_none() {
        return Ok((writer, Opening::Created));
    }
    let fields = recovery_fields(&kept, Mark::START, Anchor::Missing);
    writer.line(Kind::Recovery, &fields)?;
    Ok((writer, recovered(kept)))
}

fn recovery_fields(kept: &Option<Quarantined>, mark: Mark, anchor: Anchor) -> String {
    let tail = kept.as_ref().map(|kept| {
        let name = kept.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut json = Vec::new();
        veribus_core::codec::json_string(&name, &mut json);
        let name = String::from_utf8_lossy(&json).into_owned();
        format!(",\"tail_bytes\":{},\"tail_sha256\":\"{}\",\"quarantined\":{name}", kept.bytes, kept.sha256)
    });
    let (lines, head) = (mark.next, mark.head);
    format!(
        "{},\"lines\":{lines},\"head\":\"{head}\",\"anchor\":\"{}\"",
        tail.unwrap_or_default(),
        anchor.as_str()
    )
}

fn recovered(kept: Option<Quarantined>) -> Opening {
    let (tail_bytes, quarantined): (u64, Option<PathBuf>) =
        kept.map_or((0, None), |kept| (kept.bytes, Some(kept.path)));
    Opening::Recovered { tail_bytes, quarantined }
}

impl EventHandler for AuditLogger {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.own().map_err(HandlerError::permanent)?;
        self.writer.events(batch).map_err(|(done, error)| HandlerError::retry(done, error))?;
        if self.settings.sync == super::SyncPolicy::EveryBatch {
            self.writer.sync().map_err(|error| HandlerError::retry(batch.len(), error))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        self.own().map_err(HandlerError::permanent)?;
        self.writer.sync().map_err(|error| HandlerError::retry(0, error))
    }

    fn flush_every(&self) -> Option<Duration> {
        Some(self.settings.sync.flush_every())
    }

    fn durable(&self) -> bool {
        self.settings.sync.syncs()
    }

    fn for_child(&self) -> Option<HandlerFactory> {
        Some(child::factory(&self.settings, self.writer.log(), &self.lock))
    }
}

/// Ends the log with a `close` line and a last sync. An error here leaves what a crash would leave.
impl Drop for AuditLogger {
    fn drop(&mut self) {
        if self.own().is_ok() {
            let _as_after_a_crash = self.writer.close();
        }
        self.lock.let_go();
    }
}
