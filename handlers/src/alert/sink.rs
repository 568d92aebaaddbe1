//! Where alerts go.

use std::error::Error;
use std::time::Duration;

use super::message::Alert;

/// Takes alerts, one at a time, on the handler's thread.
///
/// It may block (its handler's queue fills meanwhile, nobody else notices), but not for ever: give whatever it
/// waits for a limit.
pub trait AlertSink: Send {
    /// A short name for errors: `stdout`, `webhook`.
    fn name(&self) -> &str;

    /// Delivers one alert.
    ///
    /// # Errors
    /// [`SinkError::Retry`] to be given the alert again after a pause, at most 8 times;
    /// [`SinkError::Permanent`] if that would not help.
    fn deliver(&mut self, alert: &Alert) -> Result<(), SinkError>;

    /// How to make this sink again in a forked child (asked at registration); without it the handler is not made again
    /// there.
    fn for_child(&self) -> Option<SinkFactory> {
        None
    }
}

/// Makes a sink again, in a forked child.
pub type SinkFactory = Box<dyn Fn() -> Box<dyn AlertSink> + Send + Sync>;

/// A sink could not deliver an alert.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// It may work later.
    #[error("alert not delivered yet")]
    Retry {
        /// How long the receiver asks to wait; a growing pause unless it does.
        after: Option<Duration>,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It will not work.
    #[error("alert cannot be delivered")]
    Permanent(#[source] Box<dyn Error + Send + Sync>),
}
