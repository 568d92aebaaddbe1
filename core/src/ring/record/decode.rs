//! Reads a record back into an owned event.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{CONSTANT, Head, has, tag};
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
    /// What follows was written by `Out::pointer`.
    #[inline]
    unsafe fn constant(&mut self) -> Text {
        let address = usize::from_ne_bytes(self.array());
        let [len] = self.array();
        // SAFETY: address and length of a `&'static str`, whose provenance was exposed when they were written.
        let text: &'static str = unsafe {
            let bytes = std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), len.into());
            std::str::from_utf8_unchecked(bytes)
        };
        Text::from_static(text)
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
        if slot == Slot::Action as usize && is(has::CONSTANT_ACTION) {
            // SAFETY: the bit says so.
            *text = Some(unsafe { input.constant() });
        } else if present & 1 << slot != 0 {
            let len = u16::from_ne_bytes(input.array());
            // SAFETY: `encode` wrote a `str` of this length for each bit.
            *text = Some(unsafe { input.text(len.into()) }.into());
        }
    }
    let attributes = (bits >> has::ATTRIBUTES) as usize;
    let mut values = Attributes::with_capacity(attributes);
    for _ in 0..attributes {
        let [len, tag] = input.array();
        // SAFETY: `encode` wrote name and value in this order, the name from a `str` or as a constant's pointer.
        let (name, value) = unsafe {
            let name = if len == CONSTANT { input.constant() } else { input.text(len.into()).into() };
            (name, input.value(tag))
        };
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
