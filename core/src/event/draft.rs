//! Publishing borrows: an event on its way in holds `&str`, integers and addresses, and allocates nothing.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;

use super::VerificationEvent;
use super::attributes::Attributes;
use super::entity::{Actor, Target};
use super::error::EventError;
use super::id::EventId;
use super::kind::{EventKind, Family};
use super::outcome::Outcome;
use super::severity::Severity;
use super::text::Text;
use super::time::Timestamp;
use super::value::ValueRef;
use crate::trace::TraceContext;

/// Attributes that fit into the draft itself; more of them cost one allocation.
const INLINE_ATTRIBUTES: usize = 6;

/// An event of any family before it is published; made by an [`EventDraft`].
///
/// Borrows all its text from the caller. [`Draft::check`] answers what [`crate::VerificationEventBus::publish`] would refuse.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    pub(crate) family: Family,
    pub(crate) severity: Severity,
    pub(crate) outcome: Outcome,
    pub(crate) time: Option<Timestamp>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) duration: Option<Duration>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    /// Performance: value; the count and errors, and the security score, are in `numbers`.
    pub(crate) measured: Option<f64>,
    pub(crate) numbers: [Option<u64>; 2],
    pub(crate) texts: [Option<&'a str>; Slot::COUNT],
    pub(crate) attributes: &'a [(&'a str, ValueRef<'a>)],
    pub(crate) more: SmallVec<[(&'a str, ValueRef<'a>); INLINE_ATTRIBUTES]>,
    pub(crate) extra: Option<&'a Attributes>,
}

/// The text fields of a draft, in the order in which a record holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Slot {
    Action = 0,
    Reason,
    ActorName,
    ActorHost,
    TargetName,
    TargetKind,
    /// method, permission, setting, unit, technique, or the name of an unknown kind
    Payload1,
    /// credential, policy, old value, rule
    Payload2,
    /// new value
    Payload3,
}

impl Slot {
    pub(crate) const COUNT: usize = 9;
    pub(crate) const ALL: [Slot; Slot::COUNT] = [
        Slot::Action,
        Slot::Reason,
        Slot::ActorName,
        Slot::ActorHost,
        Slot::TargetName,
        Slot::TargetKind,
        Slot::Payload1,
        Slot::Payload2,
        Slot::Payload3,
    ];

    /// The field's name in an event of `family`, as errors and JSON call it.
    pub(crate) const fn field_name(self, family: Family) -> &'static str {
        match (self, family) {
            (Slot::Action, _) => "action",
            (Slot::Reason, _) => "reason",
            (Slot::ActorName, _) => "actor.name",
            (Slot::ActorHost, _) => "actor.host",
            (Slot::TargetName, _) => "target.name",
            (Slot::TargetKind, _) => "target.kind",
            (Slot::Payload1, Family::Authentication) => "method",
            (Slot::Payload2, Family::Authentication) => "credential",
            (Slot::Payload1, Family::Authorization) => "permission",
            (Slot::Payload2, Family::Authorization) => "policy",
            (Slot::Payload1, Family::Configuration) => "setting",
            (Slot::Payload2, Family::Configuration) => "old_value",
            (Slot::Payload3, Family::Configuration) => "new_value",
            (Slot::Payload1, Family::Performance) => "unit",
            (Slot::Payload1, Family::Security) => "technique",
            (Slot::Payload2, Family::Security) => "rule",
            (Slot::Payload1, _) => "kind",
            _ => "payload",
        }
    }
}

impl<'a> Draft<'a> {
    #[inline(always)]
    fn new(family: Family, severity: Severity, action: &'a str) -> Self {
        let mut texts = [None; Slot::COUNT];
        texts[Slot::Action as usize] = Some(action);
        Draft {
            family,
            severity,
            outcome: Outcome::Unknown,
            time: None,
            trace: None,
            duration: None,
            ip: None,
            port: None,
            measured: None,
            numbers: [None; 2],
            texts,
            attributes: &[],
            more: SmallVec::new(),
            extra: None,
        }
    }

