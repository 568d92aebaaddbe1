//! Reads one event from any format; what is unknown is kept.

use std::time::Duration;

use smallvec::SmallVec;

use super::super::error::{CodecError, CodecFault};
use super::super::fields::{ActorField, EventField, Spelled, TargetField};
use super::leaf::{self, Seen};
use super::payload;
use super::source::{Reader, Token};
use super::value::{self, Tally};
use crate::event::{
    Actor, Attributes, EventId, EventKind, Outcome, Severity, Target, Text, Timestamp, Value,
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
    /// What is unknown at the top, in the actor and in the target.
    unknown: Attributes,
    unknown_of_actor: Attributes,
    unknown_of_target: Attributes,
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
            None => value::add(reader, &mut parts.unknown, &key, 1, &mut tally)?,
        }
    }
    value::unique::<R>(&parts.unknown, begin)?;
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
            EventField::Actor => self.actor = actor(reader, &mut self.unknown_of_actor, tally)?,
            EventField::Target => self.target = target(reader, &mut self.unknown_of_target, tally)?,
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
        let mut of_another_family = SmallVec::<[_; 4]>::new();
        for (field, value, at) in self.payload {
            if field.family() == Some(family) {
                payload::set(&mut kind, field, value, at).map_err(|e| e.in_field(field.word()))?;
            } else {
                of_another_family.push((field, value));
            }
        }
        // In the order in which it is written again.
        let mut extra = Attributes::new();
        for (field, unknown) in
            [(EventField::Actor, self.unknown_of_actor), (EventField::Target, self.unknown_of_target)]
        {
            if !unknown.is_empty() {
                extra.push_unchecked(field.word().into(), Value::Map(unknown));
            }
        }
        if extra.is_empty() {
            extra = self.unknown;
        } else {
            self.unknown.into_iter().for_each(|(name, value)| extra.push_unchecked(name, value));
        }
        for (field, value) in of_another_family {
            extra.push_unchecked(field.word().into(), value);
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
            extra,
        })
    }
}

fn actor<'a, R: Reader<'a>>(
    reader: &mut R,
    unknown: &mut Attributes,
    tally: &mut Tally,
) -> Result<Option<Actor>, CodecError> {
    let (mut actor, mut seen) = (Actor::default(), Seen::default());
    let begin = reader.offset();
    let Some(mut map) = reader.map()? else { return absent(reader, begin) };
    while let Some(key) = reader.next_key(&mut map)? {
        let Some(field) = ActorField::find(&key) else {
            value::add(reader, unknown, &key, 2, tally)?;
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
    value::unique::<R>(unknown, begin)?;
    Ok((!actor.is_empty()).then_some(actor))
}

fn target<'a, R: Reader<'a>>(
    reader: &mut R,
    unknown: &mut Attributes,
    tally: &mut Tally,
) -> Result<Option<Target>, CodecError> {
    let (mut name, mut kind, mut seen) = (None, None, Seen::default());
    let begin = reader.offset();
    let Some(mut map) = reader.map()? else { return absent(reader, begin) };
    while let Some(key) = reader.next_key(&mut map)? {
        let Some(field) = TargetField::find(&key) else {
            value::add(reader, unknown, &key, 2, tally)?;
            continue;
        };
        seen.once(field, reader)?;
        let text = leaf::text(reader).map_err(|e| e.in_field(field.word()))?;
        match field {
            TargetField::Name => name = text,
            TargetField::Kind => kind = text,
        }
    }
    value::unique::<R>(unknown, begin)?;
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
