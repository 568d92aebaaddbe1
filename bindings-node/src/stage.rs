//! The bytes through which JavaScript hands an event over: written by `ts/stage.ts`, read here without a copy.
//!
//! Bytes 0–255 are 64 words of 32 bits, 256–511 are 32 floats of 64 bits, both in the machine's byte order; from
//! byte 512 on stands all text, one after the other, in UTF-8.
//!
//! Words: 0 family, severity << 8, outcome << 16 · 1 which texts (bits 0–10) and numbers (bits 16–21) are given ·
//! 2 attributes · 3 the number of the bus · 4 the job it is published from · 5 bytes of text, and the highest bit if the
//! trace of the moment is on the stage · from 6 on the length of each given text, then for each attribute the length
//! of its name and its type | length << 3. Floats: port, duration in nanoseconds, value, count, errors, score, then
//! for attribute *n* its number at 6 + *n*.

use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;

use veribus_core::event;
use veribus_core::{Draft, EventError, Name, Outcome, Severity, TraceContext, ValueRef};

use crate::error::{self, Result, fault};

/// Most attributes that are staged; events with more come as JSON.
const ATTRIBUTES_MAX: usize = 16;
const TEXT_AT: usize = 512;
const NUMBERS_AT: usize = 256;
/// The first float of an attribute.
const ATTRIBUTE_NUMBERS: usize = 6;
const TEXTS: usize = 11;
/// The first word of the lengths.
const LENGTHS: usize = 6;

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

const ACTION: usize = 0;
const REASON: usize = 1;
const ACTOR: usize = 2;
const SOURCE_IP: usize = 3;
const SOURCE_HOST: usize = 4;
const TARGET: usize = 5;
const TARGET_KIND: usize = 6;
const TRACE: usize = 10;

/// What stands on the stage beside the event: where it goes.
pub(crate) struct Way {
    pub(crate) bus: u32,
    /// The job from inside of which it is published; 0 for none.
    pub(crate) job: u32,
    /// The stage holds the trace of the moment.
    pub(crate) traced: bool,
    length: usize,
}

/// The highest bit of the word that holds the length.
const TRACED: usize = 1 << 31;

impl Way {
    #[inline]
    pub(crate) fn of(bytes: &[u8]) -> Way {
        let mut stage = Stage { bytes, text: "", word: 3 };
        let (bus, job, length) = (stage.next(), stage.next(), stage.next());
        Way { bus: bus as u32, job: job as u32, traced: length & TRACED != 0, length: length & !TRACED }
    }
}

type Attribute<'a> = (Name<'a>, ValueRef<'a>);

/// An event on the stage, taken apart.
struct Parts<'a> {
    head: usize,
    texts: [Option<&'a str>; TEXTS],
    numbers: [Option<f64>; ATTRIBUTE_NUMBERS],
    attributes: SmallVec<[Attribute<'a>; 8]>,
}

impl<'a> Parts<'a> {
    #[inline(always)]
    fn of(bytes: &'a [u8]) -> Result<Self> {
        let Way { length, .. } = Way::of(bytes);
        let text = bytes.get(TEXT_AT..TEXT_AT + length).ok_or_else(|| nonsense("too long"))?;
        let text = std::str::from_utf8(text).map_err(|_| nonsense("not UTF-8"))?;
        let mut stage = Stage { bytes, text, word: 0 };
        let (head, present, count) = (stage.next(), stage.next(), stage.next());
        stage.word = LENGTHS;
        let mut texts = [None; TEXTS];
        for (slot, text) in texts.iter_mut().enumerate() {
            if present & 1 << slot != 0 {
                let length = stage.next();
                *text = Some(stage.take(length)?);
            }
        }
        let number = |index: usize| (present & 1 << (16 + index) != 0).then(|| stage.number(index));
        let numbers = std::array::from_fn(number);
        if count > ATTRIBUTES_MAX {
            return Err(nonsense("too many attributes"));
        }
        let mut attributes = SmallVec::new();
        for index in 0..count {
            attributes.push(one(&mut stage, index)?);
        }
        Ok(Parts { head, texts, numbers, attributes })
    }

    /// Its own trace, else that of the moment.
    #[inline]
    fn trace(&self, ambient: Option<TraceContext>) -> Result<Option<TraceContext>> {
        let Some(own) = self.texts[TRACE] else { return Ok(ambient) };
        TraceContext::parse(own).map(Some).map_err(|found| error::event(&EventError::TraceInvalid(found)))
    }
}

/// Reads the staged event and gives it to `with`; `ambient` is the trace of an event that has none of its own.
#[inline]
pub(crate) fn read<R>(
    bytes: &[u8],
    ambient: Option<TraceContext>,
    with: impl FnOnce(&Draft<'_>) -> R,
) -> Result<R> {
    let parts = Parts::of(bytes)?;
    let trace = parts.trace(ambient)?;
    let Parts { head, texts, numbers, attributes } = parts;
    let ip = texts[SOURCE_IP].map(address).transpose()?;
    let outcome = u8::try_from(head >> 16).ok().and_then(Outcome::from_id).unwrap_or_default();
    let severity = Severity::from_id((head >> 8) as u8).unwrap_or_default();
    // The same for each family; a macro, for the builders of two families are two types, and large.
    macro_rules! whole {
        ($begin:expr, $($set:ident = $value:expr),*) => {{
            let mut draft = $begin.outcome(outcome).severity(severity).attributes(&attributes);
            $(if let Some(value) = $value { draft = draft.$set(value); })*
            if let Some(text) = texts[REASON] { draft = draft.reason(text); }
            if let Some(text) = texts[ACTOR] { draft = draft.actor(text); }
            if let Some(text) = texts[SOURCE_HOST] { draft = draft.source_host(text); }
            if let Some(text) = texts[TARGET] { draft = draft.target(text); }
            if let Some(text) = texts[TARGET_KIND] { draft = draft.target_kind(text); }
            if let Some(trace) = trace { draft = draft.trace(trace); }
            if let Some(ip) = ip { draft = draft.source_ip(ip); }
            if let Some(port) = numbers[0] { draft = draft.source_port(port as u16); }
            if let Some(nanos) = numbers[1] { draft = draft.duration(Duration::from_nanos(nanos as u64)); }
            Ok(with(draft.as_ref()))
        }};
    }
    let action = texts[ACTION].unwrap_or_default();
    match head as u8 {
        1 => whole!(event::authentication(action), method = texts[7], credential = texts[8]),
        2 => whole!(event::authorization(action), permission = texts[7], policy = texts[8]),
        3 => whole!(
            event::configuration(action),
            setting = texts[7],
            old_value = texts[8],
            new_value = texts[9]
        ),
        4 => {
            let mut draft = event::performance(action);
            if let (Some(value), Some(unit)) = (numbers[2], texts[7]) {
                draft = draft.measured(value, unit);
            }
            let (count, errors) = (numbers[3].map(|n| n as u64), numbers[4].map(|n| n as u64));
            whole!(draft, count = count, errors = errors)
        }
        5 => {
            let score = numbers[5].map(|score| score as u8);
            whole!(event::security(action), score = score, technique = texts[7], rule = texts[8])
        }
        _ => Err(nonsense("no such family")),
    }
}

#[inline]
fn one<'a>(stage: &mut Stage<'a>, index: usize) -> Result<Attribute<'a>> {
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
fn address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        fault("EVT_FIELD_TYPE", format!("`sourceIp` is `{}`, which is no IP address", shown.escape_debug()))
    })
}
