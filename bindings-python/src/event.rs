//! The event classes: five families, immutable, each a view of one owned event of the core.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pyo3::PyTypeInfo;
use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use veribus_core::codec::{event_from_json, event_to_json};
use veribus_core::{Draft, EventId, EventKind, Family, VerificationEvent};

use crate::error;
use crate::fields::{self, Build};
use crate::given::{Argument, Given};
use crate::trace::PyTraceContext;
use crate::value;

/// What every event has.
#[pyclass(name = "VerificationEvent", module = "veribus", frozen, subclass)]
pub(crate) struct PyEvent {
    pub(crate) event: Arc<VerificationEvent>,
    /// It has a time: it was given one, or was published.
    timed: bool,
}

impl PyEvent {
    /// The event on its way into a bus.
    #[inline]
    pub(crate) fn draft(&self) -> Draft<'_> {
        let draft = Draft::from(&*self.event);
        if self.timed { draft } else { draft.without_time() }
    }

    fn build(given: &Given<'_, '_>) -> PyResult<Self> {
        let (event, timed) = given.event()?;
        Ok(PyEvent { event: Arc::new(event), timed })
    }
}

/// A class of one family: its name, its severity, its own fields as they are given, and as they are read.
macro_rules! family {
    (
        $class:ident, $name:literal, $family:ident, $severity:literal, $doc:literal,
        [$($own:ident),*], [$($rest:expr),*], { $($field:ident: $type:ty = $get:expr;)* }
    ) => {
        #[doc = $doc]
        #[pyclass(name = $name, module = "veribus", extends = PyEvent, frozen)]
        pub(crate) struct $class;

        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(
                signature = (
                    action, *, outcome=None, severity=None, reason=None, actor=None, source_ip=None,
                    source_port=None, source_host=None, target=None, target_kind=None, trace=None, duration=None,
                    time=None, attributes=None, $($own=None),*
                ),
                text_signature = $severity
            )]
            #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
            fn new<'py>(
                action: &Bound<'py, PyAny>,
                outcome: Argument<'_, 'py>,
                severity: Argument<'_, 'py>,
                reason: Argument<'_, 'py>,
                actor: Argument<'_, 'py>,
                source_ip: Argument<'_, 'py>,
                source_port: Argument<'_, 'py>,
                source_host: Argument<'_, 'py>,
                target: Argument<'_, 'py>,
                target_kind: Argument<'_, 'py>,
                trace: Argument<'_, 'py>,
                duration: Argument<'_, 'py>,
                time: Argument<'_, 'py>,
                attributes: Argument<'_, 'py>,
                $($own: Argument<'_, 'py>),*
            ) -> PyResult<PyClassInitializer<Self>> {
                let common = [
                    outcome, severity, reason, actor, source_ip, source_port, source_host, target, target_kind,
                    trace, duration, time, attributes,
                ];
                let given = Given { family: Family::$family, action, common, own: [$($own,)* $($rest),*] };
                Ok(PyClassInitializer::from(PyEvent::build(&given)?).add_subclass($class))
            }

            $(
                #[getter]
                fn $field(slf: &Bound<'_, Self>) -> Option<$type> {
                    let EventKind::$family(payload) = &slf.as_super().get().event.kind else { return None };
                    let get: fn(&veribus_core::$family) -> Option<$type> = $get;
                    get(payload)
                }
            )*
        }
    };
}

