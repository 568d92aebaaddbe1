//! Publishing borrows: an event on its way in holds `&str`, integers and addresses, and allocates nothing.

use std::net::IpAddr;
use std::time::Duration;

use super::VerificationEvent;
use super::attributes::Attributes;
use super::entity::{Actor, Target};
use super::error::EventError;
use super::given::{Given, Pair};
use super::id::EventId;
use super::kind::{EventKind, Family};
use super::name::Name;
use super::outcome::Outcome;
use super::severity::Severity;
use super::text::Text;
use super::time::Timestamp;
use super::value::ValueRef;
use crate::trace::{SpanId, TraceContext, TraceId};

/// An event of any family before it is published; made by an [`EventDraft`](super::EventDraft).
///
/// Borrows all its text from the caller. [`Draft::check`] answers what [`crate::VerificationEventBus::publish`] would refuse.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    pub(crate) family: Family,
    pub(crate) severity: Severity,
    pub(crate) outcome: Outcome,
    pub(crate) time: Option<Timestamp>,
    trace: Option<TraceWords>,
    pub(crate) duration: Option<Duration>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    /// Performance: value; the count and errors, and the security score, are in `numbers`.
    pub(crate) measured: Option<f64>,
    pub(crate) numbers: [Option<u64>; 2],
    /// The texts by slot; `set_text` alone writes them.
    texts: [&'a str; Slot::COUNT],
    /// Bit n: slot n is given.
    present: u16,
    /// Bytes of all texts together; 64 bits hold that of any number of texts in memory.
    text_bytes: u64,
    /// The attributes given by reference, and those given one by one.
    pub(crate) attributes: &'a [Pair<'a>],
    pub(crate) more: Given<'a>,
    /// The action is a constant [`Name`].
    constant_action: bool,
    pub(crate) extra: Option<&'a Attributes>,
}

/// A trace context in whole words, so that a compiler that inlines a draft keeps it in registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceWords {
    pub(crate) trace_id: [u64; 2],
    pub(crate) span_id: u64,
    pub(crate) flags: u8,
}

impl TraceWords {
    #[inline(always)]
    pub(crate) fn new(trace: TraceContext) -> Self {
        let ids = trace.trace_id.to_bytes();
        let (halves, _) = ids.as_chunks::<8>();
        let trace_id = [u64::from_ne_bytes(halves[0]), u64::from_ne_bytes(halves[1])];
        TraceWords { trace_id, span_id: u64::from_ne_bytes(trace.span_id.to_bytes()), flags: trace.flags() }
    }

