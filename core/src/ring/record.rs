//! An event as bytes in a ring: copied in once from borrowed text, turned into an owned event by the dispatcher.
//!
//! Never leaves the process; the layout may change with any release. Fixed part of [`FIXED`] bytes, then the
//! optional numbers in the order of their [`has`] bits, then each text behind its length, then the attributes.
//! What does not fit this form (nested values, texts of 64 KiB and more, unknown fields) travels as an owned event
//! in the lane's side queue, with a record that says so.
//!
//! Writing is the hottest code of the library and goes through a bare pointer: a [`Measured`] draft proves how many
//! bytes it can need. Reading trusts that a record is what [`encode`] wrote; nobody else writes into a ring.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::copy::put;
use crate::event::draft::Slot;
use crate::event::{
    Actor, Attributes, Draft, EventId, EventKind, Extra, Family, Outcome, Severity, Target, Text, Timestamp,
    Value, ValueRef, VerificationEvent,
};
use crate::trace::{SpanId, TraceContext, TraceId};

/// Bytes of the fixed part: family, severity, outcome, depth; bits and number of attributes (u32); ticks (u64);
/// sequence (48 bits) and which texts there are (16 bits).
const FIXED: usize = 24;
/// Most bytes of the optional numbers: trace 25, duration 8, time 8, address 16, port 2, three numbers 24.
const OPTIONAL: usize = 83;
/// Texts of this length and more take the side queue.
const TEXT_MAX: usize = u16::MAX as usize;

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
    /// The number of attributes stands from this bit on.
    pub(super) const ATTRIBUTES: u32 = 16;
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
    /// A `Confirm` waits in the side queue.
    pub(crate) confirm: bool,
    /// `ticks` are of the time stamp counter, else nanoseconds.
    pub(crate) tsc: bool,
    /// The ambient trace, for a draft without one.
    pub(crate) trace: Option<TraceContext>,
    /// The time by an injected clock, for a draft without one.
    pub(crate) time: Option<Timestamp>,
}

impl Stamp {
    #[inline]
    fn bits(&self) -> u32 {
        (if self.confirm { has::CONFIRM } else { 0 }) | (if self.tsc { has::TSC } else { 0 })
    }
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

/// A draft whose record fits the inline form, with the bytes it needs at most.
pub(crate) struct Measured<'d, 'a> {
    draft: &'d Draft<'a>,
    len: usize,
}

/// Bytes of a record that points to the side queue.
pub(crate) const SIDE_LEN: usize = FIXED;

impl<'d, 'a> Measured<'d, 'a> {
    /// Measures a draft; `None` if it has to take the side queue.
    #[inline]
    pub(crate) fn of(draft: &'d Draft<'a>) -> Option<Self> {
        let mut len = FIXED + OPTIONAL;
        let mut longest = 0;
        for text in draft.texts.iter().flatten() {
            len += 2 + text.len();
            longest = longest.max(text.len());
        }
        len += attributes_len(draft.attributes)? + attributes_len(&draft.more)?;
        (longest < TEXT_MAX && draft.extra.is_none()).then_some(Measured { draft, len })
    }