    #[inline(always)]
    pub(crate) fn text(&self, slot: Slot) -> Option<&'a str> {
        self.texts[slot as usize]
    }

    /// Name of the event, for example `login`.
    pub fn action(&self) -> &'a str {
        self.texts[Slot::Action as usize].unwrap_or_default()
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The severity.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    pub(crate) fn set_actor(&mut self, name: &'a str) {
        self.texts[Slot::ActorName as usize] = Some(name);
    }

    pub(crate) fn set_target(&mut self, name: &'a str) {
        self.texts[Slot::TargetName as usize] = Some(name);
    }

    /// The same draft with a reason that lives shorter than its other texts.
    pub(crate) fn with_reason<'b>(self, reason: Option<&'b str>) -> Draft<'b>
    where
        'a: 'b,
    {
        // `SmallVec` is invariant in its lifetime, so the shorter draft is put together field by field.
        let Draft { family, severity, outcome, time, trace, duration, ip, port, .. } = self;
        let mut draft = Draft {
            family,
            severity,
            outcome,
            time,
            trace,
            duration,
            ip,
            port,
            measured: self.measured,
            numbers: self.numbers,
            texts: self.texts,
            attributes: self.attributes,
            more: self.more.iter().copied().collect(),
            extra: self.extra,
        };
        if reason.is_some() {
            draft.texts[Slot::Reason as usize] = reason;
        }
        draft
    }

    /// Answers what [`crate::VerificationEventBus::publish`] would refuse, without publishing.
    ///
    /// # Errors
    /// The first [`EventError`] in the order: name, texts, numbers, attributes, size.
    pub fn check(&self) -> Result<(), EventError> {
        super::check::check(self).map(drop)
    }

    /// The owned event with this identity; `received` is its time where the draft has none of its own.
    ///
    /// # Errors
    /// As [`Draft::check`].
    pub fn into_event(self, id: EventId, received: Timestamp) -> Result<VerificationEvent, EventError> {
        self.check()?;
        let text = |slot: Slot| self.text(slot).map(Text::from);
        let kind = self.owned_kind();
        let actor =
            Actor { name: text(Slot::ActorName), ip: self.ip, port: self.port, host: text(Slot::ActorHost) };
        let target = text(Slot::TargetName).map(|name| Target { name, kind: text(Slot::TargetKind) });
        let pairs = self.attributes.iter().chain(&self.more);
        Ok(VerificationEvent {
            id,
            time: self.time.unwrap_or(received),
            kind,
            action: self.action().into(),
            severity: self.severity,
            outcome: self.outcome,
            reason: text(Slot::Reason),
            actor: (!actor.is_empty()).then_some(actor),
            target,
            trace: self.trace,
            duration: self.duration,
            attributes: pairs.map(|(name, value)| (*name, value.to_value())).collect(),
            extra: self.extra.cloned().unwrap_or_default(),
        })
    }

    fn owned_kind(&self) -> EventKind {
        let text = |slot: Slot| self.text(slot).map(Text::from);
        let mut kind = match self.family {
            Family::Unknown => EventKind::from_name(self.text(Slot::Payload1).unwrap_or("unknown")),
            known => EventKind::empty(known),
        };
        kind.set_payload(
            [text(Slot::Payload1), text(Slot::Payload2), text(Slot::Payload3)],
            self.measured,
            self.numbers,
        );
        kind
    }
}

impl EventKind {
    /// Fills a payload from the slots in which drafts and records hold it.
    pub(crate) fn set_payload(
        &mut self,
        [one, two, three]: [Option<Text>; 3],
        measured: Option<f64>,
        numbers: [Option<u64>; 2],
    ) {
        match self {
            EventKind::Authentication(p) => (p.method, p.credential) = (one, two),
            EventKind::Authorization(p) => (p.permission, p.policy) = (one, two),
            EventKind::Configuration(p) => (p.setting, p.old_value, p.new_value) = (one, two, three),
            EventKind::Performance(p) => {
                (p.unit, p.value, p.count, p.errors) = (one, measured, numbers[0], numbers[1]);
            }
            EventKind::Security(p) => {
                (p.technique, p.rule) = (one, two);
                p.score = numbers[0].and_then(|n| u8::try_from(n).ok());
            }
            EventKind::Unknown(_) => {}
        }
    }
}

