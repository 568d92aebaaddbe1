//! Payload fields: which family has which, in the type and range that the family gives them.

use super::super::error::CodecError;
use super::super::fields::{EventField, Spelled};
use super::leaf;
use super::source::{Open, Token};
use crate::event::{EventError, EventKind, Text, Value};

/// Sets a payload field of the kind's own family.
pub(super) fn set(
    kind: &mut EventKind,
    field: EventField,
    value: Value,
    at: usize,
) -> Result<(), CodecError> {
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
