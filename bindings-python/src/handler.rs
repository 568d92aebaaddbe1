//! A Python function or object as a handler of the bus, and the registration of every kind of handler.

use std::panic::resume_unwind;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyString;
use veribus_core::{EventHandler, HandlerError, HandlerFactory, HandlerId, Interest, VerificationEvent};

use crate::alert::PyAlertHandler;
use crate::audit::PyAuditLogger;
use crate::bus::PyBus;
use crate::desk::{Answer, Desk, Target, Work};
use crate::error::{self, Kind};
use crate::forward::PyForwarder;
use crate::metrics::PyMetricsCollector;
use crate::native::Native;
use crate::{fields, gate};

/// Names a registered handler on its bus.
#[pyclass(name = "HandlerId", module = "veribus", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct PyHandlerId {
    pub(crate) id: HandlerId,
}

#[pymethods]
impl PyHandlerId {
    fn __repr__(&self) -> String {
        format!("<{:?}>", self.id)
    }
}

/// What the caller asked for.
pub(crate) struct Wanted<'a, 'py> {
    pub(crate) name: Option<&'a str>,
    pub(crate) kinds: Option<Vec<String>>,
    pub(crate) at_least: Option<&'a Bound<'py, PyAny>>,
    pub(crate) durable: Option<bool>,
}

impl Wanted<'_, '_> {
    /// What the caller wants it to be given; `None` leaves that to the handler.
    fn interest(&self, py: Python<'_>) -> PyResult<Option<Interest>> {
        if self.kinds.is_none() && self.at_least.is_none() {
            return Ok(None);
        }
        let families = match &self.kinds {
            Some(kinds) => {
                let kinds =
                    kinds.iter().map(|kind| fields::family(py, kind)).collect::<PyResult<Vec<_>>>()?;
                Interest::families(&kinds)
            }
            None => Interest::all(),
        };
        let least = self.at_least.map(fields::severity).transpose()?;
        Ok(Some(least.map_or(families, |least| families.at_least(least))))
    }
}

/// Registers a handler of ours or of the caller's.
pub(crate) fn register(
    bus: &PyBus,
    handler: &Bound<'_, PyAny>,
    wanted: &Wanted<'_, '_>,
) -> PyResult<PyHandlerId> {
    let py = handler.py();
    let interest = wanted.interest(py)?;
    if let Some(name) = wanted.name {
        let taken = gate::detached(py, || bus.bus.health().handlers.iter().any(|known| known.name == name));
        if taken {
            let message = format!("there is a handler named `{}` on this bus", name.escape_debug());
            return Err(error::error(py, Kind::Handler, "HND_NAME_TAKEN", message));
        }
    }
    let made: Box<dyn EventHandler> = match native(bus, handler)? {
        Some(native) => Box::new(native.with(wanted.name, interest)),
        None => Box::new(PyHandler::new(handler, wanted, interest)?),
    };
    let id = gate::detached(py, || bus.bus.register_handler(made));
    Ok(PyHandlerId { id })
}

/// The handler, if it is one of ours.
fn native(bus: &PyBus, handler: &Bound<'_, PyAny>) -> PyResult<Option<Native>> {
    let py = handler.py();
    if let Ok(forwarder) = handler.cast::<PyForwarder>() {
        return forwarder.get().take(py, bus.bus.source()).map(Some);
    }
    if let Ok(audit) = handler.cast::<PyAuditLogger>() {
        return audit.get().take(py).map(Some);
    }
    if let Ok(metrics) = handler.cast::<PyMetricsCollector>() {
        return metrics.get().take(py).map(Some);
    }
    handler.cast::<PyAlertHandler>().ok().map(|alerts| alerts.get().take(py)).transpose()
}

/// Hands each batch to a Python thread, and its answer to the bus.
struct PyHandler {
    name: String,
    interest: Interest,
    durable: bool,
    flushes: bool,
    closes: bool,
    target: Arc<Target>,
    desk: Arc<Desk>,
}

impl PyHandler {
    fn new(
        handler: &Bound<'_, PyAny>,
        wanted: &Wanted<'_, '_>,
        interest: Option<Interest>,
    ) -> PyResult<Self> {
        let py = handler.py();
        let method = if handler.hasattr("handle")? { handler.getattr("handle")? } else { handler.clone() };
        let class = handler.get_type().name()?.to_string();
        if !method.is_callable() || handler.is_instance_of::<pyo3::types::PyType>() {
            let message =
                format!("`{class}` is neither a function nor an object with a method `handle(events)`");
            return Err(error::error(py, Kind::Handler, "HND_NOT_CALLABLE", message));
        }
        let is_async = py.import("inspect")?.call_method1("iscoroutinefunction", (&method,))?.is_truthy()?;
        if is_async {
            let message = "a handler is called on a thread of its own and cannot be async; \
                           use a plain function, and `asyncio.run_coroutine_threadsafe` inside of it";
            return Err(error::error(py, Kind::Handler, "HND_ASYNC_MISMATCH", message));
        }
        let own_name = ["name", "__name__"].iter().find_map(|field| handler.getattr(*field).ok());
        let own_name =
            own_name.and_then(|name| Some(name.cast::<PyString>().ok()?.to_str().ok()?.to_owned()));
        let own_durable = handler.getattr("durable").and_then(|durable| durable.is_truthy()).unwrap_or(false);
        Ok(PyHandler {
            name: wanted.name.map(str::to_owned).or(own_name).unwrap_or(class),
            interest: interest.unwrap_or_else(Interest::all),
            durable: wanted.durable.unwrap_or(own_durable),
            flushes: handler.hasattr("flush")?,
            closes: handler.hasattr("close")?,
            target: Arc::new(Target::new(handler)),
            desk: Arc::default(),
        })
    }

    /// The same for a forked child: its own desk and Python thread, the child's copy of the object.
    fn again(&self) -> PyHandler {
        PyHandler { name: self.name.clone(), target: self.target.clone(), desk: Arc::default(), ..*self }
    }
}

impl EventHandler for PyHandler {
    fn name(&self) -> &str {
        &self.name
    }

    fn interest(&self) -> Interest {
        self.interest
    }

    /// An exception is to the bus what a panic is: the batch is given again, event by event.
    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        match self.desk.ask(&self.target, Work::Events(batch.to_vec())) {
            Answer::Done => Ok(()),
            Answer::Retry(done, text) => Err(HandlerError::retry(done, text)),
            Answer::Raised(text) => resume_unwind(Box::new(text)),
            Answer::Gone(text) => Err(HandlerError::permanent(text)),
        }
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        if !self.flushes || !self.desk.has_started() {
            return Ok(());
        }
        match self.desk.ask(&self.target, Work::Flush) {
            Answer::Done => Ok(()),
            Answer::Retry(_, text) | Answer::Raised(text) => Err(HandlerError::retry(0, text)),
            Answer::Gone(text) => Err(HandlerError::permanent(text)),
        }
    }

    fn flush_every(&self) -> Option<std::time::Duration> {
        self.flushes.then_some(std::time::Duration::from_secs(1))
    }

    fn durable(&self) -> bool {
        self.durable
    }

    fn for_child(&self) -> Option<HandlerFactory> {
        let parent = self.again();
        Some(Box::new(move || Ok(Box::new(parent.again()))))
    }
}

impl Drop for PyHandler {
    fn drop(&mut self) {
        if self.closes && self.desk.has_started() {
            let _counted_by_nobody = self.desk.ask(&self.target, Work::Close);
        }
        self.desk.end();
    }
}
