//! The view: one event as rules see it, borrowed; nothing is built for a field that no rule asks for.

use std::borrow::Cow;

use rsigma_eval::{Event, EventValue};
use veribus_core::{Attributes, EventKind, Value, VerificationEvent};

use crate::field::{Field, FieldValue, KNOWN, Known};
use crate::memory::Seen;

/// An event, the service that sent it, and what the memory knew of its source before it.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    pub(crate) event: &'a VerificationEvent,
    pub(crate) service: Option<&'a str>,
    pub(crate) seen: Seen,
}

impl<'a> EventView<'a> {
    /// A view of `event`, sent by `service`, with `seen` for the memory fields of rules.
    pub fn new(event: &'a VerificationEvent, service: Option<&'a str>, seen: Seen) -> Self {
        EventView { event, service, seen }
    }

    /// The value of `field`; `None` where the event has none.
    #[inline]
    pub(crate) fn get(&self, field: &Field) -> Option<FieldValue<'a>> {
        match field {
            Field::Known(known) => self.known(*known),
            Field::Attribute(name) => {
                attribute(&self.event.attributes, name).or_else(|| attribute(&self.event.extra, name))
            }
        }
    }

    fn known(&self, field: Known) -> Option<FieldValue<'a>> {
        let event = self.event;
        let actor = event.actor.as_ref();
        match field {
            Known::Kind => Some(FieldValue::Text(event.kind.name())),
            Known::Action => Some(FieldValue::Text(&event.action)),
            Known::Outcome => Some(FieldValue::Text(event.outcome.as_str())),
            Known::Severity => Some(FieldValue::Text(event.severity.as_str())),
            Known::SeverityId => Some(FieldValue::Int(event.severity.id().into())),
            Known::Reason => event.reason.as_deref().map(FieldValue::Text),
            Known::Actor => actor?.name.as_deref().map(FieldValue::Text),
            Known::Source => match actor? {
                actor if actor.ip.is_some() => actor.ip.map(FieldValue::Ip),
                actor => actor.host.as_deref().map(FieldValue::Text),
            },
            Known::SourceIp => actor?.ip.map(FieldValue::Ip),
            Known::SourcePort => actor?.port.map(|port| FieldValue::Int(port.into())),
            Known::SourceHost => actor?.host.as_deref().map(FieldValue::Text),
            Known::Target => event.target.as_ref().map(|t| FieldValue::Text(&t.name)),
            Known::TargetKind => event.target.as_ref()?.kind.as_deref().map(FieldValue::Text),
            Known::DurationMs => event.duration.map(|d| FieldValue::Float(d.as_secs_f64() * 1e3)),
            Known::TraceId => event.trace.map(|t| FieldValue::Trace(t.trace_id)),
            Known::Service => {
                self.service.map(FieldValue::Text).or_else(|| attribute(&event.attributes, "service"))
            }
            Known::FirstSeen => Some(FieldValue::Bool(self.seen.first_seen)),
            Known::FirstSuccess => Some(FieldValue::Bool(self.seen.first_success)),
            Known::PriorFailures => Some(FieldValue::Int(self.seen.prior_failures.into())),
            payload => self.payload(payload),
        }
    }

    /// A payload field, or the attribute of its name where the family has no such field.
    fn payload(&self, field: Known) -> Option<FieldValue<'a>> {
        let text = |text: &'a Option<veribus_core::Text>| text.as_deref().map(FieldValue::Text);
        let count = |n: Option<u64>| n.map(|n| FieldValue::Int(i64::try_from(n).unwrap_or(i64::MAX)));
        let found = match (&self.event.kind, field) {
            (EventKind::Authentication(p), Known::Method) => text(&p.method),
            (EventKind::Authentication(p), Known::Credential) => text(&p.credential),
            (EventKind::Authorization(p), Known::Permission) => text(&p.permission),
            (EventKind::Authorization(p), Known::Policy) => text(&p.policy),
            (EventKind::Configuration(p), Known::Setting) => text(&p.setting),
            (EventKind::Configuration(p), Known::OldValue) => text(&p.old_value),
            (EventKind::Configuration(p), Known::NewValue) => text(&p.new_value),
            (EventKind::Performance(p), Known::Unit) => text(&p.unit),
            (EventKind::Performance(p), Known::Value) => p.value.map(FieldValue::Float),
            (EventKind::Performance(p), Known::Count) => count(p.count),
            (EventKind::Performance(p), Known::Errors) => count(p.errors),
            (EventKind::Security(p), Known::Technique) => text(&p.technique),
            (EventKind::Security(p), Known::Rule) => text(&p.rule),
            (EventKind::Security(p), Known::Score) => p.score.map(|n| FieldValue::Int(n.into())),
            _ => None,
        };
        found.or_else(|| {
            let (name, _, _) = KNOWN.iter().find(|(_, known, _)| *known == field)?;
            attribute(&self.event.attributes, name).or_else(|| attribute(&self.event.extra, name))
        })
    }

    fn strings(&self, visit: &mut dyn FnMut(&'a str)) {
        for (_, known, _) in KNOWN {
            if let Some(FieldValue::Text(text)) = self.known(*known) {
                visit(text);
            }
        }
        for (_, value) in self.event.attributes.iter().chain(self.event.extra.iter()) {
            value_strings(value, visit);
        }
    }
}

