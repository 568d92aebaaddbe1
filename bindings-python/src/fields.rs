//! Keyword arguments to an event: one table of names for the five classes and for `verify`.

use std::time::Duration;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString};
use veribus_core::{
    Actor, Attributes, EventError, EventId, EventKind, Family, Outcome, Severity, Target, Text, Timestamp,
    VerificationEvent,
};

use crate::error::{self, Kind};
use crate::trace;
use crate::value::{self, owned};

/// The fields of every event, in the order in which an event is shown.
pub(crate) const COMMON: [&str; 13] = [
    "outcome",
    "severity",
    "reason",
    "actor",
    "source_ip",
    "source_port",
    "source_host",
    "target",
    "target_kind",
    "trace",
    "duration",
    "time",
    "attributes",
];

/// The fields of a family beside the common ones.
pub(crate) const fn of_family(family: Family) -> &'static [&'static str] {
    match family {
        Family::Authentication => &["method", "credential"],
        Family::Authorization => &["permission", "policy"],
        Family::Configuration => &["setting", "old_value", "new_value"],
        Family::Performance => &["value", "unit", "count", "errors"],
        Family::Security => &["technique", "rule", "score"],
        _ => &[],
    }
}

/// An event with nothing in it but its name and the severity of its family.
pub(crate) fn bare(family: Family, action: &Bound<'_, PyAny>) -> PyResult<VerificationEvent> {
    let name = value::text(action, &"action")?;
    let kind = EventKind::empty(family);
    let mut event = VerificationEvent::bare(EventId::from_bits(0), Timestamp::default(), kind, name)
        .map_err(|found| error::event(action.py(), &found))?;
    event.severity = default_severity(family);
    Ok(event)
}

/// What an event of this family is unless it says more; as the core's builders have it.
pub(crate) const fn default_severity(family: Family) -> Severity {
    match family {
        Family::Configuration => Severity::Low,
        Family::Security => Severity::Medium,
        _ => Severity::Informational,
    }
}

/// An event that is changed field by field.
pub(crate) struct Build {
    pub(crate) event: VerificationEvent,
    /// It has a time of its own.
    pub(crate) timed: bool,
    target_kind: Option<Text>,
}

impl Build {
    pub(crate) fn new(event: VerificationEvent, timed: bool) -> Self {
        Build { event, timed, target_kind: None }
    }

    /// Sets every given field; `None` counts as not given.
    pub(crate) fn set_all(&mut self, fields: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let Some(fields) = fields else { return Ok(()) };
        for (name, value) in fields {
            let name = name.cast_into::<PyString>()?;
            self.set(name.to_str()?, &value)?;
        }
        self.settle();
        Ok(())
    }

    /// Puts what waits for another field into its place: the kind of a target is kept beside a target only.
    pub(crate) fn settle(&mut self) {
        if let (Some(kind), Some(target)) = (self.target_kind.take(), &mut self.event.target) {
            target.kind = Some(kind);
        }
    }

    /// Sets who or whence where the caller said neither; `None` says nothing.
    pub(crate) fn set_if_unset(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let actor = self.event.actor.as_ref();
        let known = match name {
            "actor" => actor.is_some_and(|actor| actor.name.is_some()),
            _ => actor.is_some_and(|actor| actor.ip.is_some()),
        };
        if known || value.is_none() { Ok(()) } else { self.set(name, value) }
    }

    /// Takes a field out.
    pub(crate) fn clear(&mut self, name: &str) -> PyResult<()> {
        let event = &mut self.event;
        let mut actor = event.actor.take().unwrap_or_default();
        match name {
            "outcome" => event.outcome = Outcome::Unknown,
            "severity" => event.severity = default_severity(event.family()),
            "reason" => event.reason = None,
            "actor" => actor.name = None,
            "source_ip" => actor.ip = None,
            "source_port" => actor.port = None,
            "source_host" => actor.host = None,
            "target" => event.target = None,
            "target_kind" => event.target.iter_mut().for_each(|target| target.kind = None),
            "trace" => event.trace = None,
            "duration" => event.duration = None,
            "time" => (event.time, self.timed) = (Timestamp::default(), false),
            "attributes" => event.attributes = Attributes::new(),
            _ => clear_payload(&mut event.kind, name)?,
        }
        self.event.actor = (!actor.is_empty()).then_some(actor);
        Ok(())
    }

