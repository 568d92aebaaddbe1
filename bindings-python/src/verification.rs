//! `with bus.verify(...)`: times a check and records how it ended, whatever becomes of it.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};
use veribus_core::event::{self, EventDraft};
use veribus_core::{Draft, EventId, Family, Outcome, Text, Timestamp, VerificationEvent};

use crate::bus::PyBus;
use crate::error;
use crate::fields::{self, Build};
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
    check: Check,
    begun: Option<Instant>,
    /// The caller said how it ended.
    decided: bool,
    /// It had a duration from the caller.
    timed: bool,
}

/// What is known of the check.
enum Check {
    /// Of most checks no more than this: it becomes a draft without an event in between.
    Plain(Plain),
    Event(Box<VerificationEvent>),
    /// It ended so.
    Recorded(Outcome),
}

struct Plain {
    family: Family,
    action: Text,
    actor: Option<Text>,
    ip: Option<IpAddr>,
    outcome: Outcome,
    reason: Option<Text>,
}

/// How an exception ended it: as what, why, and its text.
type Failure = (Outcome, String, Option<String>);

impl Plain {
    /// Calls `then` with the draft that this is.
    fn with_draft<R>(
        &self,
        duration: Option<Duration>,
        message: Option<&str>,
        then: impl FnOnce(&Draft<'_>) -> R,
    ) -> R {
        let name = &*self.action;
        match self.family {
            Family::Authentication => then(&self.fill(event::authentication(name), duration, message)),
            Family::Authorization => then(&self.fill(event::authorization(name), duration, message)),
            Family::Configuration => then(&self.fill(event::configuration(name), duration, message)),
            Family::Performance => then(&self.fill(event::performance(name), duration, message)),
            _ => then(&self.fill(event::security(name), duration, message)),
        }
    }

    #[inline(always)]
    fn fill<'a, F>(
        &'a self,
        draft: EventDraft<'a, F>,
        duration: Option<Duration>,
        message: Option<&'a str>,
    ) -> Draft<'a> {
        let mut draft = draft.outcome(self.outcome);
        if let Some(reason) = &self.reason {
            draft = draft.reason(reason);
        }
        if let Some(actor) = &self.actor {
            draft = draft.actor(actor);
        }
        if let Some(ip) = self.ip {
            draft = draft.source_ip(ip);
        }
        if let Some(duration) = duration {
            draft = draft.duration(duration);
        }
        if let Some(message) = message {
            draft = draft.attribute("exception.message", message);
        }
        draft.into()
    }

    fn event(&self, py: Python<'_>) -> PyResult<Box<VerificationEvent>> {
        let none = (EventId::from_bits(0), Timestamp::default());
        let made = self.with_draft(None, None, |draft| draft.clone().into_event(none.0, none.1));
        made.map(Box::new).map_err(|found| error::event(py, &found))
    }
}

impl State {
    /// Takes the event as it was changed, unless it was recorded meanwhile.
    fn put(&mut self, event: VerificationEvent) {
        if !matches!(self.check, Check::Recorded(_)) {
            self.check = Check::Event(Box::new(event));
        }
    }
}

impl Check {
    /// Who asks and from where, of a call that says nothing else; `None` where it does.
    fn who_and_whence(given: Option<&Bound<'_, PyDict>>) -> PyResult<Option<(Option<Text>, Option<IpAddr>)>> {
        let (mut actor, mut ip) = (None, None);
        for (name, value) in given.into_iter().flatten() {
            match name.cast::<PyString>()?.to_str()? {
                "actor" if !value.is_none() => actor = Some(value::owned(&value, &"actor")?),
                "source_ip" if !value.is_none() => ip = Some(value::address(&value, &"source_ip")?),
                _ => return Ok(None),
            }
        }
        Ok(Some((actor, ip)))
    }

    fn ended(&mut self, outcome: Outcome, reason: Option<&str>) {
        let reason = reason.map(|text| cut(text).into());
        match self {
            Check::Plain(plain) => (plain.outcome, plain.reason) = (outcome, reason),
            Check::Event(event) => (event.outcome, event.reason) = (outcome, reason),
            Check::Recorded(_) => {}
        }
    }

    fn passed(&mut self) {
        match self {
            Check::Plain(plain) => plain.outcome = Outcome::Success,
            Check::Event(event) => event.outcome = Outcome::Success,
            Check::Recorded(_) => {}
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Check::Plain(plain) => plain.outcome,
            Check::Event(event) => event.outcome,
            Check::Recorded(outcome) => *outcome,
        }
    }
}

