//! One event put together by name: methods of another family do not exist, and nothing is allocated.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

use super::VerificationEvent;
use super::draft::{Draft, Slot};
use super::error::EventError;
use super::id::EventId;
use super::kind::Family;
use super::name::Name;
use super::outcome::Outcome;
use super::severity::Severity;
use super::time::Timestamp;
use super::value::ValueRef;
use crate::trace::TraceContext;

/// Builds one event of family `F`; begin with [`VerificationEvent::authentication`] and its sisters, or with
/// the functions of [`crate::event`].
///
/// Everything is borrowed, nothing is allocated for up to six attributes, and methods of another family do
/// not exist:
///
/// ```
/// use veribus_core::{event, Draft};
/// let draft = event::authentication("login").failure().actor("alice").method("password").reason("bad_password");
/// assert_eq!(AsRef::<Draft>::as_ref(&draft).check(), Ok(()));
/// ```
#[derive(Debug, Clone)]
#[must_use = "an event does nothing until it is published"]
pub struct EventDraft<'a, F> {
    draft: Draft<'a>,
    family: PhantomData<F>,
}

impl<'a, F> AsRef<Draft<'a>> for EventDraft<'a, F> {
    #[inline(always)]
    fn as_ref(&self) -> &Draft<'a> {
        &self.draft
    }
}

impl<'a, F> From<EventDraft<'a, F>> for Draft<'a> {
    fn from(draft: EventDraft<'a, F>) -> Self {
        draft.draft
    }
}

/// Markers for the family of an [`EventDraft`].
pub mod family {
    /// [`crate::Family::Authentication`]
    #[derive(Debug, Clone, Copy)]
    pub enum Authentication {}
    /// [`crate::Family::Authorization`]
    #[derive(Debug, Clone, Copy)]
    pub enum Authorization {}
    /// [`crate::Family::Configuration`]
    #[derive(Debug, Clone, Copy)]
    pub enum Configuration {}
    /// [`crate::Family::Performance`]
    #[derive(Debug, Clone, Copy)]
    pub enum Performance {}
    /// [`crate::Family::Security`]
    #[derive(Debug, Clone, Copy)]
    pub enum Security {}
}

/// A login, key validation or signature verification. `action` names it: `login`, `jwt.signature`.
#[inline(always)]
pub fn authentication<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Authentication> {
    EventDraft::new(Family::Authentication, Severity::Informational, action.into())
}

/// A permission check, denial or policy violation. `action` names it: `permission_check`.
#[inline(always)]
pub fn authorization<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Authorization> {
    EventDraft::new(Family::Authorization, Severity::Informational, action.into())
}

/// A policy update, configuration change or environment switch; [`Severity::Low`] unless said otherwise.
#[inline(always)]
pub fn configuration<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Configuration> {
    EventDraft::new(Family::Configuration, Severity::Low, action.into())
}

/// Verification timing, throughput or error rates.
#[inline(always)]
pub fn performance<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Performance> {
    EventDraft::new(Family::Performance, Severity::Informational, action.into())
}

/// An attack, an anomaly or a violation; [`Severity::Medium`] unless said otherwise.
#[inline(always)]
pub fn security<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Security> {
    EventDraft::new(Family::Security, Severity::Medium, action.into())
}

impl VerificationEvent {
    /// See [`authentication`].
    #[inline(always)]
    pub fn authentication<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Authentication> {
        authentication(action)
    }
    /// See [`authorization`].
    #[inline(always)]
    pub fn authorization<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Authorization> {
        authorization(action)
    }
    /// See [`configuration`].
    #[inline(always)]
    pub fn configuration<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Configuration> {
        configuration(action)
    }
    /// See [`performance`].
    #[inline(always)]
    pub fn performance<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Performance> {
        performance(action)
    }
    /// See [`security`].
    #[inline(always)]
    pub fn security<'a>(action: impl Into<Name<'a>>) -> EventDraft<'a, family::Security> {
        security(action)
    }
}

impl<'a, F> EventDraft<'a, F> {
    #[inline(always)]
    fn new(family: Family, severity: Severity, action: Name<'a>) -> Self {
        EventDraft { draft: Draft::new(family, severity, action), family: PhantomData }
    }

    #[inline(always)]
    fn set(mut self, slot: Slot, text: &'a str) -> Self {
        self.draft.set_text(slot, text);
        self
    }

    /// The check passed.
    #[inline(always)]
    pub fn success(self) -> Self {
        self.outcome(Outcome::Success)
    }

    /// The check failed.
    #[inline(always)]
    pub fn failure(self) -> Self {
        self.outcome(Outcome::Failure)
    }

