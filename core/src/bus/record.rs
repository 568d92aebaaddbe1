//! An event as bytes in a ring: copied in once from borrowed text, turned into an owned event by the dispatcher.
//!
//! Never leaves the process; the layout may change with any release. Fixed part of [`FIXED`] bytes, then the
//! optional numbers in the order of their [`has`] bits, then the texts back to back, then the attributes.
//! What does not fit this form (nested values, texts of 64 KiB and more, unknown fields) travels as an owned event
//! in the lane's side queue, with a record that says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::event::draft::Slot;
use crate::event::{
    Actor, Attributes, Draft, EventId, EventKind, Extra, Family, Outcome, Severity, Target, Text, Timestamp,
    Value, ValueRef, VerificationEvent,
};
use crate::trace::{SpanId, TraceContext, TraceId};

/// Bytes of the fixed part.
const FIXED: usize = 44;
/// Length of an absent text.
const ABSENT: u16 = u16::MAX;

mod has {
    pub(super) const TRACE: u32 = 1;
    pub(super) const DURATION: u32 = 1 << 1;
    pub(super) const TIME: u32 = 1 << 2;
    pub(super) const IP4: u32 = 1 << 3;
    pub(super) const IP6: u32 = 1 << 4;
    pub(super) const PORT: u32 = 1 << 5;
    pub(super) const MEASURED: u32 = 1 << 6;
    pub(super) const NUMBER_0: u32 = 1 << 7;
    pub(super) const NUMBER_1: u32 = 1 << 8;
    pub(super) const SIDE: u32 = 1 << 9;
    pub(super) const CONFIRM: u32 = 1 << 10;
    pub(super) const TSC: u32 = 1 << 11;
}

mod tag {
    pub(super) const FALSE: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const I64: u8 = 2;
    pub(super) const U64: u8 = 3;
    pub(super) const F64: u8 = 4;
    pub(super) const STRING: u8 = 5;
    pub(super) const BYTES: u8 = 6;
    pub(super) const IP4: u8 = 7;
    pub(super) const IP6: u8 = 8;
}

/// What the publishing thread knows of an event beyond its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Ticks of the engine's counter.
    pub(crate) ticks: u64,
    /// Number in the lane.
    pub(crate) seq: u64,
    /// How many handlers deep the publisher stands; 0 outside of handlers.
    pub(crate) depth: u8,
    /// A [`crate::bus::confirm::Confirm`] waits in the side queue.
    pub(crate) confirm: bool,
    /// `ticks` are of the time stamp counter, else nanoseconds.
    pub(crate) tsc: bool,
    /// The ambient trace, for a draft without one.
    pub(crate) trace: Option<TraceContext>,
    /// The time by an injected clock, for a draft without one.
    pub(crate) time: Option<Timestamp>,
}

/// The head of a record, read without decoding the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) ticks: u64,
    pub(crate) seq: u64,
    pub(crate) depth: u8,
    pub(crate) confirm: bool,
    pub(crate) side: bool,
    pub(crate) tsc: bool,
}

/// Bytes that the inline record of `draft` needs at most, or `None` if it has to take the side queue.
#[inline]
pub(crate) fn inline_len(draft: &Draft<'_>) -> Option<usize> {
    // 25 trace, 8 duration, 8 time, 16 address, 2 port, 3 × 8 numbers: reserving for all is cheaper than asking.
    let mut len = FIXED + 83;
    for text in draft.texts.iter().flatten() {
        if text.len() >= usize::from(ABSENT) {
            return None;
        }
        len += text.len();
    }
    for (name, value) in draft.attributes.iter().chain(&draft.more) {
        len += 1 + name.len() + inline_value_len(*value)?;
    }
    draft.extra.is_none().then_some(len)
}

/// Bytes of a record that points to the side queue.
pub(crate) const SIDE_LEN: usize = FIXED;

