//! The bytes through which JavaScript hands an event over: written by `ts/stage.ts`, read here without a copy.
//!
//! Bytes 0–255 are 64 words of 32 bits, 256–511 are 32 floats of 64 bits, both in the machine's byte order; from
//! byte 512 on stands all text, one after the other, in UTF-8.
//!
//! Words: 0 family, severity << 8, outcome << 16 · 1 which texts (bits 0–10) and numbers (bits 16–21) are given ·
//! 2 attributes · from 3 on the length of each given text, then for each attribute the length of its name and
//! its type | length << 3. Floats: port, duration in nanoseconds, value, count, errors, score, then for attribute
//! *n* its number at 6 + *n*.

use std::time::Duration;

use veribus_core::event::{self, EventDraft, family};
use veribus_core::{Draft, EventError, Name, Outcome, Severity, TraceContext, ValueRef};

use crate::error::{self, Result, fault};

/// Most attributes that are staged; events with more come as JSON.
const ATTRIBUTES_MAX: usize = 16;
const TEXT_AT: usize = 512;
const NUMBERS_AT: usize = 256;
/// The first float of an attribute.
const ATTRIBUTE_NUMBERS: usize = 6;
const TEXTS: usize = 11;

/// What an event from the stage can be, beside a fault of the writer: bytes that make no sense.
#[cold]
fn nonsense(what: &str) -> error::Fault {
    fault("BUG_STAGE", format!("the stage does not hold an event: {what}"))
}

struct Stage<'a> {
    bytes: &'a [u8],
    text: &'a str,
    /// The next word.
    word: usize,
}

impl<'a> Stage<'a> {
    #[inline]
    fn next(&mut self) -> usize {
        let at = self.word * 4;
        self.word += 1;
        let found = self.bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        found.map_or(usize::MAX, |bytes| u32::from_ne_bytes(bytes) as usize)
    }

    #[inline]
    fn number(&self, index: usize) -> f64 {
        let at = NUMBERS_AT + index * 8;
        let found = self.bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        found.map_or(f64::NAN, f64::from_ne_bytes)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a str> {
        let (taken, rest) = self.text.split_at_checked(length).ok_or_else(|| nonsense("a text is cut"))?;
        self.text = rest;
        Ok(taken)
    }
}

/// The texts by slot, and the numbers, of one event.
struct Fields<'a> {
    texts: [Option<&'a str>; TEXTS],
    numbers: [Option<f64>; ATTRIBUTE_NUMBERS],
    outcome: Outcome,
    severity: Option<Severity>,
    trace: Option<TraceContext>,
    attributes: &'a [(Name<'a>, ValueRef<'a>)],
}

const ACTION: usize = 0;
const REASON: usize = 1;
const ACTOR: usize = 2;
const SOURCE_IP: usize = 3;
const SOURCE_HOST: usize = 4;
const TARGET: usize = 5;
const TARGET_KIND: usize = 6;
const TRACE: usize = 10;

/// Reads the staged event and gives it to `with`, with whether it has a trace of its own; `ambient` is the trace for
/// an event without one.
#[inline]
pub(crate) fn read<R>(
    bytes: &[u8],
    length: usize,
    ambient: Option<TraceContext>,
    with: impl FnOnce(Draft<'_>) -> R,
) -> Result<R> {
    let text = bytes.get(TEXT_AT..TEXT_AT + length).ok_or_else(|| nonsense("too long"))?;
    let text = std::str::from_utf8(text).map_err(|_| nonsense("not UTF-8"))?;
    let mut stage = Stage { bytes, text, word: 0 };
    let (head, present, count) = (stage.next(), stage.next(), stage.next());
    let mut texts = [None; TEXTS];
    for (slot, text) in texts.iter_mut().enumerate() {
        if present & 1 << slot != 0 {
            let length = stage.next();
            *text = Some(stage.take(length)?);
        }
    }
    let mut numbers = [None; ATTRIBUTE_NUMBERS];
    for (index, number) in numbers.iter_mut().enumerate() {
        if present & 1 << (16 + index) != 0 {
            *number = Some(stage.number(index));
        }
    }
    let mut attributes = [(Name::from(""), ValueRef::Bool(false)); ATTRIBUTES_MAX];
    if count > ATTRIBUTES_MAX {
        return Err(nonsense("too many attributes"));
    }
    for (index, attribute) in attributes.iter_mut().enumerate().take(count) {
        *attribute = one(&mut stage, index)?;
    }
    let own = texts[TRACE].map(TraceContext::parse).transpose();
    let own = own.map_err(|found| error::event(&EventError::TraceInvalid(found)))?;
    let fields = Fields {
        texts,
        numbers,
        outcome: u8::try_from(head >> 16).ok().and_then(Outcome::from_id).unwrap_or_default(),
        severity: Severity::from_id((head >> 8) as u8),
        trace: own.or(ambient),
        attributes: &attributes[..count],
    };
    draft(head as u8, fields).map(with)
}

#[inline]
fn one<'a>(stage: &mut Stage<'a>, index: usize) -> Result<(Name<'a>, ValueRef<'a>)> {
    let length = stage.next();
    let name = stage.take(length)?;
    let word = stage.next();
    let value = match word & 7 {
        0 => ValueRef::Bool(false),
        1 => ValueRef::Bool(true),
        2 => ValueRef::I64(stage.number(ATTRIBUTE_NUMBERS + index) as i64),
        3 => ValueRef::F64(stage.number(ATTRIBUTE_NUMBERS + index)),
        4 => ValueRef::Str(stage.take(word >> 3)?),
        _ => return Err(nonsense("no such type")),
    };
    Ok((name.into(), value))
}

#[inline]
fn draft<'a>(family: u8, fields: Fields<'a>) -> Result<Draft<'a>> {
    let action = fields.texts[ACTION].unwrap_or_default();
    Ok(match family {
        1 => {
            let draft = event::authentication(action);
            let draft = optional(draft, fields.texts[7], EventDraft::method);
            common(optional(draft, fields.texts[8], EventDraft::credential), fields)?.into()
        }
        2 => {
            let draft = event::authorization(action);
            let draft = optional(draft, fields.texts[7], EventDraft::permission);
            common(optional(draft, fields.texts[8], EventDraft::policy), fields)?.into()
        }
        3 => {
            let draft = event::configuration(action);
            let draft = optional(draft, fields.texts[7], EventDraft::setting);
            let draft = optional(draft, fields.texts[8], EventDraft::old_value);
            common(optional(draft, fields.texts[9], EventDraft::new_value), fields)?.into()
        }
        4 => common(performance(action, &fields)?, fields)?.into(),
        5 => {
            let score = fields.numbers[5].map(|score| score as u8);
            let draft = optional(event::security(action), score, EventDraft::score);
            let draft = optional(draft, fields.texts[7], EventDraft::technique);
            common(optional(draft, fields.texts[8], EventDraft::rule), fields)?.into()
        }
        _ => return Err(nonsense("no such family")),
    })
}

