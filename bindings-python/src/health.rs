//! The ledger as dataclasses of `veribus.health`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use veribus_core::transport::Confirms;
use veribus_core::{BusHealth, CloseReport, HandlerHealth, Losses};
use veribus_handlers::ForwardHealth;
use veribus_handlers::forward::{Breaker, SpoolHealth, SpoolState};

fn losses<'py>(py: Python<'py>, losses: &Losses) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    losses.iter().try_for_each(|(reason, count)| dict.set_item(reason.as_str(), count))?;
    Ok(dict)
}

fn made<'py>(py: Python<'py>, class: &str, fields: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
    py.import("veribus.health")?.getattr(class)?.call((), Some(fields))
}

fn of_handler<'py>(py: Python<'py>, health: &HandlerHealth) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("name", &health.name)?;
    fields.set_item("state", health.state.as_str())?;
    let counts = [
        ("accepted", health.accepted),
        ("filtered", health.filtered),
        ("handled", health.handled),
        ("queued", health.queued),
        ("failures", health.failures),
        ("panics", health.panics),
    ];
    counts.iter().try_for_each(|(name, count)| fields.set_item(name, count))?;
    fields.set_item("lost", losses(py, &health.lost)?)?;
    fields.set_item("last_error", health.last_error.as_deref())?;
    fields.set_item("busy_seconds", health.busy_seconds)?;
    made(py, "HandlerHealth", &fields)
}

/// `BusHealth`
pub(crate) fn health<'py>(py: Python<'py>, health: &BusHealth) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("instance", health.instance.to_string())?;
    let counts = [
        ("attempted", health.attempted),
        ("accepted", health.accepted),
        ("rejected", health.rejected),
        ("returned", health.returned),
        ("redacted", health.redacted),
        ("lanes", health.lanes as u64),
        ("ring_bytes", health.ring_bytes as u64),
    ];
    counts.iter().try_for_each(|(name, count)| fields.set_item(name, count))?;
    fields.set_item("dropped", losses(py, &health.dropped)?)?;
    fields.set_item("closed", health.closed)?;
    let handlers =
        health.handlers.iter().map(|handler| of_handler(py, handler)).collect::<PyResult<Vec<_>>>()?;
    fields.set_item("handlers", handlers)?;
    made(py, "BusHealth", &fields)
}

/// `ForwardHealth`; before it was registered, all that is known is where it will send to.
pub(crate) fn forwarder<'py>(
    py: Python<'py>,
    destination: &str,
    health: &ForwardHealth,
) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("destination", destination)?;
    let confirms = health.confirms.map(|confirms| match confirms {
        Confirms::Stored => "stored",
        Confirms::Accepted => "accepted",
    });
    fields.set_item("confirms", confirms)?;
    let counts = [
        ("taken", health.taken),
        ("in_memory", health.in_memory),
        ("in_flight", health.in_flight),
        ("receipts", health.receipts),
        ("resent", health.resent),
        ("stored", health.stored),
        ("duplicates", health.duplicates),
        ("adopted", health.adopted),
        ("damaged_bytes", health.damaged_bytes),
        ("failures", health.failures.into()),
    ];
    counts.iter().try_for_each(|(name, count)| fields.set_item(name, count))?;
    fields.set_item("lost", losses(py, &health.lost)?)?;
    fields.set_item("spool", health.spool.as_ref().map(|spool| of_spool(py, spool)).transpose()?)?;
    fields.set_item("set_aside", &health.set_aside)?;
    fields.set_item("breaker", if health.breaker == Breaker::Open { "open" } else { "closed" })?;
    fields.set_item("last_error", health.last_error.as_deref())?;
    made(py, "ForwardHealth", &fields)
}

fn of_spool<'py>(py: Python<'py>, spool: &SpoolHealth) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    let state = match spool.state {
        SpoolState::Normal => "normal",
        SpoolState::Pressure => "pressure",
        SpoolState::Full => "full",
        SpoolState::Recovering => "recovering",
    };
    fields.set_item("state", state)?;
    fields.set_item("changes", spool.changes)?;
    fields.set_item("bytes", spool.bytes)?;
    fields.set_item("bytes_max", spool.bytes_max)?;
    fields.set_item("pending", spool.pending)?;
    made(py, "SpoolHealth", &fields)
}

/// `CloseReport`
pub(crate) fn report<'py>(py: Python<'py>, report: &CloseReport) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(py);
    fields.set_item("delivered", report.delivered)?;
    fields.set_item("spooled", report.spooled)?;
    fields.set_item("dropped", losses(py, &report.dropped)?)?;
    fields.set_item("unfinished", report.unfinished.clone())?;
    fields.set_item("closing_from_handler", report.closing_from_handler)?;
    made(py, "CloseReport", &fields)
}
