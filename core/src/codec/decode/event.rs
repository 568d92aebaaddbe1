//! Reads one event from any format; what is unknown is kept.

use std::time::Duration;

use smallvec::SmallVec;

use super::super::error::{CodecError, CodecFault};
use super::super::fields::{ActorField, EventField, Spelled, TargetField};
use super::leaf::{self, Seen};
use super::source::{Open, Reader, Token};
use super::value::{self, Tally};
use crate::event::{
    Actor, Attributes, EventError, EventId, EventKind, Outcome, Severity, Target, Text, Timestamp, Value,
    VerificationEvent,
};
use crate::trace::TraceContext;

/// An event while its fields arrive in any order.
#[derive(Default)]
struct Parts {
    id: Option<EventId>,
    time: Option<Timestamp>,
    kind: Option<EventKind>,
    action: Option<Text>,
    severity: Option<Severity>,
    outcome: Option<Outcome>,
    reason: Option<Text>,
    actor: Option<Actor>,
    target: Option<Target>,
    trace: Option<TraceContext>,
    duration: Option<Duration>,
    /// Whose fields these are is known only with the kind.
    payload: SmallVec<[(EventField, Value, usize); 4]>,
    attributes: Attributes,
    extra: Attributes,
}

/// The next value as an event; its id is 0 unless it has one of its own.
pub(in crate::codec) fn event<'a, R: Reader<'a>>(reader: &mut R) -> Result<VerificationEvent, CodecError> {
    let begin = reader.offset();
    let Some(mut map) = reader.map()? else {
        return Err(reader.token()?.instead_of("an event, which is a map", begin));
    };
    let (mut parts, mut seen, mut tally) = (Parts::default(), Seen::default(), Tally::new());
    while let Some(key) = reader.next_key(&mut map)? {
        match EventField::find(&key) {
            Some(field) => {
                seen.once(field, reader)?;
                parts.field(field, reader, &mut tally).map_err(|e| e.in_field(field.word()))?;
            }
            None => value::add(reader, &mut parts.extra, &key, 1, &mut tally)?,
        }
    }
    value::unique::<R>(&parts.extra, begin)?;
    let event = parts.finish::<R>(begin)?;
    event.check().map_err(|error| CodecError::new(error, begin))?;
    Ok(event)
}

impl Parts {
    fn field<'a, R: Reader<'a>>(
        &mut self,
        field: EventField,
        reader: &mut R,
        tally: &mut Tally,
    ) -> Result<(), CodecError> {
        match field {
            EventField::Id => self.id = leaf::id(reader)?,
            EventField::Time => self.time = Some(leaf::time(reader)?),
            EventField::Kind => self.kind = Some(leaf::kind(reader)?),
            EventField::Action => self.action = leaf::text(reader)?,
            EventField::Severity => self.severity = leaf::severity(reader)?,
            EventField::Outcome => self.outcome = leaf::outcome(reader)?,
            EventField::Reason => self.reason = leaf::text(reader)?,
            EventField::Actor => self.actor = actor(reader, &mut self.extra, tally)?,
            EventField::Target => self.target = target(reader, &mut self.extra, tally)?,
            EventField::Trace => self.trace = leaf::trace(reader)?,
            EventField::Duration => {
                let nanos = leaf::unsigned(reader, u64::MAX, "duration_ns", "0 to 2^64 − 1 nanoseconds")?;
                self.duration = nanos.map(Duration::from_nanos);
            }
            EventField::Attributes => self.attributes = value::attributes(reader, tally)?,
            payload => {
                let at = reader.offset();
                let token = reader.token()?;
                if !matches!(token, Token::Null) {
                    self.payload.push((payload, value::from_token(reader, token, at, 1, tally)?, at));
                }
            }
        }
        Ok(())
    }

    fn finish<'a, R: Reader<'a>>(mut self, begin: usize) -> Result<VerificationEvent, CodecError> {
        let missing = |field| CodecError::new(CodecFault::FieldMissing { field }, begin);
        let mut kind = self.kind.take().ok_or_else(|| missing("kind"))?;
        let family = kind.family();
        for (field, value, at) in self.payload {
            if field.family() == Some(family) {
                set(&mut kind, field, value, at).map_err(|e| e.in_field(field.word()))?;
            } else {
                self.extra.push_unchecked(field.word().into(), value);
            }
        }
        Ok(VerificationEvent {
            id: self.id.unwrap_or(EventId::from_bits(0)),
            time: self.time.ok_or_else(|| missing("time"))?,
            kind,
            action: self.action.ok_or_else(|| missing("action"))?,
            severity: self.severity.unwrap_or_default(),
            outcome: self.outcome.unwrap_or_default(),
            reason: self.reason,
            actor: self.actor,
            target: self.target,
            trace: self.trace,
            duration: self.duration,
            attributes: self.attributes,
            extra: self.extra,
        })
    }
}

/// Sets a payload field of the kind's own family.
fn set(kind: &mut EventKind, field: EventField, value: Value, at: usize) -> Result<(), CodecError> {
    let token = match value {
        Value::String(text) => {
            let Some(slot) = text_slot(kind, field) else {
                return Err(Token::Text("".into()).instead_of("a number", at));
            };
            *slot = Some(text);
            return Ok(());
        }
        other => scalar(&other),
    };
    if text_slot(kind, field).is_some() {
        return Err(token.instead_of("text", at));
    }
    let out_of_range =
        |allowed| CodecError::new(EventError::NumberRange { field: field.word().into(), allowed }, at);
    if let (EventKind::Performance(p), EventField::Value) = (&mut *kind, field) {
        let number =
            leaf::float(&token).ok_or_else(|| token.instead_of("a number that a float holds", at))?;
        p.value = Some(number);
        return Ok(());
    }
    let number = leaf::integer(&token).ok_or_else(|| token.instead_of("an integer", at))?;
    match (kind, field) {
        (EventKind::Security(p), EventField::Score) => {
            let score = u8::try_from(number).ok().filter(|score| *score <= 100);
            p.score = Some(score.ok_or_else(|| out_of_range("0 to 100"))?);
        }
        (EventKind::Performance(p), counter) => {
            let number = u64::try_from(number).map_err(|_| out_of_range("0 to 2^64 − 1"))?;
            *(if counter == EventField::Count { &mut p.count } else { &mut p.errors }) = Some(number);
        }
        _ => {}
    }
    Ok(())
}

