//! Writes a draft into the room of a record, each byte once.

use std::net::IpAddr;

use super::super::copy::put;
use super::{CONSTANT, FIXED, OPTIONAL, POINTER, Stamp, TEXT_MAX, has, tag};
use crate::event::check::{is_plain_attribute, is_plainly_valid};
use crate::event::draft::Slot;
use crate::event::{Draft, EventId, Name, Value, ValueRef};

/// A draft whose record fits the inline form, with the bytes it needs at most.
pub(crate) struct Measured<'d, 'a> {
    draft: &'d Draft<'a>,
    len: usize,
}

impl<'d, 'a> Measured<'d, 'a> {
    /// Measures a draft that obviously passes the check. `None` if it does not, or has to take the side queue: the
    /// long way tells the two apart.
    #[inline]
    pub(crate) fn plain(draft: &'d Draft<'a>) -> Option<Self> {
        // All texts together shorter than the limit: so is each of them.
        if draft.text_bytes() >= TEXT_MAX || draft.extra.is_some() || !is_plainly_valid(draft) {
            return None;
        }
        let texts = POINTER + 2 * Slot::COUNT + draft.text_bytes();
        let attributes = attributes_len(draft.attributes)? + attributes_len(&draft.more)?;
        Some(Measured { draft, len: FIXED + OPTIONAL + texts + attributes })
    }

    /// Bytes that [`encode`] may need.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[inline(always)]
fn attributes_len(attributes: &[(Name<'_>, ValueRef<'_>)]) -> Option<usize> {
    let mut len = 0;
    for (index, (name, value)) in attributes.iter().enumerate() {
        let name_len = name.as_str().len();
        // A plain name is shorter; this is the proof that its length fits a byte.
        if name_len >= usize::from(CONSTANT) || !is_plain_attribute(attributes, index) {
            return None;
        }
        len += 2 + if name.is_constant() { POINTER } else { name_len } + value_len(value)?;
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
    unsafe fn attributes(&mut self, attributes: &[(Name<'_>, ValueRef<'_>)]) {
        for (name, value) in attributes {
            let tag = tag_of(value);
            // SAFETY: name length, tag, name and value were counted each.
            unsafe {
                if name.is_constant() {
                    self.array([CONSTANT, tag]);
                    self.pointer(name.as_str());
                } else {
                    self.array([name.as_str().len() as u8, tag]);
                    self.put(name.as_str().as_bytes());
                }
                self.value(value);
            }
        }
    }

    /// # Safety
    /// There is room for [`POINTER`] bytes, and `text` is a constant [`Name`]'s, so shorter than 256 bytes.
    #[inline(always)]
    unsafe fn pointer(&mut self, text: &str) {
        // SAFETY: by the caller.
        unsafe {
            self.array((text.as_ptr().expose_provenance()).to_ne_bytes());
            self.array([text.len() as u8]);
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
        if let Some(number) = draft.numbers[0] {
            bits |= has::NUMBER_0;
            out.array(number.to_ne_bytes());
        }
        if let Some(number) = draft.numbers[1] {
            bits |= has::NUMBER_1;
            out.array(number.to_ne_bytes());
        }
        let (mut present, by_slot) = draft.texts();
        let texts = u64::from(present);
        if draft.has_constant_action() {
            bits |= has::CONSTANT_ACTION;
            out.pointer(draft.action());
            present &= !(1 << Slot::Action as u16);
        }
        while present != 0 {
            out.text(by_slot[present.trailing_zeros() as usize].as_bytes());
            present &= present - 1;
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