    /// Bytes that [`encode`] may need.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[inline]
fn attributes_len(attributes: &[(&str, ValueRef<'_>)]) -> Option<usize> {
    let mut len = 0;
    for (name, value) in attributes {
        // A name above 255 bytes is refused by the check before; this is the proof that its length fits a byte.
        if name.len() > usize::from(u8::MAX) {
            return None;
        }
        len += 2 + name.len() + value_len(value)?;
    }
    Some(len)
}

#[inline]
fn value_len(value: &ValueRef<'_>) -> Option<usize> {
    let text = |len: usize| (len < TEXT_MAX).then_some(2 + len);
    match value {
        ValueRef::Str(v) => text(v.len()),
        ValueRef::Bytes(v) => text(v.len()),
        ValueRef::Bool(_) | ValueRef::I64(_) | ValueRef::U64(_) | ValueRef::F64(_) => Some(8),
        ValueRef::Ip(_) => Some(16),
        ValueRef::Value(Value::String(v)) => text(v.len()),
        ValueRef::Value(Value::Bytes(v)) => text(v.len()),
        ValueRef::Value(Value::List(_) | Value::Map(_)) => None,
        ValueRef::Value(_) => Some(8),
    }
}

/// A place in the room of a record. Every method needs the room that [`Measured`] has counted for it.
struct Out(*mut u8);

impl Out {
    /// # Safety
    /// There is room for `bytes` at the place.
    #[inline(always)]
    unsafe fn put(&mut self, bytes: &[u8]) {
        // SAFETY: by the caller; a ring's room never overlaps a caller's text.
        self.0 = unsafe { put(self.0, bytes) };
    }

    /// # Safety
    /// There is room for `N` bytes at the place.
    #[inline(always)]
    unsafe fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        // SAFETY: by the caller.
        unsafe {
            self.0.cast::<[u8; N]>().write_unaligned(bytes);
            self.0 = self.0.add(N);
        }
    }

    /// # Safety
    /// There is room for two bytes and `text`, which is shorter than [`TEXT_MAX`].
    #[inline(always)]
    unsafe fn text(&mut self, text: &[u8]) {
        // SAFETY: by the caller.
        unsafe {
            self.array((text.len() as u16).to_ne_bytes());
            self.put(text);
        }
    }

    /// # Safety
    /// There is room for all of them as counted by [`attributes_len`].
    #[inline(always)]
    unsafe fn attributes(&mut self, attributes: &[(&str, ValueRef<'_>)]) {
        for (name, value) in attributes {
            // SAFETY: name length, tag, name and value were counted each.
            unsafe {
                let tag = tag_of(value);
                self.array([name.len() as u8, tag]);
                self.put(name.as_bytes());
                self.value(value);
            }
        }
    }

    /// # Safety
    /// There is room for the value as counted by [`value_len`].
    #[inline(always)]
    unsafe fn value(&mut self, value: &ValueRef<'_>) {
        // SAFETY: by the caller.
        unsafe {
            match value {
                ValueRef::Str(v) => self.text(v.as_bytes()),
                ValueRef::Bytes(v) => self.text(v),
                ValueRef::I64(v) => self.array(v.to_ne_bytes()),
                ValueRef::U64(v) => self.array(v.to_ne_bytes()),
                ValueRef::F64(v) => self.array(v.to_ne_bytes()),
                ValueRef::Ip(IpAddr::V4(v)) => self.array(v.octets()),
                ValueRef::Ip(IpAddr::V6(v)) => self.array(v.octets()),
                ValueRef::Value(Value::String(v)) => self.text(v.as_bytes()),
                ValueRef::Value(Value::Bytes(v)) => self.text(v),
                ValueRef::Value(Value::I64(v)) => self.array(v.to_ne_bytes()),
                ValueRef::Value(Value::U64(v)) => self.array(v.to_ne_bytes()),
                ValueRef::Value(Value::F64(v)) => self.array(v.to_ne_bytes()),
                ValueRef::Bool(_) | ValueRef::Value(_) => {} // the tag says it all; nested ones are not inline
            }
        }
    }
}

#[inline(always)]
fn tag_of(value: &ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Str(_) | ValueRef::Value(Value::String(_)) => tag::STRING,
        ValueRef::Bytes(_) | ValueRef::Value(Value::Bytes(_)) => tag::BYTES,
        ValueRef::I64(_) | ValueRef::Value(Value::I64(_)) => tag::I64,
        ValueRef::U64(_) | ValueRef::Value(Value::U64(_)) => tag::U64,
        ValueRef::F64(_) | ValueRef::Value(Value::F64(_)) => tag::F64,
        ValueRef::Ip(IpAddr::V4(_)) => tag::IP4,
        ValueRef::Ip(IpAddr::V6(_)) => tag::IP6,
        ValueRef::Bool(true) | ValueRef::Value(Value::Bool(true)) => tag::TRUE,
        ValueRef::Bool(false) | ValueRef::Value(_) => tag::FALSE,
    }
}

/// Writes the record of a draft into `room` and says how many bytes it took.
///
/// # Panics
/// If `room` is shorter than [`Measured::len`].
#[inline]
pub(crate) fn encode(measured: &Measured<'_, '_>, stamp: &Stamp, room: &mut [u8]) -> usize {
    assert!(room.len() >= measured.len);
    let draft = measured.draft;
    let start = room.as_mut_ptr();
    let mut bits = stamp.bits();
    let mut texts = 0_u64;
    // SAFETY: `measured` counted FIXED + OPTIONAL, each text with its length and each attribute of this very draft,
    // which is borrowed and cannot have changed; the room has as many bytes.
    unsafe {
        let mut out = Out(start.add(FIXED));
        if let Some(trace) = draft.trace.or(stamp.trace) {
            bits |= has::TRACE;
            out.array(trace.trace_id.to_bytes());
            out.array(trace.span_id.to_bytes());
            out.array([trace.flags()]);
        }
        if let Some(duration) = draft.duration {
            bits |= has::DURATION;
            let nanos = duration.as_secs().saturating_mul(1_000_000_000);
            out.array(nanos.saturating_add(duration.subsec_nanos().into()).to_ne_bytes());
        }
        if let Some(time) = draft.time.or(stamp.time) {
            bits |= has::TIME;
            out.array(time.as_nanos().to_ne_bytes());
        }
        match draft.ip {
            Some(IpAddr::V4(ip)) => {
                bits |= has::IP4;
                out.array(ip.octets());
            }
            Some(IpAddr::V6(ip)) => {
                bits |= has::IP6;
                out.array(ip.octets());
            }
            None => {}
        }
        if let Some(port) = draft.port {
            bits |= has::PORT;
            out.array(port.to_ne_bytes());
        }
        if let Some(measured) = draft.measured {
            bits |= has::MEASURED;
            out.array(measured.to_ne_bytes());
        }
        for (bit, number) in [has::NUMBER_0, has::NUMBER_1].into_iter().zip(draft.numbers) {
            if let Some(number) = number {
                bits |= bit;
                out.array(number.to_ne_bytes());
            }
        }
        for (slot, text) in draft.texts.iter().enumerate() {
            if let Some(text) = text {
                texts |= 1 << slot;
                out.text(text.as_bytes());
            }
        }
        out.attributes(draft.attributes);
        out.attributes(&draft.more);
        let attributes = (draft.attributes.len() + draft.more.len()) as u32;
        fixed(start, draft, stamp, bits | attributes << has::ATTRIBUTES, texts);
        out.0.offset_from_unsigned(start)
    }
}

/// Writes a record that says "the event is in the side queue" into `room` of [`SIDE_LEN`] bytes.
pub(crate) fn encode_side(draft: &Draft<'_>, stamp: &Stamp, room: &mut [u8]) {
    assert!(room.len() >= FIXED);
    // SAFETY: the room has FIXED bytes.
    unsafe { fixed(room.as_mut_ptr(), draft, stamp, has::SIDE | stamp.bits(), 0) }
}

/// # Safety
/// There is room for [`FIXED`] bytes at `start`.
#[inline(always)]
unsafe fn fixed(start: *mut u8, draft: &Draft<'_>, stamp: &Stamp, bits: u32, texts: u64) {
    let mut out = Out(start);
    // SAFETY: 4 + 4 + 8 + 8 bytes.
    unsafe {
        out.array([draft.family as u8, draft.severity.id(), draft.outcome.id(), stamp.depth]);
        out.array(bits.to_ne_bytes());
        out.array(stamp.ticks.to_ne_bytes());
        out.array((stamp.seq & EventId::SEQ_MAX | texts << 48).to_ne_bytes());
    }
}

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

    #[inline]
    fn bytes(&mut self) -> &'a [u8] {
        let len = u16::from_ne_bytes(self.array());
        self.slice(len.into())
    }

    /// # Safety
    /// The next `len` bytes were written from a `str`.
    #[inline]
    unsafe fn text(&mut self, len: usize) -> &'a str {
        // SAFETY: by the caller.
        unsafe { std::str::from_utf8_unchecked(self.slice(len)) }
    }

