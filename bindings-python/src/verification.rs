//! `with bus.verify(...)`: times a check and records how it ended, whatever becomes of it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};
use veribus_core::{Draft, Family, Outcome, VerificationEvent};

use crate::bus::PyBus;
use crate::fields::{self, Build};
use crate::receipt::PyReceipt;
use crate::{trace, value};

/// Longest text taken from an exception, in bytes.
const MESSAGE_BYTES_MAX: usize = 256;

/// A verification: made by `bus.verify`, used as a context manager once.
#[pyclass(name = "Verification", module = "veribus", frozen)]
pub(crate) struct PyVerification {
    bus: Py<PyBus>,
    state: Mutex<State>,
}

struct State {
    /// `None` once it was recorded.
    event: Option<VerificationEvent>,
    begun: Option<Instant>,
    /// The caller said how it ended.
    decided: bool,
    /// It had a duration from the caller.
    timed: bool,
}

impl PyVerification {
    pub(crate) fn new(
        bus: Py<PyBus>,
        family: Family,
        action: &Bound<'_, PyAny>,
        given: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut build = Build::new(fields::bare(family, action)?, false);
        build.set_all(given)?;
        if let Some((actor, source_ip)) = trace::requester(action.py()) {
            build.set_if_unset("actor", &actor)?;
            build.set_if_unset("source_ip", &source_ip)?;
        }
        let (event, _) = build.finish(action.py())?;
        let (decided, timed) = (event.outcome != Outcome::Unknown, event.duration.is_some());
        let state = State { event: Some(event), begun: None, decided, timed };
        Ok(PyVerification { bus, state: Mutex::new(state) })
    }

    /// The state; only ever held without leaving Rust.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn decide(&self, outcome: Outcome, reason: Option<&str>) {
        self.change(|state| {
            state.decided = true;
            if let Some(event) = &mut state.event {
                event.outcome = outcome;
                event.reason = reason.map(|text| cut(text).into());
            }
        });
    }

    /// Records it; `failure` is the exception that ended it.
    fn record(
        &self,
        py: Python<'_>,
        failure: Option<(Outcome, String, Option<String>)>,
    ) -> Option<PyReceipt> {
        let event = self.change(|state| {
            let mut event = state.event.take()?;
            if !state.timed {
                event.duration = Some(state.begun.map_or(Duration::ZERO, |begun| begun.elapsed()));
            }
            match failure {
                Some((outcome, reason, message)) if !state.decided => {
                    (event.outcome, event.reason) = (outcome, Some(reason.into()));
                    if let Some(message) = message {
                        event.attributes.insert("exception.message", message);
                    }
                }
                None if !state.decided => event.outcome = Outcome::Success,
                _ => {}
            }
            Some(event)
        })?;
        let draft = Draft::from(&event).without_time();
        Some(self.bus.get().send(py, draft, event.trace.is_some()))
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

/// What an exception says of the check: cancelled is unknown, leaving the program too, everything else a failure.
fn judged(
    py: Python<'_>,
    class: &Bound<'_, PyType>,
    error: &Bound<'_, PyAny>,
) -> (Outcome, String, Option<String>) {
    let name = class.name().and_then(|name| name.extract::<String>()).unwrap_or_default();
    let is_error = class.is_subclass_of::<pyo3::exceptions::PyException>().unwrap_or(true);
    if !is_error {
        let cancelled = matches!(name.as_str(), "CancelledError" | "GeneratorExit");
        return (Outcome::Unknown, if cancelled { "cancelled".to_owned() } else { name }, None);
    }
    let _pass = crate::gate::pass();
    let message = error.str().ok().and_then(|text| text.to_str().map(|text| cut(text).to_owned()).ok());
    let _ = py;
    (Outcome::Failure, cut(&name).to_owned(), message.filter(|text| !text.is_empty()))
}

#[pymethods]
impl PyVerification {
    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf.change(|state| state.begun = Some(Instant::now()));
        slf
    }

    #[pyo3(signature = (class, error, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        class: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> bool {
        let _ = traceback;
        let failure = class.cast::<PyType>().ok().map(|class| judged(py, class, error));
        self.record(py, failure);
        false
    }

    /// The check passed, whatever happens behind it.
    fn succeed(&self) {
        self.decide(Outcome::Success, None);
    }

    /// The check failed, for this reason.
    #[pyo3(signature = (reason=None))]
    fn fail(&self, reason: Option<&str>) {
        self.decide(Outcome::Failure, reason);
    }

    /// Nobody can tell how the check ended.
    #[pyo3(signature = (reason=None))]
    fn unknown(&self, reason: Option<&str>) {
        self.decide(Outcome::Unknown, reason);
    }

    /// Sets fields that became known while it ran.
    #[pyo3(signature = (**fields))]
    fn set(&self, py: Python<'_>, fields: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let Some(event) = self.change(|state| state.event.clone()) else { return Ok(()) };
        let mut build = Build::new(event, false);
        build.set_all(fields)?;
        let (event, _) = build.finish(py)?;
        let has = |name| fields.is_some_and(|fields| fields.contains(name).unwrap_or(false));
        let (decided, timed) = (has(intern!(py, "outcome")), has(intern!(py, "duration")));
        self.change(|state| {
            state.event = Some(event);
            (state.decided, state.timed) = (state.decided | decided, state.timed | timed);
        });
        Ok(())
    }

    /// Sets one attribute.
    fn __setitem__(
        &self,
        py: Python<'_>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let pair = PyDict::new(py);
        pair.set_item(name, value)?;
        let attributes = value::attributes(&pair)?;
        let Some(mut event) = self.change(|state| state.event.clone()) else { return Ok(()) };
        for (name, value) in attributes {
            event.attributes.insert(name, value);
        }
        event.check().map_err(|found| crate::error::event(py, &found))?;
        self.change(|state| state.event = Some(event));
        Ok(())
    }

    #[getter]
    fn outcome(&self) -> Option<&'static str> {
        self.change(|state| state.event.as_ref().map(|event| event.outcome.as_str()))
    }

    fn __repr__(&self) -> String {
        self.change(|state| match (&state.event, state.begun) {
            (Some(event), None) => format!("<Verification '{}', not begun>", event.action),
            (Some(event), Some(_)) => format!("<Verification '{}', running>", event.action),
            (None, _) => "<Verification, recorded>".to_owned(),
        })
    }
}
