//! Each kind of error is one exception of `veribus.errors`, with the stable code of the kind.

use pyo3::prelude::*;
use veribus_core::{CodecError, ConfirmError, EventError, LossReason, TraceError};

/// The kinds, by the names of their classes.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Event,
    Codec,
    Trace,
    Config,
    Handler,
    Audit,
    Forward,
    Closed,
    Dropped,
    NoDurableHandler,
    NotConfirmed,
    NotDurable,
}

/// Their classes, in the same order.
const CLASSES: [&str; 12] = [
    "EventError",
    "CodecError",
    "TraceError",
    "ConfigError",
    "HandlerError",
    "AuditError",
    "ForwardError",
    "ClosedError",
    "DroppedError",
    "NoDurableHandlerError",
    "NotConfirmedError",
    "NotDurableError",
];

/// The exception of this kind, with its stable code.
pub(crate) fn error(py: Python<'_>, kind: Kind, code: &str, message: impl ToString) -> PyErr {
    let class = || py.import("veribus.errors")?.getattr(CLASSES[kind as usize]);
    let made = class().and_then(|class| class.call1((message.to_string(), code)));
    made.map_or_else(|failure| failure, PyErr::from_value)
}

/// An event that cannot be accepted.
pub(crate) fn event(py: Python<'_>, found: &EventError) -> PyErr {
    error(py, Kind::Event, found.code(), describe(found))
}

/// Bytes that are no event or batch.
pub(crate) fn codec(py: Python<'_>, found: &CodecError) -> PyErr {
    let made = error(py, Kind::Codec, found.code(), found);
    let value = made.value(py);
    let set = value.setattr("path", found.path()).and_then(|()| value.setattr("offset", found.offset()));
    set.err().unwrap_or(made)
}

/// A header that is no trace context.
pub(crate) fn trace(py: Python<'_>, found: TraceError) -> PyErr {
    error(py, Kind::Trace, "EVT_TRACE_INVALID", found)
}

/// An event that could not be confirmed.
pub(crate) fn confirm(py: Python<'_>, found: &ConfirmError) -> PyErr {
    let (kind, code) = match found {
        ConfirmError::Rejected(invalid) => return event(py, invalid),
        ConfirmError::NoDurableHandler => (Kind::NoDurableHandler, "BUS_NO_DURABLE_HANDLER"),
        ConfirmError::Dropped(LossReason::Closed) => (Kind::Closed, "BUS_CLOSED"),
        ConfirmError::Dropped(_) => (Kind::Dropped, "BUS_DROPPED"),
        ConfirmError::TimedOut { .. } => (Kind::NotConfirmed, "BUS_TIMED_OUT"),
        _ => (Kind::NotDurable, "BUS_NOT_DURABLE"),
    };
    error(py, kind, code, describe(found))
}

/// An error and its causes in one line.
pub(crate) fn describe(found: &dyn std::error::Error) -> String {
    let mut text = found.to_string();
    let mut cause = found.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
