//! Events to a collector: the address and options as Python says them, and how the forwarder stands.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use veribus_core::transport::{TransportError, TransportFactory};
use veribus_core::{Family, Source};
use veribus_handlers::{
    ForwardBuilder, ForwardError, ForwardHandler, ForwardHealth, ForwardWatch, PerProcess, SpoolSettings,
};
use veribus_transports::{Options, from_url};

use crate::audit::already_registered;
use crate::bus::{deadline, span};
use crate::error::{self, Kind};
use crate::native::Native;
use crate::{fields, gate, health};

/// Sends every event to a collector, and keeps it on disk until the collector's store has it; register it once.
#[pyclass(name = "Forwarder", module = "veribus", frozen)]
pub(crate) struct PyForwarder {
    settings: Mutex<Option<(TransportFactory, Settings)>>,
    watch: Watch,
    destination: String,
    spool: Option<PathBuf>,
}

/// The settings of Python, in the core's words.
struct Settings {
    spool: Option<SpoolSettings>,
    expiring: Vec<Family>,
    batch_events: usize,
    linger: Duration,
    compress_from: Option<usize>,
    window: usize,
    receipt_timeout: Duration,
    back_off: (Duration, Duration),
    memory_bytes_max: usize,
    close_within: Duration,
}

impl Settings {
    fn adjust(self, builder: ForwardBuilder) -> ForwardBuilder {
        let (first, most) = self.back_off;
        let builder = builder
            .batch_events(self.batch_events)
            .linger(self.linger)
            .compress_from(self.compress_from)
            .window(self.window)
            .receipt_timeout(self.receipt_timeout)
            .back_off(first, most)
            .memory_bytes_max(self.memory_bytes_max)
            .close_within(self.close_within);
        let builder = self.expiring.into_iter().fold(builder, ForwardBuilder::expiring);
        match self.spool {
            Some(spool) => builder.spool(spool),
            None => builder,
        }
    }
}

/// How this process's forwarder stands. That of a parent may have been locked at the fork: a child never looks at it.
#[derive(Clone, Default)]
pub(crate) struct Watch(PerProcess<ForwardWatch>);

impl Watch {
    /// `None` before it was registered, and in a forked child that has published nothing yet.
    fn health(&self) -> Option<ForwardHealth> {
        self.0.get().map(|watch| watch.health())
    }
}

/// The forwarder as the bus has it; in a forked child it is the child's that `watch` then shows.
fn native(handler: ForwardHandler, watch: &Watch) -> Native {
    watch.0.set(handler.watch());
    let (child, watch) = (handler.child_factory(), watch.clone());
    Native::made_again_by(handler, Arc::new(move || Ok(native(child()?, &watch))))
}

impl PyForwarder {
    /// The handler for a bus of this source.
    pub(crate) fn take(&self, py: Python<'_>, source: &Source) -> PyResult<Native> {
        let waiting = self.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (factory, settings) = waiting.ok_or_else(|| already_registered(py, "Forwarder"))?;
        let builder = settings.adjust(ForwardHandler::builder(factory, source.clone()));
        let handler = gate::detached(py, || builder.build()).map_err(|found| failed(py, &found))?;
        Ok(native(handler, &self.watch))
    }
}

fn failed(py: Python<'_>, found: &ForwardError) -> PyErr {
    let code = match found {
        ForwardError::Locked { .. } => "FWD_LOCKED",
        ForwardError::CeilingTooHigh { .. } => "FWD_CEILING",
        ForwardError::Thread(_) => "FWD_THREAD",
        _ => "FWD_IO",
    };
    error::error(py, Kind::Forward, code, error::describe(found))
}

fn refused(py: Python<'_>, found: &TransportError) -> PyErr {
    error::error(py, Kind::Config, "CFG_ADDRESS", error::describe(found))
}

