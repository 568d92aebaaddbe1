//! Reads a record back into an owned event.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{ADDRESS, ENTRY, Head, shape, tag};
use crate::event::draft::Slot;
use crate::event::{
    Actor, Attributes, EventId, EventKind, Extra, Family, Outcome, Severity, Target, Text, Timestamp, Value,
    VerificationEvent,
};
use crate::trace::{SpanId, TraceContext, TraceId};

struct In<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> In<'a> {
    #[inline]
    fn slice(&mut self, len: usize) -> &'a [u8] {
        let start = self.at;
        self.at += len;
        &self.bytes[start..self.at]
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.slice(N).try_into().expect("a slice of N bytes is an array of N bytes")
    }

    #[inline]
    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.array())
    }

    /// # Safety
    /// The next `len` bytes were written from a `str`.
    #[inline]
    unsafe fn text(&mut self, len: u16) -> &'a str {
        // SAFETY: by the caller.
        unsafe { std::str::from_utf8_unchecked(self.slice(len.into())) }
    }

    #[inline]
    fn len(&mut self) -> u16 {
        u16::from_ne_bytes(self.array())
    }

    /// # Safety
    /// The next bytes were written by [`Out::value`] under `tag`, `len` of them if it is a text or bytes.
    unsafe fn value(&mut self, tag: u8, len: u16) -> Value {
        match tag {
            tag::I64 => Value::I64(i64::from_ne_bytes(self.array())),
            tag::U64 => self.u64().into(),
            tag::F64 => f64::from_ne_bytes(self.array()).into(),
            // SAFETY: written from a `str`.
            tag::STRING => unsafe { self.text(len) }.into(),
            tag::BYTES => self.slice(len.into()).into(),
            tag::IP4 => IpAddr::from(Ipv4Addr::from(self.array::<4>())).into(),
            tag::IP6 => IpAddr::from(Ipv6Addr::from(self.array::<16>())).into(),
            tag => Value::Bool(tag == tag::TRUE),
        }
    }
}

/// The text of a constant name.
///
/// # Safety
/// `address` and `len` are those of a `&'static str`, whose provenance was exposed when they were written.
#[inline]
unsafe fn constant(address: usize, len: u16) -> Text {
    // SAFETY: by the caller.
    let text: &'static str = unsafe {
        let bytes = std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), len.into());
        std::str::from_utf8_unchecked(bytes)
    };
    Text::from_static(text)
}

/// Reads the head of a record.
#[inline]
pub(crate) fn head(record: &[u8]) -> Head {
    let mut input = In { bytes: record, at: 0 };
    let [bits, ticks, seq] = [input.u64(), input.u64(), input.u64()];
    let is = |bit: u64| bits & bit != 0;
    let depth = (bits >> shape::DEPTH) as u8;
    Head { ticks, seq, depth, confirm: is(shape::CONFIRM), side: is(shape::SIDE), tsc: is(shape::TSC) }
}

/// A duration as events keep it: whole nanoseconds, at most `u64::MAX` of them.
fn nanoseconds(seconds: u64, nanos: u32) -> Duration {
    let all = seconds.saturating_mul(1_000_000_000).saturating_add(nanos.into());
    Duration::from_nanos(all)
}

