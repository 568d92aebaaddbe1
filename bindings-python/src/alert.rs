//! Alerts in the process: rules as dataclasses of `veribus.alert`, sinks as functions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use veribus_core::Interest;
use veribus_handlers::alert::{AlertWatch, SinkFactory};
use veribus_handlers::{Alert, AlertHandler, AlertRule, AlertSink, SinkError, StdoutSink};

use crate::audit::already_registered;
use crate::desk::{Answer, Desk, Target, Work};
use crate::native::Native;
use crate::{event, fields};

/// Raises alerts; register it once.
#[pyclass(name = "AlertHandler", module = "veribus", frozen)]
pub(crate) struct PyAlertHandler {
    waiting: Mutex<Option<AlertHandler>>,
    watch: AlertWatch,
}

impl PyAlertHandler {
    pub(crate) fn take(&self, py: Python<'_>) -> PyResult<Native> {
        let alerts = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        alerts.map(Native::of).ok_or_else(|| already_registered(py, "AlertHandler"))
    }
}

#[pymethods]
impl PyAlertHandler {
    /// Without rules it has two: severity high and above, and five failed authentications within ten minutes.
    /// Without a sink it prints lines.
    #[new]
    #[pyo3(signature = (*rules, sink=None, json=false, cooldown=600.0))]
    fn new(
        rules: &Bound<'_, pyo3::types::PyTuple>,
        sink: Option<&Bound<'_, PyAny>>,
        json: bool,
        cooldown: f64,
    ) -> PyResult<Self> {
        let mut builder = AlertHandler::builder().cooldown(crate::bus::deadline(rules.py(), cooldown)?);
        for given in rules {
            builder = builder.rule(rule(&given)?);
        }
        let builder = match sink {
            Some(sink) => builder.sink(PySink { target: Arc::new(Target::new(sink)), desk: Arc::default() }),
            None if json => builder.sink(StdoutSink::new().json()),
            None => builder.sink(StdoutSink::new()),
        };
        let alerts = builder.build();
        Ok(PyAlertHandler { watch: alerts.watch(), waiting: Mutex::new(Some(alerts)) })
    }

    /// How many alerts were raised, suppressed, delivered and lost.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.watch.counts();
        let dict = PyDict::new(py);
        dict.set_item("raised", counts.raised)?;
        dict.set_item("suppressed", counts.suppressed)?;
        dict.set_item("delivered", counts.delivered)?;
        dict.set_item("lost", counts.lost)?;
        dict.set_item("evicted", counts.evicted)?;
        dict.set_item("without_entity", counts.without_entity)?;
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        format!("<AlertHandler {} raised>", self.watch.counts().raised)
    }
}

/// A `veribus.AlertRule` as the core has it.
fn rule(given: &Bound<'_, PyAny>) -> PyResult<AlertRule> {
    let py = given.py();
    let name: String = given.getattr("name")?.extract()?;
    let events: usize = given.getattr("events")?.extract()?;
    let within = crate::bus::deadline(py, given.getattr("within")?.extract()?)?;
    let least = fields::severity(&given.getattr("at_least")?)?;
    let mut rule = if events > 1 {
        AlertRule::failures(&name, events, within)
    } else {
        AlertRule::failures(&name, 1, Duration::ZERO)
    };
    let interest = match given.getattr("kinds")?.extract::<Option<Vec<String>>>()? {
        Some(kinds) => {
            let kinds = kinds.iter().map(|kind| fields::family(py, kind)).collect::<PyResult<Vec<_>>>()?;
            Interest::families(&kinds)
        }
        None => Interest::all(),
    };
    rule = rule.of(interest.at_least(least));
    let outcome = given.getattr("outcome")?;
    rule = rule.outcome(if outcome.is_none() { None } else { Some(fields::outcome(&outcome)?) });
    if let Some(action) = given.getattr("action")?.extract::<Option<String>>()? {
        rule = rule.action(&action);
    }
    let title: Option<String> = given.getattr("title")?.extract()?;
    rule = rule.title(title.as_deref().unwrap_or(&name));
    let severity = given.getattr("severity")?;
    if !severity.is_none() {
        rule = rule.severity(fields::severity(&severity)?);
    }
    if let Some(seconds) = given.getattr("cooldown")?.extract::<Option<f64>>()? {
        rule = rule.cooldown(crate::bus::deadline(py, seconds)?);
    }
    Ok(rule)
}

/// `veribus.Alert` of an alert.
pub(crate) fn to_python<'py>(py: Python<'py>, alert: &Alert) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("rule", &*alert.rule)?;
    fields.set_item("title", &*alert.title)?;
    fields.set_item("severity", alert.severity.as_str())?;
    fields.set_item("entity_kind", alert.entity.as_ref().map(|entity| entity.kind()))?;
    fields.set_item("entity", alert.entity.as_ref().map(|entity| entity.to_string()))?;
    fields.set_item("events", alert.events)?;
    fields.set_item("first_seen", alert.first_seen.to_string())?;
    fields.set_item("last_seen", alert.last_seen.to_string())?;
    fields.set_item("suppressed", alert.suppressed)?;
    fields.set_item("event", event::wrap(py, alert.event.clone(), true)?)?;
    fields.set_item("line", alert.to_string())?;
    py.import("veribus.alert")?.getattr("Alert")?.call((), Some(&fields))
}

/// A Python function that is given each alert.
struct PySink {
    target: Arc<Target>,
    desk: Arc<Desk>,
}

impl AlertSink for PySink {
    fn name(&self) -> &str {
        "python"
    }

    fn deliver(&mut self, alert: &Alert) -> Result<(), SinkError> {
        match self.desk.ask(&self.target, Work::Alert(Arc::new(alert.clone()))) {
            Answer::Done => Ok(()),
            Answer::Retry(_, text) | Answer::Raised(text) => {
                Err(SinkError::Retry { after: None, source: text.into() })
            }
            Answer::Gone(text) => Err(SinkError::Permanent(text.into())),
        }
    }

    /// The child's copy of the function, on a Python thread of the child.
    fn for_child(&self) -> Option<SinkFactory> {
        let target = self.target.clone();
        Some(Box::new(move || Box::new(PySink { target: target.clone(), desk: Arc::default() })))
    }
}

impl Drop for PySink {
    fn drop(&mut self) {
        self.desk.end();
    }
}