#[inline]
fn inline_value_len(value: ValueRef<'_>) -> Option<usize> {
    let text = |len: usize| (len < usize::from(ABSENT)).then_some(3 + len);
    match value {
        ValueRef::Bool(_) => Some(1),
        ValueRef::I64(_) | ValueRef::U64(_) | ValueRef::F64(_) => Some(9),
        ValueRef::Str(v) => text(v.len()),
        ValueRef::Bytes(v) => text(v.len()),
        ValueRef::Ip(IpAddr::V4(_)) => Some(5),
        ValueRef::Ip(IpAddr::V6(_)) => Some(17),
        ValueRef::Value(Value::String(v)) => text(v.len()),
        ValueRef::Value(Value::Bytes(v)) => text(v.len()),
        ValueRef::Value(Value::Bool(_)) => Some(1),
        ValueRef::Value(Value::I64(_) | Value::U64(_) | Value::F64(_)) => Some(9),
        ValueRef::Value(Value::List(_) | Value::Map(_)) => None,
    }
}

struct Out<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Out<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    #[inline]
    fn text(&mut self, tag: u8, bytes: &[u8]) {
        self.put(&[tag]);
        self.put(&(bytes.len() as u16).to_ne_bytes());
        self.put(bytes);
    }

    #[inline]
    fn number(&mut self, tag: u8, bytes: [u8; 8]) {
        self.put(&[tag]);
        self.put(&bytes);
    }

    #[inline]
    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Bool(v) => self.put(&[if v { tag::TRUE } else { tag::FALSE }]),
            ValueRef::I64(v) => self.number(tag::I64, v.to_ne_bytes()),
            ValueRef::U64(v) => self.number(tag::U64, v.to_ne_bytes()),
            ValueRef::F64(v) => self.number(tag::F64, v.to_ne_bytes()),
            ValueRef::Str(v) => self.text(tag::STRING, v.as_bytes()),
            ValueRef::Bytes(v) => self.text(tag::BYTES, v),
            ValueRef::Ip(IpAddr::V4(v)) => {
                self.put(&[tag::IP4]);
                self.put(&v.octets());
            }
            ValueRef::Ip(IpAddr::V6(v)) => {
                self.put(&[tag::IP6]);
                self.put(&v.octets());
            }
            ValueRef::Value(Value::Bool(v)) => self.value(ValueRef::Bool(*v)),
            ValueRef::Value(Value::I64(v)) => self.value(ValueRef::I64(*v)),
            ValueRef::Value(Value::U64(v)) => self.value(ValueRef::U64(*v)),
            ValueRef::Value(Value::F64(v)) => self.value(ValueRef::F64(*v)),
            ValueRef::Value(Value::String(v)) => self.value(ValueRef::Str(v)),
            ValueRef::Value(Value::Bytes(v)) => self.value(ValueRef::Bytes(v)),
            ValueRef::Value(Value::List(_) | Value::Map(_)) => {
                unreachable!("`inline_len` sends nested values to the side queue")
            }
        }
    }
}

/// Writes the record of `draft` into `room`, which has [`inline_len`] bytes, and says how many it took.
#[inline]
pub(crate) fn encode(draft: &Draft<'_>, stamp: &Stamp, room: &mut [u8]) -> usize {
    let mut out = Out { bytes: room, at: FIXED };
    let mut bits = stamp_bits(stamp);
    if let Some(trace) = draft.trace.or(stamp.trace) {
        bits |= has::TRACE;
        out.put(&trace.trace_id.to_bytes());
        out.put(&trace.span_id.to_bytes());
        out.put(&[trace.flags()]);
    }
    if let Some(duration) = draft.duration {
        bits |= has::DURATION;
        out.put(&u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).to_ne_bytes());
    }
    if let Some(time) = draft.time.or(stamp.time) {
        bits |= has::TIME;
        out.put(&time.as_nanos().to_ne_bytes());
    }
    match draft.ip {
        Some(IpAddr::V4(ip)) => {
            bits |= has::IP4;
            out.put(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            bits |= has::IP6;
            out.put(&ip.octets());
        }
        None => {}
    }
    if let Some(port) = draft.port {
        bits |= has::PORT;
        out.put(&port.to_ne_bytes());
    }
    if let Some(measured) = draft.measured {
        bits |= has::MEASURED;
        out.put(&measured.to_ne_bytes());
    }
    for (bit, number) in [has::NUMBER_0, has::NUMBER_1].into_iter().zip(draft.numbers) {
        if let Some(number) = number {
            bits |= bit;
            out.put(&number.to_ne_bytes());
        }
    }
    let mut lengths = [ABSENT; Slot::COUNT];
    for (length, text) in lengths.iter_mut().zip(&draft.texts) {
        if let Some(text) = text {
            *length = text.len() as u16;
            out.put(text.as_bytes());
        }
    }
    for (name, value) in draft.attributes.iter().chain(&draft.more) {
        out.put(&[name.len() as u8]);
        out.put(name.as_bytes());
        out.value(*value);
    }
    let attributes = (draft.attributes.len() + draft.more.len()) as u8;
    fixed(draft, stamp, bits, &lengths, attributes, out.bytes);
    out.at
}