family!(
    PyAuthentication, "Authentication", Authentication,
    "(action, *, outcome='unknown', severity='informational', reason=None, actor=None, source_ip=None, source_port=None, source_host=None, target=None, target_kind=None, trace=None, duration=None, time=None, attributes=None, method=None, credential=None)",
    "An identity was checked: a login, a key, a signature, a token.",
    [method, credential], [None, None],
    {
        method: String = |p| p.method.as_deref().map(str::to_owned);
        credential: String = |p| p.credential.as_deref().map(str::to_owned);
    }
);
family!(
    PyAuthorization, "Authorization", Authorization,
    "(action, *, outcome='unknown', severity='informational', reason=None, actor=None, source_ip=None, source_port=None, source_host=None, target=None, target_kind=None, trace=None, duration=None, time=None, attributes=None, permission=None, policy=None)",
    "A permission was decided.",
    [permission, policy], [None, None],
    {
        permission: String = |p| p.permission.as_deref().map(str::to_owned);
        policy: String = |p| p.policy.as_deref().map(str::to_owned);
    }
);
family!(
    PyConfiguration, "Configuration", Configuration,
    "(action, *, outcome='unknown', severity='low', reason=None, actor=None, source_ip=None, source_port=None, source_host=None, target=None, target_kind=None, trace=None, duration=None, time=None, attributes=None, setting=None, old_value=None, new_value=None)",
    "Something that governs behaviour was changed.",
    [setting, old_value, new_value], [None],
    {
        setting: String = |p| p.setting.as_deref().map(str::to_owned);
        old_value: String = |p| p.old_value.as_deref().map(str::to_owned);
        new_value: String = |p| p.new_value.as_deref().map(str::to_owned);
    }
);
family!(
    PyPerformance, "Performance", Performance,
    "(action, *, outcome='unknown', severity='informational', reason=None, actor=None, source_ip=None, source_port=None, source_host=None, target=None, target_kind=None, trace=None, duration=None, time=None, attributes=None, value=None, unit=None, count=None, errors=None)",
    "How verifications performed.",
    [value, unit, count, errors], [],
    {
        value: f64 = |p| p.value;
        unit: String = |p| p.unit.as_deref().map(str::to_owned);
        count: u64 = |p| p.count;
        errors: u64 = |p| p.errors;
    }
);
family!(
    PySecurity, "Security", Security,
    "(action, *, outcome='unknown', severity='medium', reason=None, actor=None, source_ip=None, source_port=None, source_host=None, target=None, target_kind=None, trace=None, duration=None, time=None, attributes=None, technique=None, rule=None, score=None)",
    "An attack, an anomaly or a violation was noticed.",
    [technique, rule, score], [None],
    {
        technique: String = |p| p.technique.as_deref().map(str::to_owned);
        rule: String = |p| p.rule.as_deref().map(str::to_owned);
        score: u8 = |p| p.score;
    }
);

/// An event of a family that a newer sender knows and this version does not.
#[pyclass(name = "UnknownEvent", module = "veribus", extends = PyEvent, frozen)]
pub(crate) struct PyUnknownEvent;

/// An event of the core as an object of its family's class.
pub(crate) fn wrap(py: Python<'_>, event: Arc<VerificationEvent>, timed: bool) -> PyResult<Py<PyAny>> {
    let family = event.family();
    let base = PyClassInitializer::from(PyEvent { event, timed });
    Ok(match family {
        Family::Authentication => Py::new(py, base.add_subclass(PyAuthentication))?.into_any(),
        Family::Authorization => Py::new(py, base.add_subclass(PyAuthorization))?.into_any(),
        Family::Configuration => Py::new(py, base.add_subclass(PyConfiguration))?.into_any(),
        Family::Performance => Py::new(py, base.add_subclass(PyPerformance))?.into_any(),
        Family::Security => Py::new(py, base.add_subclass(PySecurity))?.into_any(),
        _ => Py::new(py, base.add_subclass(PyUnknownEvent))?.into_any(),
    })
}

#[pymethods]
impl PyEvent {
    #[getter]
    fn id(&self) -> Option<String> {
        (self.event.id != EventId::from_bits(0)).then(|| self.event.id.to_string())
    }

    #[getter]
    fn kind(&self) -> &str {
        self.event.kind.name()
    }

    #[getter]
    fn action(&self) -> &str {
        &self.event.action
    }

