//! The hash-chained audit trail.

use std::path::PathBuf;
use std::time::Duration;

use napi_derive::napi;
use veribus_handlers::audit::{AuditError, AuditWatch, verify};
use veribus_handlers::{AuditLogger, SyncPolicy};

use crate::bus::deadline;
use crate::error::{Fault, Result, describe, fault};
use crate::handler::{NativeHandlerId, register};
use crate::native::Said;

/// Writes every event into a hash-chained file; registered once.
#[napi]
pub struct NativeAuditLogger {
    waiting: Option<AuditLogger>,
    watch: AuditWatch,
}

/// What an audit log is made of.
#[napi(object)]
pub struct AuditSettings {
    /// Its name in health.
    pub name: Option<String>,
    /// `batch`, `never`, or nothing for the default.
    pub sync: Option<String>,
    /// The most milliseconds that a line may wait for the disk.
    pub sync_ms: Option<f64>,
    /// Bytes after which a new segment is begun.
    pub rotate_at_bytes: Option<f64>,
    /// Milliseconds after which a new segment is begun.
    pub rotate_after_ms: Option<f64>,
    /// Closed segments that are kept.
    pub keep_segments: Option<u32>,
}

fn failed(found: &AuditError) -> Fault {
    let code = match found {
        AuditError::Locked { .. } => "AUD_LOCKED",
        AuditError::NotFound { .. } => "AUD_NOT_FOUND",
        AuditError::NotAFile { .. } => "AUD_NOT_A_FILE",
        _ => "AUD_IO",
    };
    fault(code, describe(found))
}

/// A handler can be on one bus only.
pub(crate) fn already_registered(what: &str) -> Fault {
    let message = format!("this {what} is registered already; make another one for another bus");
    fault("HND_ALREADY_REGISTERED", message)
}

/// How a trail stands.
#[napi(object)]
pub struct AuditStatus {
    /// Its identity.
    pub log: String,
    /// Lines, with those of its own.
    pub lines: f64,
    /// Events.
    pub events: f64,
    /// The head of the chain.
    pub head: String,
    /// Lines that are on the disk.
    pub synced_lines: f64,
    /// Segments closed.
    pub rotations: f64,
    /// Times that it could not write.
    pub incidents: f64,
    /// The last of them.
    pub last_incident: Option<String>,
}

#[napi]
impl NativeAuditLogger {
    /// Opens or continues the trail.
    #[napi(constructor)]
    pub fn new(path: String, settings: AuditSettings) -> Result<Self> {
        let mut builder = AuditLogger::builder(PathBuf::from(path));
        if let Some(name) = &settings.name {
            builder = builder.name(name);
        }
        builder = match (settings.sync.as_deref(), settings.sync_ms) {
            (None, None) => builder,
            (None, Some(milliseconds)) => builder.sync(SyncPolicy::Interval(deadline(milliseconds)?)),
            (Some("batch"), _) => builder.sync(SyncPolicy::EveryBatch),
            (Some("never"), _) => builder.sync(SyncPolicy::Never),
            _ => return Err(fault("CFG_VALUE_RANGE", "`sync` is \"batch\", \"never\" or milliseconds")),
        };
        if let Some(bytes) = settings.rotate_at_bytes {
            builder = builder.rotate_at_bytes(bytes as u64);
        }
        if let Some(milliseconds) = settings.rotate_after_ms {
            deadline(milliseconds)?;
            builder = builder.rotate_after(Duration::from_secs_f64(milliseconds / 1000.0));
        }
        if let Some(closed) = settings.keep_segments {
            builder = builder.keep_segments(closed as usize);
        }
        let logger = builder.open().map_err(|found| failed(&found))?;
        Ok(NativeAuditLogger { watch: logger.watch(), waiting: Some(logger) })
    }

    /// Moves it into a bus.
    #[napi]
    pub fn register(&mut self, bus: u32, said: Said, job: u32) -> Result<NativeHandlerId> {
        let logger = self.waiting.take().ok_or_else(|| already_registered("AuditLogger"))?;
        register(bus, Box::new(logger), &said, job)
    }

    /// How the log stands, as of the last batch or sync.
    #[napi]
    pub fn status(&self) -> AuditStatus {
        let status = self.watch.status();
        AuditStatus {
            log: status.log.to_string(),
            lines: status.lines as f64,
            events: status.events as f64,
            head: status.head.to_string(),
            synced_lines: status.synced_lines as f64,
            rotations: status.rotations as f64,
            incidents: status.incidents as f64,
            last_incident: status.last_incident,
        }
    }
}

/// What a verification of a trail found.
#[napi(object)]
pub struct AuditReport {
    /// Nothing was altered.
    pub intact: bool,
    /// Nor cut, nor removed.
    pub spotless: bool,
    /// Lines read.
    pub lines: f64,
    /// Events among them.
    pub events: f64,
    /// Lines removed by retention.
    pub removed: f64,
    /// The head of the chain.
    pub head: Option<String>,
    /// The files read.
    pub segments: Vec<String>,
    /// The first line that is wrong.
    pub first_bad: Option<FirstBad>,
}

/// The first line that is wrong.
#[napi(object)]
pub struct FirstBad {
    /// In which file.
    pub segment: String,
    /// Which line, from 1.
    pub line: f64,
    /// What is wrong with it.
    pub problem: String,
}

/// Verifies a trail; an altered trail is no error.
#[napi]
pub fn audit_verify(path: String) -> Result<AuditReport> {
    let report = verify(std::path::Path::new(&path)).map_err(|found| failed(&found))?;
    Ok(AuditReport {
        intact: report.is_intact(),
        spotless: report.is_spotless(),
        lines: report.lines as f64,
        events: report.events as f64,
        removed: report.removed as f64,
        head: report.head.map(|head| head.to_string()),
        segments: report.segments.iter().map(|path| path.display().to_string()).collect(),
        first_bad: report.first_bad.map(|bad| FirstBad {
            segment: bad.segment.display().to_string(),
            line: bad.line as f64,
            problem: format!("{:?}", bad.problem),
        }),
    })
}
