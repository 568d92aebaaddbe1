//! Writes a draft into the room of a record, each byte once.

use std::net::IpAddr;

use super::super::copy::put;
use super::measure::{IP, Measured, WORD, plain_value};
use super::{ADDRESS, ENTRY, SIDE_LEN, Stamp, shape, tag};
use crate::event::draft::{Slot, TraceWords};
use crate::event::given::{INLINE, Pair, for_each_place};
use crate::event::{Draft, Name, Timestamp, ValueRef};

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
    /// There is room for the bytes of the value as counted by [`value_len`].
    #[inline(always)]
    unsafe fn value(&mut self, value: ValueRef<'_>) {
        // SAFETY: by the caller.
        unsafe {
            match value {
                ValueRef::Str(v) => self.put(v.as_bytes()),
                ValueRef::Bytes(v) => self.put(v),
                ValueRef::I64(v) => self.array(v.to_ne_bytes()),
                ValueRef::U64(v) => self.array(v.to_ne_bytes()),
                ValueRef::F64(v) => self.array(v.to_ne_bytes()),
                ValueRef::Ip(IpAddr::V4(v)) => self.array(v.octets()),
                ValueRef::Ip(IpAddr::V6(v)) => self.array(v.octets()),
                ValueRef::Bool(_) | ValueRef::Value(_) => {} // the tag says it all; nested ones are not inline
            }
        }
    }
}

/// The two places of a record that are written side by side.
struct Body {
    table: Out,
    bytes: Out,
}

impl Body {
    /// # Safety
    /// There is room for a length in the table and for the bytes of `text`, which is shorter than [`RECORD_MAX`].
    #[inline(always)]
    unsafe fn text(&mut self, text: &str) {
        // SAFETY: by the caller.
        unsafe {
            self.table.array((text.len() as u16).to_ne_bytes());
            self.bytes.put(text.as_bytes());
        }
    }

    /// # Safety
    /// There is room for an address and a length in the table, and `text` is a constant [`Name`]'s.
    #[inline(always)]
    unsafe fn constant(&mut self, text: &str) {
        // SAFETY: by the caller.
        unsafe {
            self.table.array(text.as_ptr().expose_provenance().to_ne_bytes());
            self.table.array((text.len() as u16).to_ne_bytes());
        }
    }

    /// # Safety
    /// There is room for it as counted by [`plain_attribute_len`].
    #[inline(always)]
    unsafe fn attribute(&mut self, name: Name<'_>, value: ValueRef<'_>) {
        let value = plain_value(value).unwrap_or(value);
        let name = name_in_place(name);
        let len = match value {
            ValueRef::Str(v) => v.len(),
            ValueRef::Bytes(v) => v.len(),
            _ => 0,
        };
        // SAFETY: by the caller.
        unsafe {
            self.table.array(name.address.to_ne_bytes());
            self.table.array([name.len, tag_of(value)]);
            self.table.array((len as u16).to_ne_bytes());
            self.bytes.put(name.bytes);
            self.bytes.value(value);
        }
    }
}

/// What a record holds of an attribute's name.
struct NameInPlace<'a> {
    address: usize,
    len: u8,
    bytes: &'a [u8],
}