/// The attribute `name`: as a whole, else its longest prefix before a dot as a map that holds the rest.
fn attribute<'a>(attributes: &'a Attributes, name: &str) -> Option<FieldValue<'a>> {
    if attributes.is_empty() {
        return None;
    }
    if let Some(value) = attributes.get(name) {
        return Some(FieldValue::Attribute(value));
    }
    name.rmatch_indices('.').find_map(|(dot, _)| match attributes.get(&name[..dot]) {
        Some(Value::Map(map)) => attribute(map, &name[dot + 1..]),
        _ => None,
    })
}

fn value_strings<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a str)) {
    match value {
        Value::String(text) => visit(text),
        Value::List(values) => values.iter().for_each(|v| value_strings(v, visit)),
        Value::Map(map) => map.iter().for_each(|(_, v)| value_strings(v, visit)),
        _ => {}
    }
}

pub(crate) fn sigma_value(value: FieldValue<'_>) -> EventValue<'_> {
    match value {
        FieldValue::Text(text) => EventValue::Str(Cow::Borrowed(text)),
        FieldValue::Int(n) => EventValue::Int(n),
        FieldValue::Float(n) => EventValue::Float(n),
        FieldValue::Bool(b) => EventValue::Bool(b),
        FieldValue::Attribute(value) => sigma_attribute(value),
        other => EventValue::Str(Cow::Owned(other.to_text())),
    }
}

fn sigma_attribute(value: &Value) -> EventValue<'_> {
    match value {
        Value::Bool(b) => EventValue::Bool(*b),
        Value::I64(n) => EventValue::Int(*n),
        Value::F64(n) => EventValue::Float(*n),
        Value::String(text) => EventValue::Str(Cow::Borrowed(text)),
        Value::List(values) => EventValue::Array(values.iter().map(sigma_attribute).collect()),
        Value::Map(map) => {
            EventValue::Map(map.iter().map(|(name, v)| (Cow::Borrowed(name), sigma_attribute(v))).collect())
        }
        other => EventValue::Str(Cow::Owned(FieldValue::Attribute(other).to_text())),
    }
}

/// What the Sigma matchers ask for; the common comparisons never come here.
impl Event for EventView<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.get(&Field::named(path)).map(sigma_value)
    }

    fn any_string_value(&self, accept: &dyn Fn(&str) -> bool) -> bool {
        let mut found = false;
        self.strings(&mut |text| found = found || accept(text));
        found
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut all = Vec::new();
        self.strings(&mut |text| all.push(Cow::Borrowed(text)));
        all
    }

    fn to_json(&self) -> serde_json::Value {
        let known =
            KNOWN.iter().filter_map(|(name, known, _)| Some(((*name).to_owned(), self.known(*known)?)));
        let attributes =
            self.event.attributes.iter().map(|(name, v)| (name.to_owned(), FieldValue::Attribute(v)));
        serde_json::Value::Object(
            attributes.chain(known).map(|(name, value)| (name, sigma_value(value).to_json())).collect(),
        )
    }
}