    /// How the check ended; [`Outcome::Unknown`] unless said.
    #[inline(always)]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.draft.outcome = outcome;
        self
    }

    /// How bad it is; each family has its own default.
    #[inline(always)]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.draft.severity = severity;
        self
    }

    /// Why it ended so: a short code like `bad_password`, at most 256 KiB.
    #[inline(always)]
    pub fn reason(self, reason: &'a str) -> Self {
        self.set(Slot::Reason, reason)
    }

    /// Who acted: an account, service or key owner.
    #[inline(always)]
    pub fn actor(self, name: &'a str) -> Self {
        self.set(Slot::ActorName, name)
    }

    /// The address it came from.
    #[inline(always)]
    pub fn source_ip(mut self, ip: IpAddr) -> Self {
        self.draft.ip = Some(ip);
        self
    }

    /// The port it came from.
    #[inline(always)]
    pub fn source_port(mut self, port: u16) -> Self {
        self.draft.port = Some(port);
        self
    }

    /// The host it came from, where only its name is known.
    #[inline(always)]
    pub fn source_host(self, host: &'a str) -> Self {
        self.set(Slot::ActorHost, host)
    }

    /// What it was about: `orders/17`, `/admin`.
    #[inline(always)]
    pub fn target(self, name: &'a str) -> Self {
        self.set(Slot::TargetName, name)
    }

    /// What the target is: `order`, `path`. Kept only beside a [`EventDraft::target`].
    #[inline(always)]
    pub fn target_kind(self, kind: &'a str) -> Self {
        self.set(Slot::TargetKind, kind)
    }

    /// The trace it belongs to; without this the bus takes the ambient one.
    #[inline(always)]
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.draft.set_trace(trace);
        self
    }

    /// How long the check took; kept in nanoseconds, saturating at 584 years.
    #[inline(always)]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.draft.duration = Some(duration);
        self
    }

    /// When it happened, if that is not now.
    #[inline(always)]
    pub fn time(mut self, time: Timestamp) -> Self {
        self.draft.time = Some(time);
        self
    }

    /// One more attribute; six fit without an allocation, and with a constant [`Name`] this is the cheapest way. A name
    /// given twice is refused.
    #[inline(always)]
    pub fn attribute(mut self, name: impl Into<Name<'a>>, value: impl Into<ValueRef<'a>>) -> Self {
        self.draft.more.push(name.into(), value.into());
        self
    }

    /// Any number of attributes at once, by reference and without an allocation. [`EventDraft::attribute`] adds to them.
    #[inline(always)]
    pub fn attributes(mut self, attributes: &'a [(Name<'a>, ValueRef<'a>)]) -> Self {
        self.draft.attributes = attributes;
        self
    }

    /// The owned event; see [`Draft::into_event`].
    ///
    /// # Errors
    /// As [`Draft::check`].
    pub fn into_event(self, id: EventId, received: Timestamp) -> Result<VerificationEvent, EventError> {
        self.draft.into_event(id, received)
    }
}

impl<'a> EventDraft<'a, family::Authentication> {
    /// How the identity was checked: `password`, `publickey`, `jwt`.
    #[inline(always)]
    pub fn method(self, method: &'a str) -> Self {
        self.set(Slot::Payload1, method)
    }

    /// Which credential, by key id or fingerprint; never the secret.
    #[inline(always)]
    pub fn credential(self, credential: &'a str) -> Self {
        self.set(Slot::Payload2, credential)
    }
}

impl<'a> EventDraft<'a, family::Authorization> {
    /// What was asked for: `orders:write`, `GET`.
    #[inline(always)]
    pub fn permission(self, permission: &'a str) -> Self {
        self.set(Slot::Payload1, permission)
    }

    /// The policy or rule that decided.
    #[inline(always)]
    pub fn policy(self, policy: &'a str) -> Self {
        self.set(Slot::Payload2, policy)
    }
}

impl<'a> EventDraft<'a, family::Configuration> {
    /// Name of the setting, policy or environment.
    #[inline(always)]
    pub fn setting(self, setting: &'a str) -> Self {
        self.set(Slot::Payload1, setting)
    }

    /// Value before the change.
    #[inline(always)]
    pub fn old_value(self, value: &'a str) -> Self {
        self.set(Slot::Payload2, value)
    }

    /// Value after the change.
    #[inline(always)]
    pub fn new_value(self, value: &'a str) -> Self {
        self.set(Slot::Payload3, value)
    }
}

impl<'a> EventDraft<'a, family::Performance> {
    /// The measurement and its unit: `(0.25, "seconds")`. Refused if not finite.
    #[inline(always)]
    pub fn measured(mut self, value: f64, unit: &'a str) -> Self {
        self.draft.measured = Some(value + 0.0);
        self.set(Slot::Payload1, unit)
    }

    /// How many operations the measurement covers.
    #[inline(always)]
    pub fn count(mut self, operations: u64) -> Self {
        self.draft.numbers[0] = Some(operations);
        self
    }

    /// How many of them ended in an error.
    #[inline(always)]
    pub fn errors(mut self, errors: u64) -> Self {
        self.draft.numbers[1] = Some(errors);
        self
    }
}

impl<'a> EventDraft<'a, family::Security> {
    /// MITRE ATT&CK technique: `T1110.001`.
    #[inline(always)]
    pub fn technique(self, technique: &'a str) -> Self {
        self.set(Slot::Payload1, technique)
    }

    /// The rule or detector that noticed it.
    #[inline(always)]
    pub fn rule(self, rule: &'a str) -> Self {
        self.set(Slot::Payload2, rule)
    }

    /// Risk, 0 to 100; more is refused.
    #[inline(always)]
    pub fn score(mut self, score: u8) -> Self {
        self.draft.numbers[0] = Some(score.into());
        self
    }
}
