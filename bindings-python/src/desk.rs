//! Where a handler's native thread hands work to a Python thread and waits for its answer.
//!
//! No thread of ours runs Python code: a handler that hangs while the interpreter finalizes would take the process
//! with it (see [`crate::gate`]). The Python thread is one that Python made, and dies as its daemon threads do.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;
use veribus_core::{HandlerPlace, InPlace, VerificationEvent};
use veribus_handlers::Alert;

use crate::{alert, event, gate};

thread_local! {
    /// Where on its bus the Python thread stands while it works.
    static PLACE: RefCell<Option<InPlace>> = const { RefCell::new(None) };
}

/// What makes a Python thread. Not imported when it is needed: a child forked in mid-import would wait for ever.
static START: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Names the function that makes a Python thread for a desk and its handler.
#[pyfunction]
pub(crate) fn set_start(py: Python<'_>, start: Py<PyAny>) {
    drop(START.set(py, start));
}

/// What there is to do: which method of the handler, with what.
pub(crate) enum Work {
    Events(Vec<Arc<VerificationEvent>>),
    Alert(Arc<Alert>),
    Flush,
    Close,
}

/// How it went.
pub(crate) enum Answer {
    Done,
    /// The handler took so many and asks for the others again.
    Retry(usize, String),
    Raised(String),
    /// Nobody is there to do it.
    Gone(&'static str),
}

#[derive(Default)]
struct State {
    work: Option<(HandlerPlace, Work)>,
    answer: Option<Answer>,
    /// A job was taken and not answered yet.
    busy: bool,
    started: bool,
    /// No more work will come.
    ended: bool,
    /// The Python thread has left.
    gone: bool,
}

#[derive(Default)]
pub(crate) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Called on the native thread: has `work` done by the Python thread, which is started if need be.
    pub(crate) fn ask(self: &Arc<Self>, target: &Target, work: Work) -> Answer {
        if !self.lock().started && !self.start(target) {
            return Answer::Gone("the interpreter has no thread for this handler, or is exiting");
        }
        let mut state = self.lock();
        state.work = Some((HandlerPlace::here(), work));
        self.changed.notify_all();
        loop {
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            if state.gone {
                return Answer::Gone("the handler's Python thread has ended");
            }
            state = self.wait(state);
        }
    }

    /// The only time that a native thread comes to the interpreter: to ask it for a thread.
    fn start(self: &Arc<Self>, target: &Target) -> bool {
        let Some(_pass) = gate::pass() else { return false };
        let started = Python::try_attach(|py| {
            let desk = Py::new(py, PyDesk(self.clone()))?;
            let start = START.get(py).ok_or_else(|| PyRuntimeError::new_err("veribus is not imported"))?;
            start.call1(py, (desk, target.bind(py))).map(drop)
        });
        let started = matches!(started, Some(Ok(())));
        self.lock().started = started;
        started
    }

    /// Lets the Python thread go.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    pub(crate) fn has_started(&self) -> bool {
        self.lock().started
    }
}

/// The Python thread's side.
#[pyclass(name = "Desk", module = "veribus._veribus", frozen)]
pub(crate) struct PyDesk(Arc<Desk>);

#[pymethods]
impl PyDesk {
    /// Gives the answer to the last work, waits for the next and returns it as `(method, argument)`; `None` at the end.
    #[pyo3(signature = (raised=None, retry_done=None))]
    fn next<'py>(
        &self,
        py: Python<'py>,
        raised: Option<String>,
        retry_done: Option<usize>,
    ) -> PyResult<Option<(&'static str, Bound<'py, PyAny>)>> {
        PLACE.with_borrow_mut(Option::take);
        let work = gate::detached(py, || self.0.turn(raised, retry_done));
        let Some((place, work)) = work else { return Ok(None) };
        PLACE.set(Some(place.enter()));
        let none = || py.None().into_bound(py);
        Ok(Some(match work {
            Work::Events(events) => {
                let events = events.into_iter().map(|event| event::wrap(py, event, true));
                ("handle", PyList::new(py, events.collect::<PyResult<Vec<_>>>()?)?.into_any())
            }
            Work::Alert(alert) => ("alert", alert::to_python(py, &alert)?),
            Work::Flush => ("flush", none()),
            Work::Close => ("close", none()),
        }))
    }

    /// Says that this thread does no more.
    fn leave(&self) {
        PLACE.with_borrow_mut(Option::take);
        self.0.lock().gone = true;
        self.0.changed.notify_all();
    }
}

impl Desk {
    fn turn(&self, raised: Option<String>, retry_done: Option<usize>) -> Option<(HandlerPlace, Work)> {
        let mut state = self.lock();
        if state.busy {
            state.busy = false;
            state.answer = Some(match (raised, retry_done) {
                (None, _) => Answer::Done,
                (Some(text), Some(done)) => Answer::Retry(done, text),
                (Some(text), None) => Answer::Raised(text),
            });
            self.changed.notify_all();
        }
        loop {
            if let Some(work) = state.work.take() {
                state.busy = true;
                return Some(work);
            }
            if state.ended {
                return None;
            }
            state = self.wait(state);
        }
    }
}

/// A Python object that handles, kept by native code: given up inside of the interpreter, or not at all.
pub(crate) struct Target(Option<Py<PyAny>>);

impl Target {
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> Self {
        Target(Some(object.clone().unbind()))
    }

    fn bind<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.0.as_ref().map_or_else(|| py.None(), |object| object.clone_ref(py)).into_bound(py)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let Some(object) = self.0.take() else { return };
        let Some(_pass) = gate::pass() else { return std::mem::forget(object) };
        let mut object = Some(object);
        Python::try_attach(|_py| drop(object.take()));
        // The interpreter is gone, and the object with it.
        std::mem::forget(object);
    }
}
