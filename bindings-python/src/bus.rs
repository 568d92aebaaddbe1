//! The bus: convert, call, convert.

use std::ops::Deref;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use veribus_core::{Draft, Family, Receipt, Redactor, Source, VerificationEventBus, WhenFull};

use crate::error::{self, Kind};
use crate::event::PyEvent;
use crate::given::{self, Argument, Given};
use crate::receipt::PyReceipt;
use crate::verification::PyVerification;
use crate::{fields, gate, handler, health, trace};

/// Longest deadline that is taken, in seconds: a day.
const DEADLINE_MAX: f64 = 86_400.0;

/// The native half of `veribus.VerificationEventBus`.
#[pyclass(name = "Bus", module = "veribus._veribus", frozen, subclass, weakref)]
pub(crate) struct PyBus {
    pub(crate) bus: Kept,
    /// A publish may wait for room.
    waits: bool,
}

/// A bus that is let go outside of the interpreter: its last owner drains it, and its handlers may need the interpreter
/// for that.
pub(crate) struct Kept(Option<VerificationEventBus>);

impl Deref for Kept {
    type Target = VerificationEventBus;

    #[inline]
    fn deref(&self) -> &VerificationEventBus {
        self.0.as_ref().expect("only drop takes it out")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut bus = self.0.take();
        Python::try_attach(|py| gate::detached(py, || drop(bus.take())));
    }
}

/// A deadline in seconds: zero does not wait, a day is the most.
pub(crate) fn deadline(py: Python<'_>, seconds: f64) -> PyResult<Duration> {
    if !(0.0..=f64::INFINITY).contains(&seconds) {
        let message =
            format!("a deadline of {seconds} s is not allowed; use 0 (do not wait) to {DEADLINE_MAX} s");
        return Err(error::error(py, Kind::Config, "CFG_VALUE_RANGE", message));
    }
    Ok(Duration::from_secs_f64(seconds.min(DEADLINE_MAX)))
}