/// An owned event on its way back in: into a bus, through its text by reference.
impl<'a> From<&'a VerificationEvent> for Draft<'a> {
    fn from(event: &'a VerificationEvent) -> Self {
        let mut draft = Draft::new(event.kind.family(), event.severity, &event.action);
        draft.outcome = event.outcome;
        draft.time = Some(event.time);
        draft.trace = event.trace;
        draft.duration = event.duration;
        draft.extra = (!event.extra.is_empty()).then_some(&event.extra);
        draft.texts[Slot::Reason as usize] = event.reason.as_deref();
        if let Some(actor) = &event.actor {
            (draft.ip, draft.port) = (actor.ip, actor.port);
            draft.texts[Slot::ActorName as usize] = actor.name.as_deref();
            draft.texts[Slot::ActorHost as usize] = actor.host.as_deref();
        }
        if let Some(target) = &event.target {
            draft.texts[Slot::TargetName as usize] = Some(&target.name);
            draft.texts[Slot::TargetKind as usize] = target.kind.as_deref();
        }
        let (one, two, three) = (Slot::Payload1 as usize, Slot::Payload2 as usize, Slot::Payload3 as usize);
        match &event.kind {
            EventKind::Authentication(p) => {
                (draft.texts[one], draft.texts[two]) = (p.method.as_deref(), p.credential.as_deref());
            }
            EventKind::Authorization(p) => {
                (draft.texts[one], draft.texts[two]) = (p.permission.as_deref(), p.policy.as_deref());
            }
            EventKind::Configuration(p) => {
                (draft.texts[one], draft.texts[two]) = (p.setting.as_deref(), p.old_value.as_deref());
                draft.texts[three] = p.new_value.as_deref();
            }
            EventKind::Performance(p) => {
                draft.texts[one] = p.unit.as_deref();
                (draft.measured, draft.numbers) = (p.value, [p.count, p.errors]);
            }
            EventKind::Security(p) => {
                (draft.texts[one], draft.texts[two]) = (p.technique.as_deref(), p.rule.as_deref());
                draft.numbers[0] = p.score.map(u64::from);
            }
            EventKind::Unknown(p) => draft.texts[one] = Some(&p.name),
        }
        draft.more = event.attributes.iter().map(|(name, value)| (name, ValueRef::Value(value))).collect();
        draft
    }
}

impl<'a> AsRef<Draft<'a>> for Draft<'a> {
    fn as_ref(&self) -> &Draft<'a> {
        self
    }
}

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
pub fn authentication(action: &str) -> EventDraft<'_, family::Authentication> {
    EventDraft::new(Family::Authentication, Severity::Informational, action)
}

/// A permission check, denial or policy violation. `action` names it: `permission_check`.
#[inline(always)]
pub fn authorization(action: &str) -> EventDraft<'_, family::Authorization> {
    EventDraft::new(Family::Authorization, Severity::Informational, action)
}

/// A policy update, configuration change or environment switch; [`Severity::Low`] unless said otherwise.
#[inline(always)]
pub fn configuration(action: &str) -> EventDraft<'_, family::Configuration> {
    EventDraft::new(Family::Configuration, Severity::Low, action)
}

/// Verification timing, throughput or error rates.
#[inline(always)]
pub fn performance(action: &str) -> EventDraft<'_, family::Performance> {
    EventDraft::new(Family::Performance, Severity::Informational, action)
}

/// An attack, an anomaly or a violation; [`Severity::Medium`] unless said otherwise.
#[inline(always)]
pub fn security(action: &str) -> EventDraft<'_, family::Security> {
    EventDraft::new(Family::Security, Severity::Medium, action)
}

impl VerificationEvent {
    /// See [`authentication`].
    #[inline(always)]
    pub fn authentication(action: &str) -> EventDraft<'_, family::Authentication> {
        authentication(action)
    }
    /// See [`authorization`].
    #[inline(always)]
    pub fn authorization(action: &str) -> EventDraft<'_, family::Authorization> {
        authorization(action)
    }
    /// See [`configuration`].
    #[inline(always)]
    pub fn configuration(action: &str) -> EventDraft<'_, family::Configuration> {
        configuration(action)
    }
    /// See [`performance`].
    #[inline(always)]
    pub fn performance(action: &str) -> EventDraft<'_, family::Performance> {
        performance(action)
    }
    /// See [`security`].
    #[inline(always)]
    pub fn security(action: &str) -> EventDraft<'_, family::Security> {
        security(action)
    }
}

impl<'a, F> EventDraft<'a, F> {
    #[inline(always)]
    fn new(family: Family, severity: Severity, action: &'a str) -> Self {
        EventDraft { draft: Draft::new(family, severity, action), family: PhantomData }
    }

    #[inline(always)]
    fn set(mut self, slot: Slot, text: &'a str) -> Self {
        self.draft.texts[slot as usize] = Some(text);
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
        self.draft.trace = Some(trace);
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

    /// One more attribute; six fit without an allocation. A name given twice is refused.
    #[inline(always)]
    pub fn attribute(mut self, name: &'a str, value: impl Into<ValueRef<'a>>) -> Self {
        self.draft.more.push((name, value.into()));
        self
    }

    /// All attributes at once, by reference: the cheapest way. [`EventDraft::attribute`] adds to them.
    #[inline(always)]
    pub fn attributes(mut self, attributes: &'a [(&'a str, ValueRef<'a>)]) -> Self {
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