impl PyVerification {
    pub(crate) fn new(
        bus: Py<PyBus>,
        family: Family,
        action: &Bound<'_, PyAny>,
        given: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let py = action.py();
        let state = |check| State { check, begun: None, decided: false, timed: false };
        let requester = trace::requester(py);
        if let Some((mut actor, mut ip)) = Check::who_and_whence(given)? {
            if let Some((who, whence)) = &requester {
                if actor.is_none() && !who.is_none() {
                    actor = Some(value::owned(who, &"actor")?);
                }
                if ip.is_none() && !whence.is_none() {
                    ip = Some(value::address(whence, &"source_ip")?);
                }
            }
            let action = value::owned(action, &"action")?;
            let plain = Plain { family, action, actor, ip, outcome: Outcome::Unknown, reason: None };
            plain.with_draft(None, None, |draft| draft.check()).map_err(|found| error::event(py, &found))?;
            return Ok(PyVerification { bus, state: Mutex::new(state(Check::Plain(plain))) });
        }
        let mut build = Build::new(fields::bare(family, action)?, false);
        build.set_all(given)?;
        if let Some((actor, source_ip)) = requester {
            build.set_if_unset("actor", &actor)?;
            build.set_if_unset("source_ip", &source_ip)?;
        }
        let (event, _) = build.finish(py)?;
        let (decided, timed) = (event.outcome != Outcome::Unknown, event.duration.is_some());
        let state = State { decided, timed, ..state(Check::Event(Box::new(event))) };
        Ok(PyVerification { bus, state: Mutex::new(state) })
    }

    /// The state; only ever held without leaving Rust.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn decide(&self, outcome: Outcome, reason: Option<&str>) {
        self.change(|state| {
            state.decided = true;
            state.check.ended(outcome, reason);
        });
    }

    /// The event so far, to be changed; `None` once it was recorded.
    fn event(&self, py: Python<'_>) -> PyResult<Option<VerificationEvent>> {
        self.change(|state| match &state.check {
            Check::Plain(plain) => plain.event(py).map(|event| Some(*event)),
            Check::Event(event) => Ok(Some((**event).clone())),
            Check::Recorded(_) => Ok(None),
        })
    }

    /// Records it, once; `failure` is the exception that ended it.
    fn record(&self, py: Python<'_>, failure: Option<Failure>) {
        let (check, duration, message) = self.change(|state| {
            let elapsed = || state.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
            let duration = (!state.timed).then(elapsed);
            let mut message = None;
            if !state.decided {
                match failure {
                    Some((outcome, reason, text)) => {
                        state.check.ended(outcome, Some(&reason));
                        message = text;
                    }
                    None => state.check.passed(),
                }
            }
            let recorded = Check::Recorded(state.check.outcome());
            (std::mem::replace(&mut state.check, recorded), duration, message)
        });
        let bus = self.bus.get();
        match check {
            Check::Recorded(_) => {}
            Check::Plain(plain) => {
                plain.with_draft(duration, message.as_deref(), |draft| drop(bus.hand_over(py, draft, false)));
            }
            Check::Event(mut event) => {
                event.duration = duration.or(event.duration);
                if let Some(message) = message {
                    event.attributes.insert("exception.message", message);
                }
                let draft = Draft::from(&*event).without_time();
                drop(bus.hand_over(py, &draft, event.trace.is_some()));
            }
        }
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

/// What an exception says of the check: cancelled is unknown, leaving the program too, everything else a failure.
fn judged(py: Python<'_>, class: &Bound<'_, PyType>, error: &Bound<'_, PyAny>) -> Failure {
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
        let Some(event) = self.event(py)? else { return Ok(()) };
        let mut build = Build::new(event, false);
        build.set_all(fields)?;
        let (event, _) = build.finish(py)?;
        let has = |name: &str| fields.is_some_and(|fields| fields.contains(name).unwrap_or(false));
        let (decided, timed) = (has("outcome"), has("duration"));
        self.change(|state| {
            state.put(event);
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
        let Some(mut event) = self.event(py)? else { return Ok(()) };
        for (name, value) in attributes {
            event.attributes.insert(name, value);
        }
        event.check().map_err(|found| error::event(py, &found))?;
        self.change(|state| state.put(event));
        Ok(())
    }

    /// How it ended; while it runs, unknown until the caller said something.
    #[getter]
    fn outcome(&self) -> &'static str {
        self.change(|state| state.check.outcome().as_str())
    }

    fn __repr__(&self) -> String {
        self.change(|state| {
            let action = match &state.check {
                Check::Plain(plain) => &plain.action,
                Check::Event(event) => &event.action,
                Check::Recorded(_) => return "<Verification, recorded>".to_owned(),
            };
            let how = if state.begun.is_some() { "running" } else { "not begun" };
            format!("<Verification '{action}', {how}>")
        })
    }
}
