//! Errors as JavaScript gets them: a message, and the stable code as `code`; `ts/errors.ts` makes the classes.

use veribus_core::{CodecError, ConfirmError, EventError, LossReason};

/// An error of ours: its status is the stable code.
pub(crate) type Fault = napi::Error<String>;

/// What a call answers that may fail.
pub(crate) type Result<T, E = Fault> = std::result::Result<T, E>;

/// An error with this stable code.
pub(crate) fn fault(code: &str, message: impl ToString) -> Fault {
    Fault::new(code.to_owned(), message.to_string())
}

/// An event that cannot be accepted.
pub(crate) fn event(found: &EventError) -> Fault {
    fault(found.code(), describe(found))
}

/// Bytes that are no event or batch; the path and the byte stand behind a line break, for `ts/errors.ts`.
pub(crate) fn codec(found: &CodecError) -> Fault {
    fault(found.code(), format!("{found}\n{}\n{}", found.path(), found.offset()))
}

/// An event that could not be confirmed.
pub(crate) fn confirm(found: &ConfirmError) -> Fault {
    let code = match found {
        ConfirmError::Rejected(invalid) => return event(invalid),
        ConfirmError::NoDurableHandler => "BUS_NO_DURABLE_HANDLER",
        ConfirmError::Dropped(LossReason::Closed) => "BUS_CLOSED",
        ConfirmError::Dropped(_) => "BUS_DROPPED",
        ConfirmError::TimedOut { .. } => "BUS_TIMED_OUT",
        _ => "BUS_NOT_DURABLE",
    };
    fault(code, describe(found))
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