/// A time in seconds, from 0 to as long as anybody likes.
pub(crate) fn span(py: Python<'_>, seconds: f64) -> PyResult<Duration> {
    deadline(py, seconds)?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

impl PyBus {
    /// Publishes in the trace that the caller works in, unless the event has one of its own.
    #[inline]
    pub(crate) fn hand_over(&self, py: Python<'_>, draft: &Draft<'_>, has_trace: bool) -> Receipt {
        let ambient = if has_trace { None } else { trace::ambient(py) };
        let send = || match ambient {
            Some(trace) => trace.in_scope(|| self.bus.publish(draft)),
            None => self.bus.publish(draft),
        };
        // Copying an event is shorter than giving the interpreter back; waiting for room is not.
        if self.waits { gate::detached(py, send) } else { send() }
    }
}

#[pymethods]
impl PyBus {
    #[new]
    #[pyo3(signature = (
        capacity=1000, *, service="unnamed", instance=None, host=None, environment=None, network=None,
        block=None, handler_queue=8192, redact=None, redaction=true
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        capacity: i64,
        service: &str,
        instance: Option<&str>,
        host: Option<&str>,
        environment: Option<&str>,
        network: Option<&str>,
        block: Option<f64>,
        handler_queue: i64,
        redact: Option<Vec<String>>,
        redaction: bool,
    ) -> PyResult<Self> {
        let positive = |name: &str, number: i64| {
            usize::try_from(number).ok().filter(|n| (1..=1 << 30).contains(n)).ok_or_else(|| {
                let message = format!("`{name}` is {number}; use 1 to {}", 1 << 30);
                error::error(py, Kind::Config, "CFG_VALUE_RANGE", message)
            })
        };
        let mut source = Source::new(service);
        source.sdk = Some("veribus-python".into());
        (source.instance, source.host) = (instance.map(Into::into), host.map(Into::into));
        (source.environment, source.network) = (environment.map(Into::into), network.map(Into::into));
        let redactor =
            redact.unwrap_or_default().iter().fold(Redactor::builder(), |rules, name| rules.name(name));
        let mut builder = VerificationEventBus::builder()
            .capacity(positive("capacity", capacity)?)
            .handler_queue(positive("handler_queue", handler_queue)?)
            .redactor(if redaction { redactor.build() } else { Redactor::none() })
            .source(source);
        if let Some(seconds) = block {
            builder = builder.when_full(WhenFull::Block { timeout: deadline(py, seconds)? });
        }
        let bus = Kept(Some(builder.build()));
        Ok(PyBus { bus, waits: block.is_some() })
    }

    /// Hands an event over. Never blocks (but see `block`), never raises for what the bus does with it.
    fn publish(&self, py: Python<'_>, event: &Bound<'_, PyEvent>) -> PyReceipt {
        let event = event.get();
        self.hand_over(py, &event.draft(), event.event.trace.is_some()).into()
    }

    /// Builds an event and publishes it, in one call.
    #[pyo3(signature = (
        action, *, kind="authentication", outcome=None, actor=None, source_ip=None, target=None, reason=None, method=None,
        attributes=None, severity=None, source_port=None, source_host=None, target_kind=None, trace=None,
        duration=None, time=None, credential=None, permission=None, policy=None, setting=None, old_value=None,
        new_value=None, value=None, unit=None, count=None, errors=None, technique=None, rule=None, score=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn record<'py>(
        &self,
        action: &Bound<'py, PyAny>,
        kind: &str,
        outcome: Argument<'_, 'py>,
        actor: Argument<'_, 'py>,
        source_ip: Argument<'_, 'py>,
        target: Argument<'_, 'py>,
        reason: Argument<'_, 'py>,
        method: Argument<'_, 'py>,
        attributes: Argument<'_, 'py>,
        severity: Argument<'_, 'py>,
        source_port: Argument<'_, 'py>,
        source_host: Argument<'_, 'py>,
        target_kind: Argument<'_, 'py>,
        trace: Argument<'_, 'py>,
        duration: Argument<'_, 'py>,
        time: Argument<'_, 'py>,
        credential: Argument<'_, 'py>,
        permission: Argument<'_, 'py>,
        policy: Argument<'_, 'py>,
        setting: Argument<'_, 'py>,
        old_value: Argument<'_, 'py>,
        new_value: Argument<'_, 'py>,
        value: Argument<'_, 'py>,
        unit: Argument<'_, 'py>,
        count: Argument<'_, 'py>,
        errors: Argument<'_, 'py>,
        technique: Argument<'_, 'py>,
        rule: Argument<'_, 'py>,
        score: Argument<'_, 'py>,
    ) -> PyResult<PyReceipt> {
        let family = fields::family(action.py(), kind)?;
        let common = [
            outcome,
            severity,
            reason,
            actor,
            source_ip,
            source_port,
            source_host,
            target,
            target_kind,
            trace,
            duration,
            time,
            attributes,
        ];
        let payloads = [
            (Family::Authentication, [method, credential, None, None]),
            (Family::Authorization, [permission, policy, None, None]),
            (Family::Configuration, [setting, old_value, new_value, None]),
            (Family::Performance, [value, unit, count, errors]),
            (Family::Security, [technique, rule, score, None]),
        ];
        let own = given::own(family, &payloads)?;
        Given { family, action, common, own }.publish(self)
    }

    /// Publishes, and waits until every durable handler has synced the event.
    #[pyo3(signature = (event, timeout=0.25))]
    fn publish_confirmed(
        &self,
        py: Python<'_>,
        event: &Bound<'_, PyEvent>,
        timeout: f64,
    ) -> PyResult<PyReceipt> {
        let patience = deadline(py, timeout)?;
        let event = event.get();
        let draft = event.draft();
        let ambient = if event.event.trace.is_some() { None } else { trace::ambient(py) };
        let confirmed = gate::detached(py, || {
            let _scope = ambient.map(veribus_core::TraceContext::enter);
            self.bus.publish_confirmed(draft, patience)
        });
        confirmed.map(PyReceipt::accepted).map_err(|found| error::confirm(py, &found))
    }

    /// Begins a verification that times and records itself.
    #[pyo3(signature = (action, *, kind="authentication", **fields))]
    fn verify<'py>(
        slf: &Bound<'py, Self>,
        action: &Bound<'py, PyAny>,
        kind: &str,
        fields: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<PyVerification> {
        let family = fields::family(slf.py(), kind)?;
        PyVerification::new(slf.clone().unbind(), family, action, fields)
    }

    /// Adds a handler, for the events published from now on; answers the name it got.
    #[pyo3(signature = (handler, *, name=None, kinds=None, at_least=None, durable=None))]
    fn register_handler(
        slf: &Bound<'_, Self>,
        handler: &Bound<'_, PyAny>,
        name: Option<&str>,
        kinds: Option<Vec<String>>,
        at_least: Option<&Bound<'_, PyAny>>,
        durable: Option<bool>,
    ) -> PyResult<handler::PyHandlerId> {
        let wanted = handler::Wanted { name, kinds, at_least, durable };
        handler::register(slf.get(), handler, &wanted)
    }

    /// Takes a handler out after it was given what was published so far; whether it was there.
    fn unregister_handler(&self, py: Python<'_>, handler: &Bound<'_, handler::PyHandlerId>) -> bool {
        let id = handler.get().id;
        gate::detached(py, || self.bus.unregister_handler(id))
    }

    /// The ledger now.
    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let found = gate::detached(py, || self.bus.health());
        health::health(py, &found)
    }

    /// Waits until all that was published before is handled and flushed; whether it was.
    #[pyo3(signature = (timeout=1.0))]
    fn flush(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        let patience = deadline(py, timeout)?;
        Ok(gate::detached(py, || self.bus.flush(patience)))
    }

    /// Stops the bus within the deadline and says what it left behind.
    #[pyo3(signature = (timeout=2.0))]
    fn close<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Bound<'py, PyAny>> {
        let patience = deadline(py, timeout)?;
        let report = gate::detached(py, || self.bus.close(patience));
        health::report(py, &report)
    }

    /// What gives events their identity; another one after a fork.
    #[getter]
    fn instance_id(&self) -> String {
        self.bus.instance().to_string()
    }

    #[getter]
    fn service(&self) -> &str {
        &self.bus.source().service
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let found = gate::detached(py, || self.bus.health());
        let handlers: Vec<_> = found.handlers.iter().map(|handler| handler.name.as_str()).collect();
        let state = if found.closed { "closed, " } else { "" };
        format!(
            "<VerificationEventBus '{}' {state}{} accepted, {} dropped, handlers: {}>",
            self.service().escape_debug(),
            found.accepted,
            found.dropped.total(),
            if handlers.is_empty() { "none".to_owned() } else { handlers.join(", ") },
        )
    }
}