/// Writes a record that says "the event is in the side queue" into `room` of [`SIDE_LEN`] bytes.
pub(crate) fn encode_side(draft: &Draft<'_>, stamp: &Stamp, room: &mut [u8]) {
    let bits = has::SIDE | stamp_bits(stamp);
    fixed(draft, stamp, bits, &[ABSENT; Slot::COUNT], 0, room);
}

#[inline]
fn stamp_bits(stamp: &Stamp) -> u32 {
    (if stamp.confirm { has::CONFIRM } else { 0 }) | (if stamp.tsc { has::TSC } else { 0 })
}

#[inline]
fn fixed(
    draft: &Draft<'_>,
    stamp: &Stamp,
    bits: u32,
    lengths: &[u16; Slot::COUNT],
    attributes: u8,
    room: &mut [u8],
) {
    let mut out = Out { bytes: room, at: 0 };
    out.put(&[draft.family as u8, draft.severity.id(), draft.outcome.id(), stamp.depth]);
    out.put(&bits.to_ne_bytes());
    out.put(&stamp.ticks.to_ne_bytes());
    out.put(&stamp.seq.to_ne_bytes());
    for length in lengths {
        out.put(&length.to_ne_bytes());
    }
    out.put(&[attributes]);
}

struct In<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> In<'a> {
    fn slice(&mut self, len: usize) -> &'a [u8] {
        self.at += len;
        &self.bytes[self.at - len..self.at]
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.slice(N).try_into().expect("a slice of N bytes is an array of N bytes")
    }

    fn u16(&mut self) -> u16 {
        u16::from_ne_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_ne_bytes(self.array())
    }

    fn text(&mut self, len: usize) -> &'a str {
        std::str::from_utf8(self.slice(len)).expect("a record holds the text it was given")
    }

    fn value(&mut self) -> Value {
        let [tag] = self.array();
        match tag {
            tag::I64 => Value::I64(i64::from_ne_bytes(self.array())),
            tag::U64 => self.u64().into(),
            tag::F64 => f64::from_ne_bytes(self.array()).into(),
            tag::STRING => {
                let len = self.u16().into();
                self.text(len).into()
            }
            tag::BYTES => {
                let len = self.u16().into();
                self.slice(len).into()
            }
            tag::IP4 => IpAddr::from(Ipv4Addr::from(self.array::<4>())).into(),
            tag::IP6 => IpAddr::from(Ipv6Addr::from(self.array::<16>())).into(),
            tag => Value::Bool(tag == tag::TRUE),
        }
    }
}

/// Reads the head of a record.
pub(crate) fn head(record: &[u8]) -> Head {
    let mut input = In { bytes: record, at: 3 };
    let [depth] = input.array();
    let bits = u32::from_ne_bytes(input.array());
    let (ticks, seq) = (input.u64(), input.u64());
    Head {
        ticks,
        seq,
        depth,
        confirm: bits & has::CONFIRM != 0,
        side: bits & has::SIDE != 0,
        tsc: bits & has::TSC != 0,
    }
}