    /// The event, if it breaks no limit.
    pub(crate) fn finish(self, py: Python<'_>) -> PyResult<(VerificationEvent, bool)> {
        self.event.check().map_err(|found| error::event(py, &found))?;
        Ok((self.event, self.timed))
    }

    fn actor(&mut self) -> &mut Actor {
        self.event.actor.get_or_insert_default()
    }

    pub(crate) fn set(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let event = &mut self.event;
        if value.is_none() {
            return if is_field(event.family(), name) {
                Ok(())
            } else {
                Err(unexpected(event.family(), name))
            };
        }
        match name {
            "outcome" => event.outcome = outcome(value)?,
            "severity" => event.severity = severity(value)?,
            "reason" => event.reason = Some(owned(value, &"reason")?),
            "actor" => self.actor().name = Some(owned(value, &"actor")?),
            "source_ip" => self.actor().ip = Some(value::address(value, &"source_ip")?),
            "source_port" => self.actor().port = Some(small(value, &"source_port", "0 to 65535")?),
            "source_host" => self.actor().host = Some(owned(value, &"source_host")?),
            "target" => event.target.get_or_insert_with(Target::default).name = owned(value, &"target")?,
            "target_kind" => self.target_kind = Some(owned(value, &"target_kind")?),
            "trace" => event.trace = Some(trace::given(value)?),
            "duration" => event.duration = Some(duration(value)?),
            "time" => (event.time, self.timed) = (time(value)?, true),
            "attributes" => event.attributes = value::attributes(value)?,
            _ => set_payload(&mut event.kind, name, value)?,
        }
        Ok(())
    }
}

fn set_payload(kind: &mut EventKind, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let text = || owned(value, &name).map(Some);
    match (kind, name) {
        (EventKind::Authentication(p), "method") => p.method = text()?,
        (EventKind::Authentication(p), "credential") => p.credential = text()?,
        (EventKind::Authorization(p), "permission") => p.permission = text()?,
        (EventKind::Authorization(p), "policy") => p.policy = text()?,
        (EventKind::Configuration(p), "setting") => p.setting = text()?,
        (EventKind::Configuration(p), "old_value") => p.old_value = text()?,
        (EventKind::Configuration(p), "new_value") => p.new_value = text()?,
        (EventKind::Performance(p), "value") => p.value = Some(number(value, &name)? + 0.0),
        (EventKind::Performance(p), "unit") => p.unit = text()?,
        (EventKind::Performance(p), "count") => p.count = Some(value::unsigned(value, &name)?),
        (EventKind::Performance(p), "errors") => p.errors = Some(value::unsigned(value, &name)?),
        (EventKind::Security(p), "technique") => p.technique = text()?,
        (EventKind::Security(p), "rule") => p.rule = text()?,
        (EventKind::Security(p), "score") => p.score = Some(small(value, &name, "0 to 100")?),
        (kind, _) => return Err(unexpected(kind.family(), name)),
    }
    Ok(())
}

fn clear_payload(kind: &mut EventKind, name: &str) -> PyResult<()> {
    match (kind, name) {
        (EventKind::Authentication(p), "method") => p.method = None,
        (EventKind::Authentication(p), "credential") => p.credential = None,
        (EventKind::Authorization(p), "permission") => p.permission = None,
        (EventKind::Authorization(p), "policy") => p.policy = None,
        (EventKind::Configuration(p), "setting") => p.setting = None,
        (EventKind::Configuration(p), "old_value") => p.old_value = None,
        (EventKind::Configuration(p), "new_value") => p.new_value = None,
        (EventKind::Performance(p), "value") => p.value = None,
        (EventKind::Performance(p), "unit") => p.unit = None,
        (EventKind::Performance(p), "count") => p.count = None,
        (EventKind::Performance(p), "errors") => p.errors = None,
        (EventKind::Security(p), "technique") => p.technique = None,
        (EventKind::Security(p), "rule") => p.rule = None,
        (EventKind::Security(p), "score") => p.score = None,
        (kind, _) => return Err(unexpected(kind.family(), name)),
    }
    Ok(())
}

