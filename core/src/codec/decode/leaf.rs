//! Single fields: each in the type and range that the wire gives it, in either format's spelling.

use std::net::IpAddr;

use super::super::error::{CodecError, CodecFault};
use super::super::fields::Spelled;
use super::source::{Reader, Token};
use crate::event::error::excerpt;
use crate::event::limits::NAME_BYTES_MAX;
use crate::event::{EventError, EventId, EventKind, Family, InstanceId, Outcome, Severity, Text, Timestamp};
use crate::trace::{SpanId, TraceContext, TraceError, TraceId};

/// Fields seen so far of one map.
#[derive(Default)]
pub(super) struct Seen(u32);

impl Seen {
    /// Notes `field`, which may come once.
    pub(super) fn once<'a, R: Reader<'a>>(
        &mut self,
        field: impl Spelled,
        reader: &R,
    ) -> Result<(), CodecError> {
        let bit = 1 << field.index();
        if self.0 & bit != 0 {
            return Err(duplicate::<R>(field.word(), reader.key_offset()));
        }
        self.0 |= bit;
        Ok(())
    }
}

pub(super) fn duplicate<'a, R: Reader<'a>>(key: &str, offset: usize) -> CodecError {
    CodecError::new(CodecFault::DuplicateKey { format: R::FORMAT, key: excerpt(key) }, offset)
}

/// Text; null is absent.
pub(super) fn text<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<Text>, CodecError> {
    let at = reader.offset();
    match reader.token()? {
        Token::Null => Ok(None),
        Token::Text(text) => Ok(Some(owned(text))),
        other => Err(other.instead_of("text", at)),
    }
}

pub(super) fn owned(text: std::borrow::Cow<'_, str>) -> Text {
    match text {
        std::borrow::Cow::Borrowed(text) => text.into(),
        std::borrow::Cow::Owned(text) => text.into(),
    }
}

/// An integer from 0 to `max`, also one written as a float; null is absent.
pub(super) fn unsigned<'a, R: Reader<'a>>(
    reader: &mut R,
    max: u64,
    field: &'static str,
    allowed: &'static str,
) -> Result<Option<u64>, CodecError> {
    let at = reader.offset();
    let token = reader.token()?;
    if matches!(token, Token::Null) {
        return Ok(None);
    }
    match integer(&token) {
        Some(n) if (0..=i128::from(max)).contains(&n) => Ok(Some(n as u64)),
        Some(_) => Err(CodecError::new(EventError::NumberRange { field: field.into(), allowed }, at)),
        None => Err(token.instead_of("an integer", at)),
    }
}

/// The integer that a token is, written as one or as a float without a fraction.
pub(super) fn integer(token: &Token<'_>) -> Option<i128> {
    match *token {
        Token::Unsigned(n) => Some(n.into()),
        Token::Negative(n) => Some(n.into()),
        // Beyond 2^64 every field is out of range, whatever the exact integer.
        Token::Float(n) if n.fract() == 0.0 => Some(n.clamp(-1e30, 1e30) as i128),
        _ => None,
    }
}

/// A float, also one written as an integer that a float holds exactly.
pub(super) fn float(token: &Token<'_>) -> Option<f64> {
    match *token {
        Token::Float(n) => Some(n),
        Token::Unsigned(n) if n as f64 as u128 == u128::from(n) => Some(n as f64),
        Token::Negative(n) if n as f64 as i128 == i128::from(n) => Some(n as f64),
        _ => None,
    }
}

pub(super) fn time<'a, R: Reader<'a>>(reader: &mut R) -> Result<Timestamp, CodecError> {
    let at = reader.offset();
    let token = reader.token()?;
    if let Token::Text(text) = &token {
        return text.parse().map_err(|error: EventError| CodecError::new(error, at));
    }
    match integer(&token).map(i64::try_from) {
        Some(Ok(nanos)) => Ok(Timestamp::from_nanos(nanos)),
        Some(Err(_)) => {
            let allowed = "nanoseconds fit 64 bits with a sign";
            Err(CodecError::new(EventError::NumberRange { field: "time".into(), allowed }, at))
        }
        None => Err(token.instead_of("a time: RFC 3339 text or integer nanoseconds", at)),
    }
}

/// A family by name, or by number where it has one.
pub(super) fn kind<'a, R: Reader<'a>>(reader: &mut R) -> Result<EventKind, CodecError> {
    const EXPECTED: &str = "a family: a name of 1 to 128 bytes, or 1 to 5";
    let at = reader.offset();
    match reader.token()? {
        Token::Text(name) if (1..=NAME_BYTES_MAX).contains(&name.len()) => Ok(EventKind::from_name(&name)),
        token => {
            let family = integer(&token).and_then(|n| Family::KNOWN.into_iter().find(|f| *f as i128 == n));
            family.map(EventKind::empty).ok_or_else(|| token.instead_of(EXPECTED, at))
        }
    }
}