    /// # Safety
    /// What follows was written by [`Out::value`] under `tag`.
    unsafe fn value(&mut self, tag: u8) -> Value {
        match tag {
            tag::I64 => Value::I64(i64::from_ne_bytes(self.array())),
            tag::U64 => self.u64().into(),
            tag::F64 => f64::from_ne_bytes(self.array()).into(),
            tag::STRING => {
                let len = u16::from_ne_bytes(self.array());
                // SAFETY: written from a `str`.
                unsafe { self.text(len.into()) }.into()
            }
            tag::BYTES => self.bytes().into(),
            tag::IP4 => IpAddr::from(Ipv4Addr::from(self.array::<4>())).into(),
            tag::IP6 => IpAddr::from(Ipv6Addr::from(self.array::<16>())).into(),
            tag => Value::Bool(tag == tag::TRUE),
        }
    }
}

/// Reads the head of a record.
#[inline]
pub(crate) fn head(record: &[u8]) -> Head {
    let mut input = In { bytes: record, at: 3 };
    let [depth] = input.array();
    let bits = u32::from_ne_bytes(input.array());
    let (ticks, seq) = (input.u64(), input.u64() & EventId::SEQ_MAX);
    let is = |bit: u32| bits & bit != 0;
    Head { ticks, seq, depth, confirm: is(has::CONFIRM), side: is(has::SIDE), tsc: is(has::TSC) }
}

/// The owned event of an inline record; `received` is its time where the caller gave none.
///
/// `record` is what [`encode`] wrote: it comes from a ring, which has one kind of writer.
pub(crate) fn decode(record: &[u8], id: EventId, received: Timestamp) -> VerificationEvent {
    let mut input = In { bytes: record, at: 0 };
    let [family, severity, outcome, _depth] = input.array();
    let bits = u32::from_ne_bytes(input.array());
    let _ticks = input.u64();
    let present = input.u64() >> 48;
    let is = |bit: u32| bits & bit != 0;

    let trace = is(has::TRACE).then(|| {
        let (trace_id, span_id) = (TraceId::from_bytes(input.array()), SpanId::from_bytes(input.array()));
        let [flags] = input.array();
        Some(TraceContext::new(trace_id.ok()?, span_id.ok()?, flags))
    });
    let duration = is(has::DURATION).then(|| Duration::from_nanos(input.u64()));
    let time = is(has::TIME).then(|| Timestamp::from_nanos(input.u64() as i64));
    let ip = if is(has::IP4) {
        Some(IpAddr::from(Ipv4Addr::from(input.array::<4>())))
    } else {
        is(has::IP6).then(|| IpAddr::from(Ipv6Addr::from(input.array::<16>())))
    };
    let port = is(has::PORT).then(|| u16::from_ne_bytes(input.array()));
    let measured = is(has::MEASURED).then(|| f64::from_bits(input.u64()));
    let numbers = [has::NUMBER_0, has::NUMBER_1].map(|bit| is(bit).then(|| input.u64()));
    let mut texts: [Option<Text>; Slot::COUNT] = [const { None }; Slot::COUNT];
    for (slot, text) in texts.iter_mut().enumerate() {
        if present & 1 << slot != 0 {
            let len = u16::from_ne_bytes(input.array());
            // SAFETY: `encode` wrote a `str` of this length for each bit.
            *text = Some(unsafe { input.text(len.into()) }.into());
        }
    }
    let attributes = (bits >> has::ATTRIBUTES) as usize;
    let mut values = Attributes::with_capacity(attributes);
    for _ in 0..attributes {
        let [len, tag] = input.array();
        // SAFETY: `encode` wrote name and value in this order, the name from a `str`.
        let (name, value) = unsafe { (input.text(len.into()), input.value(tag)) };
        values.push_unchecked(name.into(), value);
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
        let mut room = vec![0xaa; Measured::of(draft).expect("inline").len()];
        let used = encode(&Measured::of(draft).expect("inline"), &stamp, &mut room);
        room.truncate(used);
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
        let is_inline = |draft: &Draft<'_>| Measured::of(draft).is_some();
        assert!(!is_inline(event::security("s").attribute("a", &list).as_ref()));
        assert!(!is_inline(event::security("s").reason(&long).as_ref()));
        assert!(is_inline(event::security("s").reason(&long[1..]).as_ref()));
    }
}