#[inline(always)]
fn name_in_place(name: Name<'_>) -> NameInPlace<'_> {
    let text = name.as_str();
    if name.is_constant() {
        NameInPlace { address: text.as_ptr().expose_provenance(), len: text.len() as u8, bytes: b"" }
    } else {
        NameInPlace { address: 0, len: text.len() as u8, bytes: text.as_bytes() }
    }
}

#[inline(always)]
fn tag_of(value: ValueRef<'_>) -> u8 {
    match value {
        ValueRef::Str(_) => tag::STRING,
        ValueRef::Bytes(_) => tag::BYTES,
        ValueRef::I64(_) => tag::I64,
        ValueRef::U64(_) => tag::U64,
        ValueRef::F64(_) => tag::F64,
        ValueRef::Ip(IpAddr::V4(_)) => tag::IP4,
        ValueRef::Ip(IpAddr::V6(_)) => tag::IP6,
        ValueRef::Bool(true) => tag::TRUE,
        ValueRef::Bool(false) | ValueRef::Value(_) => tag::FALSE,
    }
}

/// Writes the record of a draft into `room`.
///
/// # Panics
/// If `room` is shorter than [`Measured::len`].
#[inline(always)]
pub(crate) fn encode(measured: &Measured<'_, '_>, stamp: &Stamp, room: &mut [u8]) {
    assert!(room.len() >= measured.len(stamp));
    let draft = measured.draft();
    let start = room.as_mut_ptr();
    let attributes = draft.attributes.len() + draft.more.len();
    // SAFETY: `measured` counted the front, each text and each attribute of this very draft, which is borrowed and
    // cannot have changed; the room has as many bytes.
    unsafe {
        let mut front = Out(start.add(WORD));
        front.array(stamp.ticks.to_ne_bytes());
        front.array(stamp.seq.to_ne_bytes());
        let trace = if draft.has_trace() { draft.trace_words() } else { stamp.trace.map(TraceWords::new) };
        let numbers = front.numbers(draft, trace, draft.time.or(stamp.time));
        let (texts, by_slot) = draft.texts();
        let action = if draft.has_constant_action() { ADDRESS } else { 0 };
        let table = action + 2 * texts.count_ones() as usize + ENTRY * attributes;
        let mut body = Body { table: Out(front.0), bytes: Out(front.0.add(table)) };
        macro_rules! text {
            ($slot:ident) => {
                if texts & 1 << Slot::$slot as u16 != 0 {
                    body.text(by_slot[Slot::$slot as usize]);
                }
            };
        }
        if draft.has_constant_action() {
            body.constant(draft.action());
        } else {
            text!(Action);
        }
        text!(Reason);
        text!(ActorName);
        text!(ActorHost);
        text!(TargetName);
        text!(TargetKind);
        text!(Payload1);
        text!(Payload2);
        text!(Payload3);
        if !draft.attributes.is_empty() {
            body = slice(body, draft.attributes);
        }
        for_each_place!(draft.more.places(), |_index, name, value| body.attribute(*name, *value));
        if draft.more.len() > INLINE {
            body = slice(body, draft.more.rest());
        }
        let counts = u64::from(texts) << shape::TEXTS | (attributes as u64) << shape::ATTRIBUTES;
        let action = if draft.has_constant_action() { shape::CONSTANT_ACTION } else { 0 };
        Out(start).array((about(draft) | numbers | counts | action | stamp.shape()).to_ne_bytes());
        debug_assert_eq!(body.bytes.0.offset_from_unsigned(start), measured.len(stamp));
    }
}

/// Writes attributes given by reference.
///
/// # Safety
/// There is room for each as counted by [`plain_attribute_len`].
#[inline(never)]
unsafe fn slice(mut body: Body, pairs: &[Pair<'_>]) -> Body {
    for (name, value) in pairs {
        // SAFETY: by the caller.
        unsafe { body.attribute(*name, *value) };
    }
    body
}

impl Out {
    /// Writes the optional numbers; answers their bits of the shape.
    ///
    /// # Safety
    /// There is room for each as counted by [`front_len`].
    #[inline(always)]
    unsafe fn numbers(
        &mut self,
        draft: &Draft<'_>,
        trace: Option<TraceWords>,
        time: Option<Timestamp>,
    ) -> u64 {
        let mut bits = 0;
        // SAFETY: by the caller.
        unsafe {
            if let Some(trace) = trace {
                bits |= shape::TRACE;
                self.array(trace.trace_id[0].to_ne_bytes());
                self.array(trace.trace_id[1].to_ne_bytes());
                self.array(trace.span_id.to_ne_bytes());
                self.array([trace.flags]);
            }
            if let Some(duration) = draft.duration {
                bits |= shape::DURATION;
                self.array(duration.as_secs().to_ne_bytes());
                self.array(duration.subsec_nanos().to_ne_bytes());
            }
            if let Some(time) = time {
                bits |= shape::TIME;
                self.array(time.as_nanos().to_ne_bytes());
            }
            if let Some(ip) = draft.ip {
                let mut place = Out(self.0);
                self.0 = self.0.add(IP);
                match ip {
                    IpAddr::V4(ip) => {
                        bits |= shape::IP4;
                        place.array(ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        bits |= shape::IP6;
                        place.array(ip.octets());
                    }
                }
            }
            if let Some(port) = draft.port {
                bits |= shape::PORT;
                self.array(port.to_ne_bytes());
            }
            if let Some(measured) = draft.measured {
                bits |= shape::MEASURED;
                self.array(measured.to_ne_bytes());
            }
            if let Some(number) = draft.numbers[0] {
                bits |= shape::NUMBER_0;
                self.array(number.to_ne_bytes());
            }
            if let Some(number) = draft.numbers[1] {
                bits |= shape::NUMBER_1;
                self.array(number.to_ne_bytes());
            }
        }
        bits
    }
}

/// Writes a record that says "the event is in the side queue" into `room` of [`SIDE_LEN`] bytes.
pub(crate) fn encode_side(draft: &Draft<'_>, stamp: &Stamp, room: &mut [u8]) {
    assert!(room.len() >= SIDE_LEN);
    let mut out = Out(room.as_mut_ptr());
    // SAFETY: the room has the bytes of three words.
    unsafe {
        out.array((about(draft) | shape::SIDE | stamp.shape()).to_ne_bytes());
        out.array(stamp.ticks.to_ne_bytes());
        out.array(stamp.seq.to_ne_bytes());
    }
}

/// The bits of a record's shape that say what it is about.
#[inline(always)]
fn about(draft: &Draft<'_>) -> u64 {
    (draft.family as u64) << shape::FAMILY
        | u64::from(draft.severity.id()) << shape::SEVERITY
        | u64::from(draft.outcome.id()) << shape::OUTCOME
}