pub(super) fn severity<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<Severity>, CodecError> {
    let at = reader.offset();
    match reader.token()? {
        Token::Null => Ok(None),
        Token::Text(word) => word.parse().map(Some).map_err(|error: EventError| CodecError::new(error, at)),
        token => {
            let Some(n) = integer(&token) else { return Err(token.instead_of("a severity", at)) };
            let known = u8::try_from(n).ok().and_then(Severity::from_id);
            let invalid = || EventError::SeverityInvalid { value: n.to_string(), suggestion: None };
            known.map(Some).ok_or_else(|| CodecError::new(invalid(), at))
        }
    }
}

pub(super) fn outcome<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<Outcome>, CodecError> {
    let at = reader.offset();
    match reader.token()? {
        Token::Null => Ok(None),
        Token::Text(word) => word.parse().map(Some).map_err(|error: EventError| CodecError::new(error, at)),
        token => {
            let Some(n) = integer(&token) else { return Err(token.instead_of("an outcome", at)) };
            let known = u8::try_from(n).ok().and_then(Outcome::from_id);
            let invalid = || EventError::OutcomeInvalid { value: n.to_string(), suggestion: None };
            known.map(Some).ok_or_else(|| CodecError::new(invalid(), at))
        }
    }
}

/// 32 hexadecimal digits or 16 bytes.
pub(super) fn id<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<EventId>, CodecError> {
    let at = reader.offset();
    let token = reader.token()?;
    match &token {
        Token::Null => return Ok(None),
        Token::Text(text) => return text.parse().map(Some).map_err(|e: EventError| CodecError::new(e, at)),
        Token::Bytes(bytes) => {
            if let Ok(bytes) = <[u8; 16]>::try_from(&**bytes) {
                return Ok(Some(EventId::from_bits(u128::from_be_bytes(bytes))));
            }
        }
        _ => {}
    }
    Err(token.instead_of("an id: 32 hexadecimal digits or 16 bytes", at))
}

/// 16 hexadecimal digits or 8 bytes.
pub(super) fn instance<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<InstanceId>, CodecError> {
    let at = reader.offset();
    let token = reader.token()?;
    match &token {
        Token::Null => return Ok(None),
        Token::Text(text) => return text.parse().map(Some).map_err(|e: EventError| CodecError::new(e, at)),
        Token::Bytes(bytes) => {
            if let Ok(bytes) = <[u8; 8]>::try_from(&**bytes) {
                return Ok(Some(InstanceId(u64::from_be_bytes(bytes))));
            }
        }
        _ => {}
    }
    Err(token.instead_of("an instance: 16 hexadecimal digits or 8 bytes", at))
}

/// An address as text, or 4 or 16 bytes.
pub(super) fn ip<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<IpAddr>, CodecError> {
    let at = reader.offset();
    let token = reader.token()?;
    let address = match &token {
        Token::Null => return Ok(None),
        Token::Text(text) => text.parse().ok(),
        Token::Bytes(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(&**bytes).ok().map(IpAddr::from),
            _ => <[u8; 16]>::try_from(&**bytes).ok().map(IpAddr::from),
        },
        _ => None,
    };
    address.map(Some).ok_or_else(|| token.instead_of("an IP address: its text, or 4 or 16 bytes", at))
}

/// A `traceparent` header, or 25 bytes: trace id, span id, flags.
pub(super) fn trace<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<TraceContext>, CodecError> {
    let at = reader.offset();
    let token = reader.token()?;
    let trace = match &token {
        Token::Null => return Ok(None),
        Token::Text(header) => TraceContext::parse(header),
        Token::Bytes(bytes) if bytes.len() == 25 => trace_from_bytes(bytes),
        _ => return Err(token.instead_of("a trace: a traceparent header or 25 bytes", at)),
    };
    trace.map(Some).map_err(|error| CodecError::new(EventError::from(error), at))
}

fn trace_from_bytes(bytes: &[u8]) -> Result<TraceContext, TraceError> {
    let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
    trace_id.copy_from_slice(&bytes[..16]);
    span_id.copy_from_slice(&bytes[16..24]);
    Ok(TraceContext::new(TraceId::from_bytes(trace_id)?, SpanId::from_bytes(span_id)?, bytes[24]))
}