/// The options of the way, `None` as not given: texts, numbers, paths, and seconds for `answer_timeout`.
fn options(given: Option<&Bound<'_, PyDict>>) -> PyResult<Options> {
    let mut options = Options::new();
    for (name, value) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        if value.is_none() {
            continue;
        }
        let text = if name == "answer_timeout" && !value.is_instance_of::<PyString>() {
            format!("{}ms", deadline(value.py(), value.extract()?)?.as_millis())
        } else {
            value.str()?.to_str()?.to_owned()
        };
        options = options.set(name, text);
    }
    Ok(options)
}

#[pymethods]
impl PyForwarder {
    #[new]
    #[pyo3(signature = (
        url, *, spool=None, spool_bytes_max=256 << 20, reserve_bytes=4 << 20, segment_bytes=8 << 20,
        expire_after=259_200.0, expiring=Vec::new(), batch_events=1000, linger=0.01, compress_from=Some(16 << 10),
        window=16, receipt_timeout=30.0, back_off=(0.1, 30.0), memory_bytes_max=16 << 20, close_within=1.0, **options
    ), text_signature = "(url, *, spool=None, spool_bytes_max=268435456, reserve_bytes=4194304, \
        segment_bytes=8388608, expire_after=259200.0, expiring=(), batch_events=1000, linger=0.01, \
        compress_from=16384, window=16, receipt_timeout=30.0, back_off=(0.1, 30.0), memory_bytes_max=16777216, \
        close_within=1.0, **options)")]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        url: &str,
        spool: Option<PathBuf>,
        spool_bytes_max: u64,
        reserve_bytes: u64,
        segment_bytes: u64,
        expire_after: f64,
        expiring: Vec<String>,
        batch_events: usize,
        linger: f64,
        compress_from: Option<usize>,
        window: usize,
        receipt_timeout: f64,
        back_off: (f64, f64),
        memory_bytes_max: usize,
        close_within: f64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let given = self::options(options)?;
        let factory = from_url(url, &given).map_err(|found| refused(py, &found))?;
        // Reads the files that the options name, so that a wrong path is said here and not in `health`.
        let probe = gate::detached(py, || factory().map(|transport| transport.destination()));
        let destination = probe.map_err(|found| refused(py, &found))?;
        let seconds = |seconds| deadline(py, seconds);
        let settings = Settings {
            spool: spool
                .as_ref()
                .map(|dir| {
                    Ok::<_, PyErr>(SpoolSettings {
                        bytes_max: spool_bytes_max,
                        reserve_bytes,
                        segment_bytes,
                        expire_after: span(py, expire_after)?,
                        ..SpoolSettings::new(dir)
                    })
                })
                .transpose()?,
            expiring: expiring.iter().map(|kind| fields::family(py, kind)).collect::<PyResult<_>>()?,
            batch_events,
            linger: seconds(linger)?,
            compress_from,
            window,
            receipt_timeout: seconds(receipt_timeout)?,
            back_off: (seconds(back_off.0)?, seconds(back_off.1)?),
            memory_bytes_max,
            close_within: seconds(close_within)?,
        };
        let settings = Mutex::new(Some((factory, settings)));
        Ok(PyForwarder { settings, watch: Watch::default(), destination, spool })
    }

    /// Where it sends to, without what is secret in the address.
    #[getter]
    fn destination(&self) -> &str {
        &self.destination
    }

    /// How it stands: what waits, what was receipted, what was lost and why.
    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let found = gate::detached(py, || self.watch.health());
        health::forwarder(py, &self.destination, &found.unwrap_or_default())
    }

    fn __repr__(&self) -> String {
        let state = match self.watch.health() {
            None => "not registered".to_owned(),
            Some(health) => match (&health.spool, &health.last_error) {
                (_, Some(error)) if health.failures > 0 => {
                    format!("{} failures: {}", health.failures, error.escape_debug())
                }
                (Some(spool), _) => format!("{} stored, {} in its spool", health.stored, spool.pending),
                (None, _) => format!("{} stored, {} in memory", health.stored, health.in_memory),
            },
        };
        let spool = self.spool.as_ref().map_or_else(String::new, |dir| format!(" spool='{}'", dir.display()));
        format!("<Forwarder '{}'{spool}: {state}>", self.destination.escape_debug())
    }
}