    #[getter]
    fn outcome(&self) -> &'static str {
        self.event.outcome.as_str()
    }

    #[getter]
    fn severity(&self) -> &'static str {
        self.event.severity.as_str()
    }

    #[getter]
    fn severity_id(&self) -> u8 {
        self.event.severity.id()
    }

    #[getter]
    fn reason(&self) -> Option<&str> {
        self.event.reason.as_deref()
    }

    #[getter]
    fn actor(&self) -> Option<&str> {
        self.event.actor.as_ref()?.name.as_deref()
    }

    #[getter]
    fn source_ip(&self) -> Option<String> {
        self.event.actor.as_ref()?.ip.map(|ip| ip.to_string())
    }

    #[getter]
    fn source_port(&self) -> Option<u16> {
        self.event.actor.as_ref()?.port
    }

    #[getter]
    fn source_host(&self) -> Option<&str> {
        self.event.actor.as_ref()?.host.as_deref()
    }

    #[getter]
    fn target(&self) -> Option<&str> {
        self.event.target.as_ref().map(|target| &*target.name)
    }

    #[getter]
    fn target_kind(&self) -> Option<&str> {
        self.event.target.as_ref()?.kind.as_deref()
    }

    #[getter]
    fn trace(&self) -> Option<PyTraceContext> {
        self.event.trace.map(PyTraceContext)
    }

    /// In seconds.
    #[getter]
    fn duration(&self) -> Option<f64> {
        self.event.duration.map(|duration| duration.as_secs_f64())
    }

    #[getter]
    fn duration_ns(&self) -> Option<u64> {
        self.event.duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    /// A `datetime` in UTC, cut to microseconds; none before the event is published, unless it was given one.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(nanos) = self.time_ns() else { return Ok(None) };
        let datetime = py.import("datetime")?;
        let span = PyDict::new(py);
        span.set_item("microseconds", nanos.div_euclid(1000))?;
        let since = datetime.getattr("timedelta")?.call((), Some(&span))?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        let epoch = datetime.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
        epoch.add(since).map(Some)
    }

    #[getter]
    fn time_ns(&self) -> Option<i64> {
        self.timed.then(|| self.event.time.as_nanos())
    }

    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        value::dict(py, &self.event.attributes)
    }

    /// Fields of a newer sender, as they came.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        value::dict(py, &self.event.extra)
    }

    /// The fields that are given, by the names of the keyword arguments.
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(slf.py());
        dict.set_item("action", slf.get().action())?;
        for (name, value) in given(slf)? {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    /// The event as one line of JSON, as `docs/wire-format.md` has it.
    fn to_json(&self) -> PyResult<String> {
        let mut line = Vec::new();
        event_to_json(&self.event, &mut line);
        Ok(String::from_utf8(line)?)
    }

    /// The same event with other values in some fields.
    #[pyo3(signature = (**changes))]
    fn replace(slf: &Bound<'_, Self>, changes: Option<&Bound<'_, PyDict>>) -> PyResult<Py<PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let mut event = (*this.event).clone();
        event.id = EventId::from_bits(0);
        let mut build = Build::new(event, this.timed);
        for (name, value) in changes.into_iter().flatten() {
            let name = name.cast_into::<PyString>()?;
            match name.to_str()? {
                "action" => build.event.action = fields::bare(this.event.family(), &value)?.action,
                field if value.is_none() => build.clear(field)?,
                field => build.set(field, &value)?,
            }
        }
        build.settle();
        let (event, timed) = build.finish(py)?;
        wrap(py, Arc::new(event), timed)
    }

    #[pyo3(signature = (**changes))]
    fn __replace__(slf: &Bound<'_, Self>, changes: Option<&Bound<'_, PyDict>>) -> PyResult<Py<PyAny>> {
        Self::replace(slf, changes)
    }

    #[staticmethod]
    fn _restore(py: Python<'_>, line: &str, timed: bool) -> PyResult<Py<PyAny>> {
        let event = event_from_json(line.as_bytes()).map_err(|found| error::codec(py, &found))?;
        wrap(py, Arc::new(event), timed)
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, (String, bool))> {
        Ok((Self::type_object(py).getattr("_restore")?.unbind(), (self.to_json()?, self.timed)))
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp, py: Python<'_>) -> Py<PyAny> {
        let Ok(other) = other.cast::<PyEvent>() else { return py.NotImplemented() };
        let same = self.timed == other.get().timed && self.event == other.get().event;
        match op {
            CompareOp::Eq => pyo3::types::PyBool::new(py, same).to_owned().into_any().unbind(),
            CompareOp::Ne => pyo3::types::PyBool::new(py, !same).to_owned().into_any().unbind(),
            _ => py.NotImplemented(),
        }
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.event.id, self.event.time, self.event.action.as_str(), self.event.outcome).hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type().name()?;
        let mut text = format!("{class}({}", PyString::new(slf.py(), slf.get().action()).repr()?);
        for (name, value) in given(slf)? {
            text.push_str(&format!(", {name}={}", value.repr()?));
        }
        Ok(text + ")")
    }
}

/// The fields that say something, in the order in which an event is shown.
fn given<'py>(event: &Bound<'py, PyEvent>) -> PyResult<Vec<(&'static str, Bound<'py, PyAny>)>> {
    let family = event.get().event.family();
    let unsaid = ["unknown", fields::default_severity(family).as_str()];
    let mut found = Vec::new();
    let (head, tail) = fields::COMMON.split_at(9);
    for name in head.iter().chain(fields::of_family(family)).chain(tail) {
        let value = event.as_any().getattr(*name)?;
        let plain = match *name {
            "outcome" | "severity" => unsaid.contains(&value.extract::<&str>()?),
            "attributes" => value.len()? == 0,
            _ => value.is_none(),
        };
        if !plain {
            found.push((*name, value));
        }
    }
    Ok(found)
}
