//! The event: a fixed core, open attributes, identity by sequence.

mod attributes;
mod builder;
pub(crate) mod check;
pub(crate) mod draft;
mod entity;
pub(crate) mod error;
pub(crate) mod given;
mod id;
mod kind;
pub mod limits;
mod name;
mod outcome;
mod severity;
mod source;
mod text;
mod time;
mod value;

use std::time::Duration;

pub use attributes::Attributes;
pub use builder::{EventDraft, authentication, authorization, configuration, family, performance, security};
pub use draft::Draft;
pub use entity::{Actor, Target};
pub use error::EventError;
pub use id::{EventId, InstanceId};
pub use kind::{
    Authentication, Authorization, Configuration, EventKind, Extra, Family, Performance, Security,
    UnknownKind,
};
pub use name::Name;
pub use outcome::Outcome;
pub use severity::Severity;
pub use source::Source;
pub use text::Text;
pub(crate) use time::PAIRS;
pub use time::Timestamp;
pub use value::{Value, ValueRef};

use crate::trace::TraceContext;

/// One verification that happened: what handlers, the wire and the collector see.
///
/// Made by the bus from a published [`EventDraft`], or by a decoder. The limits of [`limits`] hold for every
/// one of them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VerificationEvent {
    /// Identity and place in its lane; unique.
    pub id: EventId,
    /// Wall-clock time, UTC.
    pub time: Timestamp,
    /// The family and its payload.
    pub kind: EventKind,
    /// Name of what was verified: `login`, `jwt.signature`; 1 to 128 of `a-z 0-9 _ - .`.
    pub action: Text,
    /// How bad it is.
    pub severity: Severity,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, where that is known: `bad_password`.
    pub reason: Option<Text>,
    /// Who acted.
    pub actor: Option<Actor>,
    /// On what.
    pub target: Option<Target>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// How long the verification took.
    pub duration: Option<Duration>,
    /// The open part.
    pub attributes: Attributes,
    /// Fields that a newer sender knows and this version does not, as they came.
    pub extra: Extra,
}

impl VerificationEvent {
    /// A bare event: everything that is not given here is absent, unknown or the family's default. What
    /// decoders begin with; to publish, begin with [`VerificationEvent::authentication`] and its sisters.
    ///
    /// # Errors
    /// [`EventError::TypeEmpty`] or [`EventError::TypeInvalid`] for `action`.
    pub fn bare(id: EventId, time: Timestamp, kind: EventKind, action: &str) -> Result<Self, EventError> {
        check::check_action(action)?;
        Ok(VerificationEvent {
            id,
            time,
            kind,
            action: action.into(),
            severity: Severity::default(),
            outcome: Outcome::default(),
            reason: None,
            actor: None,
            target: None,
            trace: None,
            duration: None,
            attributes: Attributes::new(),
            extra: Extra::new(),
        })
    }

    /// The family of [`VerificationEvent::kind`].
    #[inline]
    pub fn family(&self) -> Family {
        self.kind.family()
    }

    /// Checks every limit of [`limits`]; decoders call this once, at the edge.
    ///
    /// # Errors
    /// As [`Draft::check`].
    pub fn check(&self) -> Result<(), EventError> {
        Draft::from(self).check()
    }
}