/// The texts by slot, and the attributes.
///
/// # Safety
/// `table` stands where `encode` began the table of a record whose shape is `bits`.
unsafe fn body(mut table: In<'_>, bits: u64) -> ([Option<Text>; Slot::COUNT], Attributes) {
    let present = bits >> shape::TEXTS & ((1 << Slot::COUNT) - 1);
    let count = (bits >> shape::ATTRIBUTES & 0x7f) as usize;
    let constant_action = bits & shape::CONSTANT_ACTION != 0;
    let addresses = if constant_action { ADDRESS } else { 0 };
    let table_bytes = addresses + 2 * present.count_ones() as usize + ENTRY * count;
    let mut bytes = In { bytes: table.bytes, at: table.at + table_bytes };

    let mut texts = [const { None }; Slot::COUNT];
    for (slot, text) in texts.iter_mut().enumerate().filter(|(slot, _)| present & 1 << slot != 0) {
        // SAFETY: `encode` wrote a length for each bit and a `str` of it, or for a constant action its address.
        *text = Some(unsafe {
            if slot == Slot::Action as usize && constant_action {
                constant(usize::from_ne_bytes(table.array()), table.len())
            } else {
                bytes.text(table.len()).into()
            }
        });
    }
    let mut attributes = Attributes::with_capacity(count);
    for _ in 0..count {
        let address = usize::from_ne_bytes(table.array());
        let [name_len, tag] = table.array();
        let len = table.len();
        // SAFETY: `encode` wrote this entry, the name's `str` where there is no address of a constant's, and the value.
        let (name, value) = unsafe {
            let name = match address {
                0 => bytes.text(name_len.into()).into(),
                address => constant(address, name_len.into()),
            };
            (name, bytes.value(tag, len))
        };
        attributes.push_unchecked(name, value);
    }
    (texts, attributes)
}

/// The owned event of an inline record; `received` is its time where the caller gave none.
///
/// `record` is what [`encode`] wrote: it comes from a ring, which has one kind of writer.
pub(crate) fn decode(record: &[u8], id: EventId, received: Timestamp) -> VerificationEvent {
    let mut input = In { bytes: record, at: 0 };
    let [bits, _ticks, _seq] = [input.u64(), input.u64(), input.u64()];
    let is = |bit: u64| bits & bit != 0;
    let [family, severity, outcome] =
        [shape::FAMILY, shape::SEVERITY, shape::OUTCOME].map(|from| (bits >> from) as u8);

    let trace = is(shape::TRACE).then(|| {
        let (trace_id, span_id) = (TraceId::from_bytes(input.array()), SpanId::from_bytes(input.array()));
        let [flags] = input.array();
        Some(TraceContext::new(trace_id.ok()?, span_id.ok()?, flags))
    });
    let duration = is(shape::DURATION).then(|| nanoseconds(input.u64(), u32::from_ne_bytes(input.array())));
    let time = is(shape::TIME).then(|| Timestamp::from_nanos(input.u64() as i64));
    let ip = (is(shape::IP4) || is(shape::IP6)).then(|| {
        let octets: [u8; 16] = input.array();
        let [a, b, c, d, ..] = octets;
        if is(shape::IP4) { IpAddr::from([a, b, c, d]) } else { IpAddr::from(octets) }
    });
    let port = is(shape::PORT).then(|| u16::from_ne_bytes(input.array()));
    let measured = is(shape::MEASURED).then(|| f64::from_bits(input.u64()));
    let numbers = [shape::NUMBER_0, shape::NUMBER_1].map(|bit| is(bit).then(|| input.u64()));
    // SAFETY: the table and the bytes begin here, and the bits are those of this record.
    let (mut texts, attributes) = unsafe { body(input, bits) };

    let mut take = |slot: Slot| texts[slot as usize].take();
    let family = Family::KNOWN.into_iter().find(|f| *f as u8 == family).unwrap_or(Family::Unknown);
    let payload = [take(Slot::Payload1), take(Slot::Payload2), take(Slot::Payload3)];
    let mut kind = match (family, &payload[0]) {
        (Family::Unknown, Some(name)) => EventKind::from_name(name),
        (family, _) => EventKind::empty(family),
    };
    kind.set_payload(payload, measured, numbers);
    let actor = Actor { name: take(Slot::ActorName), ip, port, host: take(Slot::ActorHost) };
    let kind_of_target = take(Slot::TargetKind);
    VerificationEvent {
        id,
        time: time.unwrap_or(received),
        kind,
        action: take(Slot::Action).unwrap_or_default(),
        severity: Severity::from_id(severity).unwrap_or_default(),
        outcome: Outcome::from_id(outcome).unwrap_or_default(),
        reason: take(Slot::Reason),
        actor: (!actor.is_empty()).then_some(actor),
        target: take(Slot::TargetName).map(|name| Target { name, kind: kind_of_target }),
        trace: trace.flatten(),
        duration,
        attributes,
        extra: Extra::new(),
    }
}
