//! Writes a draft into the room of a record, each byte once.

use std::net::IpAddr;

use super::super::copy::put;
use super::{CONSTANT, FIXED, OPTIONAL, POINTER, Stamp, TEXT_MAX, has, tag};
use crate::event::check::{is_plain_name, is_plainly_valid};
use crate::event::draft::Slot;
use crate::event::limits::ATTRIBUTES_MAX;
use crate::event::{Draft, EventId, Name, Timestamp, Value, ValueRef};
use crate::trace::TraceContext;

/// Most bytes of a record but for its texts and attributes: fixed part, numbers, and a length for each text.
const FRONT: usize = FIXED + OPTIONAL + POINTER + 2 * Slot::COUNT;

/// A draft whose record fits the inline form, with the bytes it needs at most.
pub(crate) struct Measured<'d, 'a> {
    draft: &'d Draft<'a>,
    len: usize,
}

impl<'d, 'a> Measured<'d, 'a> {
    /// Measures a draft that obviously passes the check. `None` if it does not, or has to take the side queue: the
    /// long way tells the two apart.
    pub(crate) fn plain(draft: &'d Draft<'a>) -> Option<Self> {
        let mut len = plain_room(draft)? - ATTRIBUTES_ROOM;
        let attributes = plain_attributes(draft).filter(|_| is_plainly_valid(draft))?;
        for (index, (name, value)) in attributes.iter().enumerate() {
            len += plain_attribute_len(name, value)?;
            if !is_new_name(&attributes[..=index], name) {
                return None;
            }
        }
        Some(Measured { draft, len })
    }

    /// Bytes that [`encode`] may need.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// The attributes, given in one of the two ways; `None` if in both or too many.
#[inline(always)]
fn plain_attributes<'d, 'a>(draft: &'d Draft<'a>) -> Option<&'d [(Name<'a>, ValueRef<'a>)]> {
    let attributes = if draft.more.is_empty() {
        draft.attributes
    } else if draft.attributes.is_empty() {
        &draft.more
    } else {
        return None;
    };
    (attributes.len() <= ATTRIBUTES_MAX).then_some(attributes)
}

/// Bytes of an attribute with its name, if both obviously pass the check but for a name given twice.
fn plain_attribute_len(name: &Name<'_>, value: &ValueRef<'_>) -> Option<usize> {
    let name_bytes = if name.is_constant() {
        POINTER
    } else if is_plain_name(name.as_str().as_bytes()) {
        name.as_str().len()
    } else {
        return None;
    };
    let value_bytes = value_len(value).filter(|len| *len < TEXT_MAX)?;
    Some(2 + name_bytes + value_bytes)
}

/// Which lengths of names have been seen, modulo 64: two equal names have one.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    #[inline(always)]
    fn first_of_its_length(&mut self, len: usize) -> bool {
        let bit = 1 << (len % 64);
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first
    }
}

/// Whether no attribute before `name`, which is one of these, has the same.
#[cold]
fn is_new_name(attributes: &[(Name<'_>, ValueRef<'_>)], name: &Name<'_>) -> bool {
    let before = attributes.iter().take_while(|(earlier, _)| !std::ptr::eq(earlier, name));
    before.into_iter().all(|(earlier, _)| earlier.as_str() != name.as_str())
}

