//! What went wrong on the way, and whether to try again.

use std::error::Error;
use std::time::Duration;

/// A parcel or a connection failed. Texts carry no user names, passwords or tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The other end cannot be reached, or the connection broke.
    #[error("cannot reach {destination}")]
    Unreachable {
        /// Where to.
        destination: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The other end did not answer in time.
    #[error("{destination} did not answer within {waited:?}")]
    TimedOut {
        /// Where to.
        destination: String,
        /// How long it was given.
        waited: Duration,
    },
    /// The other end is there and asks for patience: overloaded, full, not ready.
    #[error("{destination} asks to wait: {reason}")]
    Busy {
        /// Where to.
        destination: String,
        /// In its words, escaped.
        reason: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// It refuses us: credentials, certificate, permissions. Trying again without a change will not help, but the
    /// change may be made on the other side.
    #[error("{destination} refuses this sender: {reason}")]
    Unauthorized {
        /// Where to.
        destination: String,
        /// In its words, escaped.
        reason: String,
    },
    /// It will never take this parcel: too large, or not what it expects.
    #[error("{destination} refuses the parcel: {reason}")]
    Refused {
        /// Where to.
        destination: String,
        /// In its words, escaped.
        reason: String,
    },
    /// The other end is set up in a way that would lose events; `hint` says what to change.
    #[error("{destination} is set up unsafely: {reason}; {hint}")]
    Unsafe {
        /// Where to.
        destination: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// An address, option or file of the configuration cannot be used.
    #[error("cannot use `{setting}`: {reason}")]
    Configuration {
        /// Which setting, its secret parts replaced.
        setting: String,
        /// What is wrong with it and what is allowed.
        reason: String,
    },
    /// The transport was closed.
    #[error("the transport is closed")]
    Closed,
}

impl TransportError {
    /// A stable name for logs and metrics: `UNREACHABLE`, `TIMED_OUT`, …
    pub const fn code(&self) -> &'static str {
        match self {
            TransportError::Unreachable { .. } => "UNREACHABLE",
            TransportError::TimedOut { .. } => "TIMED_OUT",
            TransportError::Busy { .. } => "BUSY",
            TransportError::Unauthorized { .. } => "UNAUTHORIZED",
            TransportError::Refused { .. } => "REFUSED",
            TransportError::Unsafe { .. } => "UNSAFE",
            TransportError::Configuration { .. } => "CONFIGURATION",
            TransportError::Closed => "CLOSED",
        }
    }

    /// Whether the same parcel may go through later; all others need a change by a person, or a smaller parcel.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            TransportError::Unreachable { .. }
                | TransportError::TimedOut { .. }
                | TransportError::Busy { .. }
                | TransportError::Unauthorized { .. }
                | TransportError::Unsafe { .. }
        )
    }

    /// How long the other end asks to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            TransportError::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