/// The owned event of an inline record; `received` is its time where the caller gave none.
pub(crate) fn decode(record: &[u8], id: EventId, received: Timestamp) -> VerificationEvent {
    let mut input = In { bytes: record, at: 0 };
    let [family, severity, outcome, _depth] = input.array();
    let bits = u32::from_ne_bytes(input.array());
    input.at += 16;
    let lengths: [u16; Slot::COUNT] = std::array::from_fn(|_| input.u16());
    let [attributes] = input.array();
    input.at = FIXED;

    let trace = (bits & has::TRACE != 0).then(|| {
        let trace_id = TraceId::from_bytes(input.array());
        let span_id = SpanId::from_bytes(input.array());
        let [flags] = input.array();
        Some(TraceContext::new(trace_id.ok()?, span_id.ok()?, flags))
    });
    let duration = (bits & has::DURATION != 0).then(|| Duration::from_nanos(input.u64()));
    let time = (bits & has::TIME != 0).then(|| Timestamp::from_nanos(input.u64() as i64));
    let ip = match bits & (has::IP4 | has::IP6) {
        has::IP4 => Some(IpAddr::from(Ipv4Addr::from(input.array::<4>()))),
        has::IP6 => Some(IpAddr::from(Ipv6Addr::from(input.array::<16>()))),
        _ => None,
    };
    let port = (bits & has::PORT != 0).then(|| input.u16());
    let measured = (bits & has::MEASURED != 0).then(|| f64::from_bits(input.u64()));
    let numbers = [has::NUMBER_0, has::NUMBER_1].map(|bit| (bits & bit != 0).then(|| input.u64()));
    let mut texts: [Option<Text>; Slot::COUNT] =
        lengths.map(|length| (length != ABSENT).then(|| Text::from(input.text(length.into()))));
    let mut values = Attributes::with_capacity(attributes.into());
    for _ in 0..attributes {
        let [len] = input.array();
        let name = input.text(len.into()).into();
        let value = input.value();
        values.push_unchecked(name, value);
    }

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
        attributes: values,
        extra: Extra::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{self, InstanceId};

    fn round_trip(draft: &Draft<'_>) -> (VerificationEvent, VerificationEvent) {
        let id = EventId::new(InstanceId(1), 2, 3);
        let stamp = Stamp { ticks: 9, seq: 3, depth: 1, confirm: false, tsc: true, trace: None, time: None };
        let mut room = vec![0xaa; inline_len(draft).expect("inline")];
        encode(draft, &stamp, &mut room);
        let seen = head(&room);
        assert_eq!(seen, Head { ticks: 9, seq: 3, depth: 1, confirm: false, side: false, tsc: true });
        let time = Timestamp::from_seconds(7);
        (decode(&room, id, time), draft.clone().into_event(id, time).expect("valid"))
    }

    #[test]
    fn every_family_and_every_plain_value_comes_back() {
        let nested = Value::from(u64::MAX);
        let trace = TraceContext::new_root();
        let drafts: [Draft<'_>; 5] = [
            event::authentication("login")
                .failure()
                .actor("alice")
                .method("password")
                .credential("k1")
                .reason("")
                .source_ip("2001:db8::1".parse().expect("ip"))
                .source_port(22)
                .into(),
            event::authorization("check")
                .success()
                .permission("read")
                .policy("p")
                .target("o/1")
                .target_kind("order")
                .source_ip("192.0.2.1".parse().expect("ip"))
                .trace(trace)
                .into(),
            event::configuration("change")
                .setting("s")
                .old_value("a")
                .new_value("b")
                .source_host("h")
                .time(Timestamp::from_seconds(-5))
                .into(),
            event::performance("t")
                .measured(-0.0, "s")
                .count(3)
                .errors(u64::MAX)
                .duration(Duration::from_nanos(12))
                .into(),
            event::security("s")
                .technique("T1110")
                .rule("r")
                .score(100)
                .severity(Severity::Fatal)
                .attribute("a", true)
                .attribute("b", false)
                .attribute("c", i64::MIN)
                .attribute("d", &nested)
                .attribute("e", 0.5)
                .attribute("f", "ü")
                .attribute("g", &b"\xff"[..])
                .attribute("h", IpAddr::from([1, 2, 3, 4]))
                .into(),
        ];
        for draft in drafts {
            let (decoded, expected) = round_trip(&draft);
            assert_eq!(decoded, expected);
            let (again, _) = round_trip(&Draft::from(&expected));
            assert_eq!(again, expected, "an owned event goes through the ring unchanged");
        }
    }

    #[test]
    fn what_is_nested_long_or_unknown_takes_the_side_queue() {
        let list = Value::List(vec![]);
        let long = "x".repeat(65_535);
        assert_eq!(inline_len(event::security("s").attribute("a", &list).as_ref()), None);
        assert_eq!(inline_len(event::security("s").reason(&long).as_ref()), None);
        assert!(inline_len(event::security("s").reason(&long[1..]).as_ref()).is_some());
    }
}