/// Bytes of a value; `None` if it is nested or not finite.
fn value_len(value: &ValueRef<'_>) -> Option<usize> {
    match value {
        ValueRef::Str(v) => Some(2 + v.len()),
        ValueRef::Bytes(v) => Some(2 + v.len()),
        ValueRef::F64(n) | ValueRef::Value(Value::F64(n)) => n.is_finite().then_some(8),
        ValueRef::Bool(_) | ValueRef::I64(_) | ValueRef::U64(_) => Some(8),
        ValueRef::Ip(_) => Some(16),
        ValueRef::Value(Value::String(v)) => Some(2 + v.len()),
        ValueRef::Value(Value::Bytes(v)) => Some(2 + v.len()),
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
    /// There is room for it as counted by [`plain_attribute_len`].
    #[inline(always)]
    unsafe fn attribute(&mut self, name: &Name<'_>, value: &ValueRef<'_>) {
        // SAFETY: name length, tag, name and value were counted each.
        unsafe {
            self.name(name, tag_of(value));
            self.value(value);
        }
    }

    /// # Safety
    /// There is room for two bytes and the name, or a [`POINTER`] to a constant one.
    #[inline(always)]
    unsafe fn name(&mut self, name: &Name<'_>, tag: u8) {
        // SAFETY: by the caller.
        unsafe {
            if name.is_constant() {
                self.array([CONSTANT, tag]);
                self.pointer(name.as_str());
            } else {
                self.array([name.as_str().len() as u8, tag]);
                self.put(name.as_str().as_bytes());
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

/// Bytes for which an ordinary event's attributes are given room before they are looked at.
const ATTRIBUTES_ROOM: usize = 512;

/// Bytes of room with which [`encode_plain`] can begin; `None` if the draft is out of the ordinary.
#[inline(always)]
pub(crate) fn plain_room(draft: &Draft<'_>) -> Option<usize> {
    // All texts together shorter than the limit: so is each of them.
    let fits = draft.text_bytes() < TEXT_MAX && draft.extra.is_none();
    fits.then(|| FRONT + draft.text_bytes() + ATTRIBUTES_ROOM)
}

/// Checks an ordinary draft and writes its record in one go; answers how many bytes it took. `ambient` is the trace of
/// a draft without one. `None` if the draft turns out not to be ordinary, or larger than the room; what was written
/// then is void.
///
/// # Panics
/// If `room` is shorter than [`plain_room`] says.
#[inline(never)]
pub(crate) fn encode_plain(
    draft: &Draft<'_>,
    ticks: u64,
    seq: u64,
    ambient: Option<&TraceContext>,
    room: &mut [u8],
) -> Option<usize> {
    if !is_plainly_valid(draft) {
        return None;
    }
    assert!(draft.text_bytes() < TEXT_MAX && room.len() >= FRONT + draft.text_bytes());
    let attributes = plain_attributes(draft)?;
    let start = room.as_mut_ptr();
    // SAFETY: the room has the bytes of the front; what is left of it has those of each attribute that is written.
    unsafe {
        let end = start.add(room.len());
        let mut out = Out(start.add(FIXED));
        let (bits, texts) = out.front(draft, draft.trace.as_ref().or(ambient), draft.time);
        let mut seen = Seen::default();
        for (name, value) in attributes {
            let (text, name_bytes) = match value {
                ValueRef::Str(text) if text.len() < TEXT_MAX && name.is_constant() => (*text, POINTER),
                ValueRef::Str(text) if text.len() < TEXT_MAX && is_plain_name(name.as_str().as_bytes()) => {
                    (*text, name.as_str().len())
                }
                _ => {
                    out = rare_attribute(out, end, (name, value), attributes, &mut seen)?;
                    continue;
                }
            };
            if !seen.first_of_its_length(name.as_str().len()) && !is_new_name(attributes, name) {
                return None;
            }
            if end.offset_from_unsigned(out.0) < 2 + name_bytes + 2 + text.len() {
                return None;
            }
            out.name(name, tag::STRING);
            out.text(text.as_bytes());
        }
        let bits = bits | has::TSC | (attributes.len() as u32) << has::ATTRIBUTES;
        fixed(start, draft, [ticks, seq], 0, bits, texts);
        Some(out.0.offset_from_unsigned(start))
    }
}

/// Writes an attribute of any plain kind; `None` if it is not plain, or if there is no room for it before `end`.
///
/// # Safety
/// `out` is not behind `end`, and all between them may be written.
#[inline(never)]
unsafe fn rare_attribute(
    mut out: Out,
    end: *const u8,
    (name, value): (&Name<'_>, &ValueRef<'_>),
    attributes: &[(Name<'_>, ValueRef<'_>)],
    seen: &mut Seen,
) -> Option<Out> {
    let len = plain_attribute_len(name, value)?;
    if !seen.first_of_its_length(name.as_str().len()) && !is_new_name(attributes, name) {
        return None;
    }
    // SAFETY: both point into one room, by the caller; and there is room for what was counted.
    unsafe {
        if end.offset_from_unsigned(out.0) < len {
            return None;
        }
        out.attribute(name, value);
    }
    Some(out)
}

/// Writes the record of a draft into `room` and says how many bytes it took.
///
/// # Panics
/// If `room` is shorter than [`Measured::len`].
pub(crate) fn encode(measured: &Measured<'_, '_>, stamp: &Stamp, room: &mut [u8]) -> usize {
    assert!(room.len() >= measured.len);
    let draft = measured.draft;
    let start = room.as_mut_ptr();
    // SAFETY: `measured` counted the front, each text with its length and each attribute of this very draft, which is
    // borrowed and cannot have changed; the room has as many bytes.
    unsafe {
        let mut out = Out(start.add(FIXED));
        let trace = draft.trace.as_ref().or(stamp.trace.as_ref());
        let (bits, texts) = out.front(draft, trace, draft.time.or(stamp.time));
        for (name, value) in draft.attributes.iter().chain(&draft.more) {
            out.attribute(name, value);
        }
        let attributes = (draft.attributes.len() + draft.more.len()) as u32;
        let bits = bits | stamp.bits() | attributes << has::ATTRIBUTES;
        fixed(start, draft, [stamp.ticks, stamp.seq], stamp.depth, bits, texts);
        out.0.offset_from_unsigned(start)
    }
}

impl Out {
    /// Writes numbers and texts; answers the bits and texts of the fixed part.
    ///
    /// # Safety
    /// There is room for [`OPTIONAL`] bytes, a [`POINTER`], and each text with its length, each shorter than
    /// [`TEXT_MAX`].
    #[inline(always)]
    unsafe fn front(
        &mut self,
        draft: &Draft<'_>,
        trace: Option<&TraceContext>,
        time: Option<Timestamp>,
    ) -> (u32, u64) {
        let out = self;
        let mut bits = 0;
        // SAFETY: by the caller.
        unsafe {
            if let Some(trace) = trace {
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
            if let Some(time) = time {
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
            let mut rest = u32::from(present);
            while rest != 0 {
                out.text(by_slot[rest.trailing_zeros() as usize].as_bytes());
                rest &= rest - 1;
            }
            (bits, texts)
        }
    }
}

/// Writes a record that says "the event is in the side queue" into `room` of [`SIDE_LEN`] bytes.
pub(crate) fn encode_side(draft: &Draft<'_>, stamp: &Stamp, room: &mut [u8]) {
    assert!(room.len() >= FIXED);
    // SAFETY: the room has FIXED bytes.
    unsafe {
        let bits = has::SIDE | stamp.bits();
        fixed(room.as_mut_ptr(), draft, [stamp.ticks, stamp.seq], stamp.depth, bits, 0);
    }
}

/// # Safety
/// There is room for [`FIXED`] bytes at `start`.
#[inline(always)]
unsafe fn fixed(start: *mut u8, draft: &Draft<'_>, [ticks, seq]: [u64; 2], depth: u8, bits: u32, texts: u64) {
    let mut out = Out(start);
    // SAFETY: 4 + 4 + 8 + 8 bytes.
    unsafe {
        out.array([draft.family as u8, draft.severity.id(), draft.outcome.id(), depth]);
        out.array(bits.to_ne_bytes());
        out.array(ticks.to_ne_bytes());
        out.array((seq & EventId::SEQ_MAX | texts << 48).to_ne_bytes());
    }
}