    #[inline(always)]
    fn context(self) -> Option<TraceContext> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.trace_id[0].to_ne_bytes());
        bytes[8..].copy_from_slice(&self.trace_id[1].to_ne_bytes());
        let span_id = SpanId::from_bytes(self.span_id.to_ne_bytes()).ok()?;
        Some(TraceContext::new(TraceId::from_bytes(bytes).ok()?, span_id, self.flags))
    }
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
    pub(super) fn new(family: Family, severity: Severity, name: Name<'a>) -> Self {
        let action = name.as_str();
        let mut texts = [""; Slot::COUNT];
        texts[Slot::Action as usize] = action;
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
            present: 1 << Slot::Action as u16,
            text_bytes: action.len() as u64,
            attributes: &[],
            more: Given::new(),
            constant_action: name.is_constant(),
            extra: None,
        }
    }

    #[inline(always)]
    pub(crate) fn text(&self, slot: Slot) -> Option<&'a str> {
        (self.present & 1 << slot as u16 != 0).then(|| self.texts[slot as usize])
    }

    /// The texts that are given, with the bits of their slots in rising order.
    #[inline(always)]
    pub(crate) fn texts(&self) -> (u16, &[&'a str; Slot::COUNT]) {
        (self.present, &self.texts)
    }

    /// Bytes of all texts together.
    #[inline(always)]
    pub(crate) fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    #[inline(always)]
    pub(super) fn set_text(&mut self, slot: Slot, text: &'a str) {
        self.text_bytes = self.text_bytes - self.texts[slot as usize].len() as u64 + text.len() as u64;
        self.present |= 1 << slot as u16;
        self.texts[slot as usize] = text;
    }

    fn set_optional(&mut self, slot: Slot, text: Option<&'a str>) {
        if let Some(text) = text {
            self.set_text(slot, text);
        }
    }

    /// Whether the action was checked when the program was compiled.
    #[inline(always)]
    pub(crate) fn has_constant_action(&self) -> bool {
        self.constant_action
    }

    /// Name of the event, for example `login`.
    pub fn action(&self) -> &'a str {
        self.texts[Slot::Action as usize]
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The severity.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    #[inline(always)]
    pub(crate) fn has_trace(&self) -> bool {
        self.trace.is_some()
    }

    #[inline(always)]
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.trace.and_then(TraceWords::context)
    }

    /// As [`Draft::trace`], in words.
    #[inline(always)]
    pub(crate) fn trace_words(&self) -> Option<TraceWords> {
        self.trace
    }

    #[inline(always)]
    pub(super) fn set_trace(&mut self, trace: TraceContext) {
        self.trace = Some(TraceWords::new(trace));
    }

    pub(crate) fn set_actor(&mut self, name: &'a str) {
        self.set_text(Slot::ActorName, name);
    }

    pub(crate) fn set_target(&mut self, name: &'a str) {
        self.set_text(Slot::TargetName, name);
    }

    /// The same draft with a reason that lives shorter than its other texts.
    pub(crate) fn with_reason<'b>(self, reason: Option<&'b str>) -> Draft<'b>
    where
        'a: 'b,
    {
        let mut draft: Draft<'b> = self;
        draft.set_optional(Slot::Reason, reason);
        draft
    }

    /// The same draft without a time of its own: the bus gives it that of its publishing.
    pub fn without_time(mut self) -> Self {
        self.time = None;
        self
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
        let pairs = self.attributes.iter().chain(self.more.iter());
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
            trace: self.trace(),
            duration: self.duration,
            attributes: pairs.map(|(name, value)| (name.as_str(), value.to_value())).collect(),
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
        let mut draft = Draft::new(event.kind.family(), event.severity, (&event.action).into());
        draft.outcome = event.outcome;
        draft.time = Some(event.time);
        draft.trace = event.trace.map(TraceWords::new);
        draft.duration = event.duration;
        draft.extra = (!event.extra.is_empty()).then_some(&event.extra);
        draft.set_optional(Slot::Reason, event.reason.as_deref());
        if let Some(actor) = &event.actor {
            (draft.ip, draft.port) = (actor.ip, actor.port);
            draft.set_optional(Slot::ActorName, actor.name.as_deref());
            draft.set_optional(Slot::ActorHost, actor.host.as_deref());
        }
        if let Some(target) = &event.target {
            draft.set_text(Slot::TargetName, &target.name);
            draft.set_optional(Slot::TargetKind, target.kind.as_deref());
        }
        let payload = match &event.kind {
            EventKind::Authentication(p) => [p.method.as_deref(), p.credential.as_deref(), None],
            EventKind::Authorization(p) => [p.permission.as_deref(), p.policy.as_deref(), None],
            EventKind::Configuration(p) => {
                [p.setting.as_deref(), p.old_value.as_deref(), p.new_value.as_deref()]
            }
            EventKind::Performance(p) => {
                (draft.measured, draft.numbers) = (p.value, [p.count, p.errors]);
                [p.unit.as_deref(), None, None]
            }
            EventKind::Security(p) => {
                draft.numbers[0] = p.score.map(u64::from);
                [p.technique.as_deref(), p.rule.as_deref(), None]
            }
            EventKind::Unknown(p) => [Some(&*p.name), None, None],
        };
        for (slot, text) in [Slot::Payload1, Slot::Payload2, Slot::Payload3].into_iter().zip(payload) {
            draft.set_optional(slot, text);
        }
        for (name, value) in event.attributes.iter() {
            draft.more.push(name.into(), ValueRef::Value(value));
        }
        draft
    }
}

impl<'a> AsRef<Draft<'a>> for Draft<'a> {
    fn as_ref(&self) -> &Draft<'a> {
        self
    }
}
