//! The hash-chained audit trail.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use veribus_handlers::audit::{AuditError, AuditWatch, verify};
use veribus_handlers::{AuditLogger, SyncPolicy};

use crate::bus::{deadline, span};
use crate::error::{self, Kind};
use crate::gate;
use crate::native::Native;

/// Writes every event into a hash-chained file; register it once.
#[pyclass(name = "AuditLogger", module = "veribus", frozen)]
pub(crate) struct PyAuditLogger {
    waiting: Mutex<Option<AuditLogger>>,
    watch: AuditWatch,
    path: PathBuf,
}

fn failed(py: Python<'_>, found: &AuditError) -> PyErr {
    let code = match found {
        AuditError::Locked { .. } => "AUD_LOCKED",
        AuditError::NotFound { .. } => "AUD_NOT_FOUND",
        AuditError::NotAFile { .. } => "AUD_NOT_A_FILE",
        _ => "AUD_IO",
    };
    error::error(py, Kind::Audit, code, error::describe(found))
}

/// A handler can be on one bus only.
pub(crate) fn already_registered(py: Python<'_>, what: &str) -> PyErr {
    let message = format!("this {what} is registered already; make another one for another bus");
    error::error(py, Kind::Handler, "HND_ALREADY_REGISTERED", message)
}

impl PyAuditLogger {
    pub(crate) fn take(&self, py: Python<'_>) -> PyResult<Native> {
        let logger = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        logger.map(Native::of).ok_or_else(|| already_registered(py, "AuditLogger"))
    }
}

#[pymethods]
impl PyAuditLogger {
    /// `sync` is `"batch"`, `"never"`, or the most seconds that a line may wait for the disk.
    #[new]
    #[pyo3(signature = (path, *, name=None, sync=None, rotate_at_bytes=None, rotate_after=None, keep_segments=None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        name: Option<&str>,
        sync: Option<&Bound<'_, PyAny>>,
        rotate_at_bytes: Option<u64>,
        rotate_after: Option<f64>,
        keep_segments: Option<usize>,
    ) -> PyResult<Self> {
        let mut builder = AuditLogger::builder(&path);
        if let Some(name) = name {
            builder = builder.name(name);
        }
        if let Some(sync) = sync {
            builder = builder.sync(policy(sync)?);
        }
        if let Some(bytes) = rotate_at_bytes {
            builder = builder.rotate_at_bytes(bytes);
        }
        if let Some(seconds) = rotate_after {
            builder = builder.rotate_after(span(py, seconds)?);
        }
        if let Some(closed) = keep_segments {
            builder = builder.keep_segments(closed);
        }
        let logger = gate::detached(py, || builder.open()).map_err(|found| failed(py, &found))?;
        Ok(PyAuditLogger { watch: logger.watch(), waiting: Mutex::new(Some(logger)), path })
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// How the log stands, as of the last batch or sync.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let status = self.watch.status();
        let dict = PyDict::new(py);
        dict.set_item("log", status.log.to_string())?;
        dict.set_item("lines", status.lines)?;
        dict.set_item("events", status.events)?;
        dict.set_item("head", status.head.to_string())?;
        dict.set_item("synced_lines", status.synced_lines)?;
        dict.set_item("rotations", status.rotations)?;
        dict.set_item("incidents", status.incidents)?;
        dict.set_item("last_incident", status.last_incident)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        format!("<AuditLogger '{}'>", self.path.display())
    }
}

fn policy(sync: &Bound<'_, PyAny>) -> PyResult<SyncPolicy> {
    if let Ok(seconds) = sync.extract::<f64>() {
        return Ok(SyncPolicy::Interval(deadline(sync.py(), seconds)?));
    }
    match sync.extract::<&str>() {
        Ok("batch") => Ok(SyncPolicy::EveryBatch),
        Ok("never") => Ok(SyncPolicy::Never),
        _ => {
            let message = "`sync` is \"batch\", \"never\" or seconds";
            Err(error::error(sync.py(), Kind::Config, "CFG_VALUE_RANGE", message))
        }
    }
}

/// Verifies a trail and answers what was found; an altered trail is no error.
#[pyfunction]
pub(crate) fn audit_verify<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyDict>> {
    let report = gate::detached(py, || verify(&path)).map_err(|found| failed(py, &found))?;
    let dict = PyDict::new(py);
    dict.set_item("intact", report.is_intact())?;
    dict.set_item("spotless", report.is_spotless())?;
    dict.set_item("lines", report.lines)?;
    dict.set_item("events", report.events)?;
    dict.set_item("removed", report.removed)?;
    dict.set_item("head", report.head.map(|head| head.to_string()))?;
    dict.set_item("segments", report.segments)?;
    let bad = report.first_bad.map(|bad| (bad.segment, bad.line, format!("{:?}", bad.problem)));
    dict.set_item("first_bad", bad)?;
    Ok(dict)
}
