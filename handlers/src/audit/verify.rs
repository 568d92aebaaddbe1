//! Reads every byte of a log and names the first line that is not as it was written.

use std::path::{Path, PathBuf};

use super::digest::{Digest, LogId};
use super::error::AuditError;
use super::head::{Anchor, Head};
use super::paths::Paths;
use super::walk::{CrashTail, FirstBad, Problem, Walk, Walked};

/// What [`verify()`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// The log's own name; `None` if it has no good line.
    pub log: Option<LogId>,
    /// Good lines read, up to the first bad one.
    pub lines: u64,
    /// How many of them are events.
    pub events: u64,
    /// Lines before the first one read, which a retention line says were removed.
    pub removed: u64,
    /// Hash of the last good line.
    pub head: Option<Digest>,
    /// Lines that the head file counts; later ones could be cut off unnoticed until the next sync.
    pub anchored_lines: Option<u64>,
    /// Whether the head file could be compared.
    pub anchor: Anchor,
    /// The files, in order.
    pub segments: Vec<PathBuf>,
    /// The first line that was altered; `None` if the log is intact.
    pub first_bad: Option<FirstBad>,
    /// What a crash left behind the last good line. No sign of tampering.
    pub crash_tail: Option<CrashTail>,
}

impl VerifyReport {
    /// Whether no line was altered. A crash tail or a missing head do not count as altered.
    pub fn is_intact(&self) -> bool {
        self.first_bad.is_none()
    }

    /// Whether there is nothing to remark at all: intact, no crash tail, and held by its head.
    pub fn is_spotless(&self) -> bool {
        self.is_intact() && self.crash_tail.is_none() && self.anchor == Anchor::Anchored
    }
}

/// How often a log that is being written to is read again before a finding counts.
const ATTEMPTS: u32 = 3;

/// Verifies the log at `path` (the file that is written to, `audit.log`), all of its segments in order.
///
/// Memory does not grow with the log. It may be written to meanwhile: what was appended after the start is
/// not read as altered.
///
/// # Errors
/// [`AuditError::NotFound`] if there are neither segments nor a head; [`AuditError::Io`] if one cannot be read. An
/// altered log is no error: see [`VerifyReport::first_bad`].
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("veribus-doc-verify-{}", std::process::id()));
/// # let path = folder.join("audit.log");
/// drop(veribus_handlers::AuditLogger::new(&path)?);
/// let report = veribus_handlers::audit::verify(&path)?;
/// assert!(report.is_spotless());
/// assert_eq!((report.lines, report.events), (2, 0)); // its first line and its last
/// # std::fs::remove_dir_all(folder).ok();
/// # Ok::<(), veribus_handlers::AuditError>(())
/// ```
pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport, AuditError> {
    let paths = Paths::new(path.as_ref());
    for _ in 1..ATTEMPTS {
        let (report, head) = once(&paths)?;
        // A rotation in mid-read looks like damage; a log at rest does not move its head.
        if report.is_intact() || read_head(&paths)?.0 == head {
            return Ok(report);
        }
    }
    once(&paths).map(|(report, _)| report)
}

fn read_head(paths: &Paths) -> Result<(Option<Head>, Anchor), AuditError> {
    let path = paths.head();
    Head::read(&path).map_err(AuditError::io("read", &path))
}

fn once(paths: &Paths) -> Result<(VerifyReport, Option<Head>), AuditError> {
    let (head, anchor) = read_head(paths)?;
    let segments = paths.segments().map_err(AuditError::io("list", paths.folder()))?;
    if segments.is_empty() && anchor == Anchor::Missing {
        return Err(AuditError::NotFound { path: paths.log.clone() });
    }
    let mut walked = Walk::new(&paths.log, &segments, head).run()?;
    let removed = walked.first.map_or(0, |mark| mark.next);
    if walked.first_bad.is_none() && removed > 0 && !removed_by_policy(&walked) {
        let segment = segments[0].path.clone();
        let (line, offset, index) = (1, 0, removed);
        walked.first_bad = Some(FirstBad { segment, line, offset, index, problem: Problem::Removed });
    }
    let report = VerifyReport {
        log: walked.log,
        lines: walked.lines,
        events: walked.events,
        removed,
        head: walked.mark.map(|mark| mark.head),
        anchored_lines: head.map(|head| head.lines),
        anchor,
        segments: segments.into_iter().map(|segment| segment.path).collect(),
        first_bad: walked.first_bad,
        crash_tail: walked.tail,
    };
    Ok((report, head))
}

fn removed_by_policy(walked: &Walked) -> bool {
    let (Some(first), Some(boundary)) = (walked.first, walked.retention) else { return false };
    boundary.next > first.next || boundary == first
}