/// The text field of the kind's payload, if it is one.
fn text_slot(kind: &mut EventKind, field: EventField) -> Option<&mut Option<Text>> {
    match (kind, field) {
        (EventKind::Authentication(p), EventField::Method) => Some(&mut p.method),
        (EventKind::Authentication(p), EventField::Credential) => Some(&mut p.credential),
        (EventKind::Authorization(p), EventField::Permission) => Some(&mut p.permission),
        (EventKind::Authorization(p), EventField::Policy) => Some(&mut p.policy),
        (EventKind::Configuration(p), EventField::Setting) => Some(&mut p.setting),
        (EventKind::Configuration(p), EventField::OldValue) => Some(&mut p.old_value),
        (EventKind::Configuration(p), EventField::NewValue) => Some(&mut p.new_value),
        (EventKind::Performance(p), EventField::Unit) => Some(&mut p.unit),
        (EventKind::Security(p), EventField::Technique) => Some(&mut p.technique),
        (EventKind::Security(p), EventField::Rule) => Some(&mut p.rule),
        _ => None,
    }
}

/// The token that a value without text came from: its number, or for the name of its type.
fn scalar(value: &Value) -> Token<'static> {
    const OPEN: Open = Open { left: 0, first: true, wrapped: false, no_tags: false };
    match value {
        Value::Bool(v) => Token::Bool(*v),
        Value::I64(v) => u64::try_from(*v).map_or(Token::Negative(*v), Token::Unsigned),
        Value::U64(v) => Token::Unsigned(*v),
        Value::F64(v) => Token::Float(*v),
        Value::String(_) => Token::Text("".into()),
        Value::Bytes(_) => Token::Bytes(Vec::new().into()),
        Value::List(_) => Token::List(OPEN),
        Value::Map(_) => Token::Map(OPEN),
    }
}

fn actor<'a, R: Reader<'a>>(
    reader: &mut R,
    extra: &mut Attributes,
    tally: &mut Tally,
) -> Result<Option<Actor>, CodecError> {
    let (mut actor, mut seen, mut unknown) = (Actor::default(), Seen::default(), Attributes::new());
    let begin = reader.offset();
    let Some(mut map) = reader.map()? else { return absent(reader, begin) };
    while let Some(key) = reader.next_key(&mut map)? {
        let Some(field) = ActorField::find(&key) else {
            value::add(reader, &mut unknown, &key, 2, tally)?;
            continue;
        };
        seen.once(field, reader)?;
        match field {
            ActorField::Name => actor.name = leaf::text(reader).map_err(|e| e.in_field(field.word()))?,
            ActorField::Ip => actor.ip = leaf::ip(reader).map_err(|e| e.in_field(field.word()))?,
            ActorField::Port => {
                let port = leaf::unsigned(reader, u16::MAX.into(), "actor.port", "0 to 65535");
                actor.port = port.map_err(|e| e.in_field(field.word()))?.map(|port| port as u16);
            }
            ActorField::Host => actor.host = leaf::text(reader).map_err(|e| e.in_field(field.word()))?,
        }
    }
    keep::<R>(extra, EventField::Actor, unknown, begin)?;
    Ok((!actor.is_empty()).then_some(actor))
}

fn target<'a, R: Reader<'a>>(
    reader: &mut R,
    extra: &mut Attributes,
    tally: &mut Tally,
) -> Result<Option<Target>, CodecError> {
    let (mut name, mut kind, mut seen, mut unknown) = (None, None, Seen::default(), Attributes::new());
    let begin = reader.offset();
    let Some(mut map) = reader.map()? else { return absent(reader, begin) };
    while let Some(key) = reader.next_key(&mut map)? {
        let Some(field) = TargetField::find(&key) else {
            value::add(reader, &mut unknown, &key, 2, tally)?;
            continue;
        };
        seen.once(field, reader)?;
        let text = leaf::text(reader).map_err(|e| e.in_field(field.word()))?;
        match field {
            TargetField::Name => name = text,
            TargetField::Kind => kind = text,
        }
    }
    keep::<R>(extra, EventField::Target, unknown, begin)?;
    let name = name.ok_or_else(|| CodecError::new(CodecFault::FieldMissing { field: "name" }, begin))?;
    Ok(Some(Target { name, kind }))
}

/// Null where a map may stand; anything else is an error.
fn absent<'a, R: Reader<'a>, T>(reader: &mut R, begin: usize) -> Result<Option<T>, CodecError> {
    match reader.token()? {
        Token::Null => Ok(None),
        other => Err(other.instead_of("a map", begin)),
    }
}

/// Keeps what is unknown in a map of the event under that map's own name.
fn keep<'a, R: Reader<'a>>(
    extra: &mut Attributes,
    field: EventField,
    unknown: Attributes,
    begin: usize,
) -> Result<(), CodecError> {
    value::unique::<R>(&unknown, begin)?;
    if !unknown.is_empty() {
        extra.push_unchecked(field.word().into(), Value::Map(unknown));
    }
    Ok(())
}
