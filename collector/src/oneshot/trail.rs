//! The audit trail of one run: kept where the person asked for it, else in a folder that goes when it ends;
//! in both cases read back and verified.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;
use veribus_core::escape::Escaped;
use veribus_handlers::audit::{AuditWatch, Opening, SyncPolicy, verify};
use veribus_handlers::{AuditError, AuditLogger};

use crate::cli::CommandError;
use crate::commands::audit::{LOG_NAME, log_in};

/// Where the trail of a run is written to.
#[derive(Debug)]
pub(super) struct Trail {
    path: PathBuf,
    watch: AuditWatch,
    /// Something about an older trail at the same place that has to be said.
    pub(super) opened: Option<String>,
    temporary: Option<TempDir>,
}

/// What became of the trail.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct TrailReport {
    /// Where it is, if it is kept.
    pub(super) path: Option<String>,
    /// Lines of the whole trail, those about itself included.
    pub(super) lines: u64,
    /// How many of them are events.
    pub(super) events: u64,
    /// SHA-256 of the last line, hexadecimal.
    pub(super) head: Option<String>,
    /// Whether every line was read again, fits the one before it, and every event of this run is there.
    pub(super) verified: bool,
    /// What is wrong, if it is not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

impl Trail {
    /// Opens the trail in `folder`, or in a temporary folder of this run alone, and gives its handler.
    ///
    /// # Errors
    /// Exit code 2 where it cannot be written.
    pub(super) fn open(folder: Option<&Path>) -> Result<(Trail, AuditLogger), CommandError> {
        let temporary = match folder {
            Some(_) => None,
            None => Some(temporary_folder()?),
        };
        let folder = folder.or(temporary.as_ref().map(TempDir::path)).expect("one of the two is there");
        let path = if folder.exists() { log_in(folder) } else { folder.join(LOG_NAME) };
        // Nobody will read a temporary trail after a power loss.
        let sync = if temporary.is_some() { SyncPolicy::Never } else { SyncPolicy::default() };
        let logger =
            AuditLogger::builder(&path).sync(sync).open().map_err(|error| cannot_open(&path, error))?;
        let opened = match &logger.opened().opening {
            Opening::Replaced { why, kept } => Some(format!(
                "the audit trail that was there had been altered ({why}); it is kept in `{}`",
                Escaped(&kept.to_string_lossy())
            )),
            Opening::Recovered { tail_bytes, .. } if *tail_bytes > 0 => Some(format!(
                "the audit trail that was there ended in a crash; {tail_bytes} bytes were set aside"
            )),
            _ => None,
        };
        let watch = logger.watch();
        Ok((Trail { path, watch, opened, temporary }, logger))
    }

    /// The folder that has to go when the run is cut short.
    pub(super) fn temporary_folder(&self) -> Option<PathBuf> {
        self.temporary.as_ref().map(|folder| folder.path().to_owned())
    }

    /// Reads the whole trail again. Call when the bus has let go of the handler. `expected` is the number of
    /// events that the bus accepted in this run.
    pub(super) fn verify(&self, expected: u64) -> TrailReport {
        let status = self.watch.status();
        let kept = self.temporary.is_none().then(|| self.path.to_string_lossy().into_owned());
        let unverified = |problem: String| TrailReport {
            path: kept.clone(),
            lines: status.lines,
            events: status.events,
            head: None,
            verified: false,
            problem: Some(problem),
        };
        let report = match verify(&self.path) {
            Ok(report) => report,
            Err(error) => return unverified(error.to_string()),
        };
        let problem = match &report.first_bad {
            Some(bad) => {
                let file = bad.segment.to_string_lossy().into_owned();
                Some(format!("`{}` line {}: {}", Escaped(&file), bad.line, bad.problem))
            }
            None if !report.is_spotless() => Some("its end is not held by its head file".to_owned()),
            None if status.events != expected => {
                Some(format!("it has {} events of {expected} that the bus accepted", status.events))
            }
            None => None,
        };
        TrailReport {
            path: kept.clone(),
            lines: report.lines,
            events: report.events,
            head: report.head.map(|head| head.to_string()),
            verified: problem.is_none(),
            problem,
        }
    }
}

fn temporary_folder() -> Result<TempDir, CommandError> {
    let made = tempfile::Builder::new().prefix("veribus-oneshot-").tempdir();
    made.map_err(|error| {
        let place = std::env::temp_dir();
        let what = format!("cannot make a temporary folder in `{}`", Escaped(&place.to_string_lossy()));
        CommandError::usage(what).because(error).help("set TMPDIR, or keep the audit trail with --audit DIR")
    })
}

fn cannot_open(path: &Path, error: AuditError) -> CommandError {
    let what = format!("cannot write the audit trail `{}`", Escaped(&path.to_string_lossy()));
    CommandError::usage(what).because(error).help("name a folder that you may write to: --audit DIR")
}