fn performance<'a>(action: &'a str, fields: &Fields<'a>) -> Result<EventDraft<'a, family::Performance>> {
    let draft = event::performance(action);
    let draft = match (fields.numbers[2], fields.texts[7]) {
        (None, None) => draft,
        (Some(value), Some(unit)) => draft.measured(value, unit),
        // The builder takes both or none: an event with one of them comes as JSON.
        _ => return Err(nonsense("a value without a unit")),
    };
    let draft = optional(draft, fields.numbers[3].map(|count| count as u64), EventDraft::count);
    Ok(optional(draft, fields.numbers[4].map(|errors| errors as u64), EventDraft::errors))
}

#[inline(always)]
fn optional<D, V>(draft: D, value: Option<V>, set: impl FnOnce(D, V) -> D) -> D {
    match value {
        Some(value) => set(draft, value),
        None => draft,
    }
}

#[inline]
fn common<'a, F>(draft: EventDraft<'a, F>, fields: Fields<'a>) -> Result<EventDraft<'a, F>> {
    let draft = draft.outcome(fields.outcome).attributes(fields.attributes);
    let draft = optional(draft, fields.severity, EventDraft::severity);
    let draft = optional(draft, fields.texts[REASON], EventDraft::reason);
    let draft = optional(draft, fields.texts[ACTOR], EventDraft::actor);
    let draft = optional(draft, fields.texts[SOURCE_HOST], EventDraft::source_host);
    let draft = optional(draft, fields.texts[TARGET], EventDraft::target);
    let draft = optional(draft, fields.texts[TARGET_KIND], EventDraft::target_kind);
    let draft = optional(draft, fields.trace, EventDraft::trace);
    let draft = optional(draft, fields.numbers[0].map(|port| port as u16), EventDraft::source_port);
    let duration = fields.numbers[1].map(|nanos| Duration::from_nanos(nanos as u64));
    let draft = optional(draft, duration, EventDraft::duration);
    let Some(text) = fields.texts[SOURCE_IP] else { return Ok(draft) };
    let ip = text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        fault("EVT_FIELD_TYPE", format!("`sourceIp` is `{}`, which is no IP address", shown.escape_debug()))
    })?;
    Ok(draft.source_ip(ip))
}
