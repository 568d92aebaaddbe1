//! The trace that Python works in: OpenTelemetry's current span if that package is loaded, else our own context.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use veribus_core::{SpanId, TraceContext, TraceId};

use crate::error;
use crate::gate;

/// The `ContextVar` of our own context, from `veribus.trace`.
static AMBIENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// Whether a trace was ever entered: until then nobody has to look.
static USED: AtomicBool = AtomicBool::new(false);
/// How many modules were loaded when OpenTelemetry was not among them.
static ABSENT_AT: AtomicUsize = AtomicUsize::new(0);

/// What is looked for at every publish. Made when the module is imported and never later: a fork while another thread
/// makes it would leave the child waiting for that thread.
static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

struct Known {
    /// `sys.modules`
    modules: Py<PyDict>,
    otel_trace: Py<PyString>,
    otel_context: Py<PyString>,
    get: Py<PyString>,
    trace: Py<PyString>,
    actor: Py<PyString>,
    source_ip: Py<PyString>,
}

/// Called once, while the module is imported.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    let name = |text: &str| PyString::intern(py, text).unbind();
    let known = Known {
        modules: py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?.unbind(),
        otel_trace: name("opentelemetry.trace"),
        otel_context: name("opentelemetry.context"),
        get: name("get"),
        trace: name("trace"),
        actor: name("actor"),
        source_ip: name("source_ip"),
    };
    let _only_once = KNOWN.set(py, known);
    Ok(())
}

/// The place of an event in a distributed trace.
#[pyclass(name = "TraceContext", module = "veribus", frozen, eq, hash)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PyTraceContext(pub(crate) TraceContext);

#[pymethods]
impl PyTraceContext {
    /// Parses a W3C `traceparent` header.
    #[staticmethod]
    fn parse(py: Python<'_>, header: &str) -> PyResult<Self> {
        TraceContext::parse(header).map(PyTraceContext).map_err(|found| error::trace(py, found))
    }

    /// The root of a new trace.
    #[staticmethod]
    fn new_root() -> Self {
        PyTraceContext(TraceContext::new_root())
    }

    /// A new span in the same trace.
    fn child(&self) -> Self {
        PyTraceContext(self.0.child())
    }

    #[getter]
    fn trace_id(&self) -> String {
        self.0.trace_id.to_string()
    }

    #[getter]
    fn span_id(&self) -> String {
        self.0.span_id.to_string()
    }

    #[getter]
    fn flags(&self) -> u8 {
        self.0.flags()
    }

    #[getter]
    fn sampled(&self) -> bool {
        self.0.is_sampled()
    }

    #[getter]
    fn traceparent(&self) -> String {
        self.0.to_string()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("TraceContext.parse('{}')", self.0)
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String,))> {
        Ok((Self::type_object(py).getattr("parse")?.unbind(), (self.0.to_string(),)))
    }
}

/// Names the `ContextVar` that holds our own context; `used` once something was put into it.
#[pyfunction]
#[pyo3(signature = (variable=None))]
pub(crate) fn set_ambient(py: Python<'_>, variable: Option<Py<PyAny>>) {
    match variable {
        Some(variable) => drop(AMBIENT.set(py, variable)),
        None => USED.store(true, Ordering::Relaxed),
    }
}

/// The trace of the calling task or thread. Never an error: an event without its trace beats no event.
#[inline]
pub(crate) fn ambient(py: Python<'_>) -> Option<TraceContext> {
    let foreign = open_telemetry(py);
    if foreign.is_some() {
        return foreign;
    }
    if USED.load(Ordering::Relaxed) { own(py) } else { None }
}

fn own(py: Python<'_>) -> Option<TraceContext> {
    let current = AMBIENT.get(py)?.bind(py).call_method0(&KNOWN.get(py)?.get).ok()?;
    if current.is_none() {
        return None;
    }
    let trace = current.getattr(&KNOWN.get(py)?.trace).ok()?;
    trace.cast::<PyTraceContext>().ok().map(|trace| trace.get().0)
}

/// Who and whence the request is that the caller works for, as our own context knows it.
pub(crate) fn requester(py: Python<'_>) -> Option<(Bound<'_, PyAny>, Bound<'_, PyAny>)> {
    if !USED.load(Ordering::Relaxed) {
        return None;
    }
    let current = AMBIENT.get(py)?.bind(py).call_method0(&KNOWN.get(py)?.get).ok()?;
    let actor = current.getattr(&KNOWN.get(py)?.actor).ok()?;
    Some((actor, current.getattr(&KNOWN.get(py)?.source_ip).ok()?))
}

/// The current span of OpenTelemetry, where the application has loaded that package; we never load it.
#[inline]
fn open_telemetry(py: Python<'_>) -> Option<TraceContext> {
    let known = KNOWN.get(py)?;
    let modules = known.modules.bind(py);
    // Looking for it is a third of a publish: only when a module has come or gone since.
    let count = modules.len();
    if ABSENT_AT.load(Ordering::Relaxed) == count {
        return None;
    }
    let Some(module) = modules.get_item(&known.otel_trace).ok()? else {
        ABSENT_AT.store(count, Ordering::Relaxed);
        return None;
    };
    // From here on Python code runs under our frames.
    let _pass = gate::pass()?;
    // An empty context has no span: asking for that is a quarter of asking for the span.
    if let Ok(Some(contexts)) = modules.get_item(&known.otel_context) {
        let current = contexts.call_method0("get_current").ok()?;
        if current.len().is_ok_and(|entries| entries == 0) {
            return None;
        }
    }
    current_span(&module).ok().flatten()
}

fn current_span(module: &Bound<'_, PyAny>) -> PyResult<Option<TraceContext>> {
    let span = module.call_method0("get_current_span")?;
    let context = span.call_method0("get_span_context")?;
    let trace_id: u128 = context.getattr("trace_id")?.extract()?;
    let span_id: u64 = context.getattr("span_id")?.extract()?;
    let flags: u8 = context.getattr("trace_flags")?.extract()?;
    let ids = TraceId::from_bytes(trace_id.to_be_bytes()).and_then(|trace| {
        SpanId::from_bytes(span_id.to_be_bytes()).map(|span| TraceContext::new(trace, span, flags))
    });
    Ok(ids.ok())
}

/// A trace given by hand: a context, or the text of a `traceparent` header.
pub(crate) fn given(value: &Bound<'_, PyAny>) -> PyResult<TraceContext> {
    if let Ok(trace) = value.cast::<PyTraceContext>() {
        return Ok(trace.get().0);
    }
    let Ok(header) = value.cast::<PyString>() else {
        return Err(crate::value::unsupported(value, &"trace", "a `TraceContext` or a `traceparent` header"));
    };
    TraceContext::parse(header.to_str()?).map_err(|found| error::trace(value.py(), found))
}