fn is_field(family: Family, name: &str) -> bool {
    COMMON.contains(&name) || of_family(family).contains(&name)
}

#[cold]
pub(crate) fn unexpected(family: Family, name: &str) -> PyErr {
    let known = COMMON.iter().chain(of_family(family)).copied().collect::<Vec<_>>().join(", ");
    let message = format!(
        "an event of family {family} has no field '{}'; it has {known}. Put everything else into `attributes`",
        name.escape_debug()
    );
    PyTypeError::new_err(message)
}

/// `"failure"` and its sisters.
pub(crate) fn outcome(value: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let text = value::text(value, &"outcome")?;
    text.parse().map_err(|found| error::event(value.py(), &found))
}

/// A severity by name or by OCSF's number.
pub(crate) fn severity(value: &Bound<'_, PyAny>) -> PyResult<Severity> {
    let refused = |found: EventError| error::event(value.py(), &found);
    match value.cast::<PyInt>() {
        Ok(number) => match number.extract().ok().and_then(Severity::from_id) {
            Some(severity) => Ok(severity),
            None => number.str()?.to_str()?.parse().map_err(refused),
        },
        Err(_) => value::text(value, &"severity")?.parse().map_err(refused),
    }
}

/// A family by name.
pub(crate) fn family(py: Python<'_>, name: &str) -> PyResult<Family> {
    Family::from_name(name).ok_or_else(|| {
        let known = Family::KNOWN.map(Family::as_str).join(", ");
        let message = format!("kind `{}` is not known; one of {known}", name.escape_debug());
        error::error(py, Kind::Event, "EVT_KIND_INVALID", message)
    })
}

pub(crate) fn small<T: TryFrom<u64>>(
    value: &Bound<'_, PyAny>,
    path: &dyn std::fmt::Display,
    allowed: &'static str,
) -> PyResult<T> {
    let range = || error::event(value.py(), &EventError::NumberRange { field: path.to_string(), allowed });
    T::try_from(value::unsigned(value, path)?).map_err(|_| range())
}

pub(crate) fn number(value: &Bound<'_, PyAny>, path: &dyn std::fmt::Display) -> PyResult<f64> {
    match (value.cast::<PyFloat>(), value.cast::<PyInt>()) {
        (Ok(number), _) => Ok(number.value()),
        (_, Ok(number)) => number.extract().map_err(|_| {
            let field = path.to_string();
            error::event(value.py(), &EventError::NumberNotFinite { field })
        }),
        _ => Err(value::unsupported(value, path, "a number")),
    }
}

/// Seconds as a number, or a `timedelta`.
pub(crate) fn duration(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let py = value.py();
    let range = || {
        let allowed = "a duration is not negative and below 584 years";
        error::event(py, &EventError::NumberRange { field: "duration".to_owned(), allowed })
    };
    if value.hasattr("total_seconds")? {
        let part = |name: &str| value.getattr(name)?.extract::<i64>();
        let micros = (part("days")? * 86_400 + part("seconds")?) as i128 * 1_000_000
            + i128::from(part("microseconds")?);
        let nanos = micros.checked_mul(1000).and_then(|nanos| u64::try_from(nanos).ok()).ok_or_else(range)?;
        return Ok(Duration::from_nanos(nanos));
    }
    let seconds = number(value, &"duration")?;
    if !seconds.is_finite() {
        return Err(error::event(py, &EventError::NumberNotFinite { field: "duration".to_owned() }));
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|d| d.as_nanos() <= u64::MAX.into()).ok_or_else(range)
}

/// A `datetime` with a zone, or RFC 3339.
pub(crate) fn time(value: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let shown = match value.cast::<PyString>() {
        Ok(text) => text.clone().into_any(),
        Err(_) if value.hasattr("isoformat")? => value.call_method0("isoformat")?,
        Err(_) => {
            return Err(value::unsupported(value, &"time", "a `datetime` with a zone, or RFC 3339 text"));
        }
    };
    let text = value::text(&shown, &"time")?;
    text.parse().map_err(|found| error::event(value.py(), &found))
}
