//! An event as bytes in a ring: copied in once from borrowed text, turned into an owned event by the dispatcher.
//!
//! Never leaves the process; the layout may change with any release:
//!
//! 1. three words: [`shape`] (what it is about, what it holds), ticks, sequence;
//! 2. the optional numbers, in the order of their bits;
//! 3. the table: of each text its length (of a constant's also its address), of each attribute an entry of [`ENTRY`]
//!    bytes;
//! 4. the bytes of the texts, then of each attribute those of its name and its value.
//!
//! Everything before the bytes stands where a compiler that knows the shape can tell, so that a publish is mostly
//! stores to constant places. What does not fit this form (nested values, 64 KiB and more, unknown fields) travels as
//! an owned event in the lane's side queue, with a record that says so.
//!
//! Writing is the hottest code of the library and goes through a bare pointer: a [`Measured`] draft says exactly how
//! many bytes it needs. Reading trusts that a record is what [`encode`] wrote; nobody else writes into a ring.

mod decode;
mod encode;
mod measure;

pub(crate) use decode::{decode, head};
pub(crate) use encode::{encode, encode_side};
pub(crate) use measure::Measured;

use crate::event::Timestamp;
use crate::trace::TraceContext;

/// Bytes of the three words at the front.
const FIXED: usize = 24;
/// Bytes of an attribute in the table: address of a constant name or 0, length of the name, tag, length of the value.
const ENTRY: usize = ADDRESS + 4;
/// Bytes of an address.
const ADDRESS: usize = size_of::<usize>();
/// Events whose record would be this long or longer take the side queue; so each text's length fits 16 bits.
const RECORD_MAX: usize = u16::MAX as usize;

/// Bits of the first word: what a record is about and what it holds, so that whoever knows that beforehand writes a
/// constant.
mod shape {
    pub(super) const TRACE: u64 = 1;
    pub(super) const DURATION: u64 = 1 << 1;
    pub(super) const TIME: u64 = 1 << 2;
    pub(super) const IP4: u64 = 1 << 3;
    pub(super) const IP6: u64 = 1 << 4;
    pub(super) const PORT: u64 = 1 << 5;
    pub(super) const MEASURED: u64 = 1 << 6;
    pub(super) const NUMBER_0: u64 = 1 << 7;
    pub(super) const NUMBER_1: u64 = 1 << 8;
    pub(super) const SIDE: u64 = 1 << 9;
    pub(super) const CONFIRM: u64 = 1 << 10;
    pub(super) const TSC: u64 = 1 << 11;
    /// The first text is a constant's: a pointer stands for it.
    pub(super) const CONSTANT_ACTION: u64 = 1 << 12;
    /// Fields of more than one bit, by their lowest: the texts there are 9, attributes 7, family 8, severity 8,
    /// outcome 8, depth 8.
    pub(super) const TEXTS: u64 = 13;
    pub(super) const ATTRIBUTES: u64 = 22;
    pub(super) const FAMILY: u64 = 29;
    pub(super) const SEVERITY: u64 = 37;
    pub(super) const OUTCOME: u64 = 45;
    pub(super) const DEPTH: u64 = 53;
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
    #[inline(always)]
    fn shape(&self) -> u64 {
        (if self.confirm { shape::CONFIRM } else { 0 })
            | (if self.tsc { shape::TSC } else { 0 })
            | u64::from(self.depth) << shape::DEPTH
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

/// Bytes of a record that points to the side queue.
pub(crate) const SIDE_LEN: usize = FIXED;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;
    use crate::event::{self, Draft, EventId, InstanceId, Name, Severity, Value, VerificationEvent};

    fn round_trip(draft: &Draft<'_>) -> (VerificationEvent, VerificationEvent) {
        let id = EventId::new(InstanceId(1), 2, 3);
        let stamp = Stamp { ticks: 9, seq: 3, depth: 1, confirm: false, tsc: true, trace: None, time: None };
        let measured = Measured::thorough(draft).expect("inline");
        assert!(Measured::plain(draft).is_none_or(|plain| plain.len(&stamp) == measured.len(&stamp)));
        let mut room = vec![0xaa; measured.len(&stamp)];
        encode(&measured, &stamp, &mut room);
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
    fn constant_names_come_back_as_their_text() {
        const LOGIN: Name<'static> = Name::new("login.with.a.name.longer.than.a.compact.string");
        const TENANT: Name<'static> = Name::new("tenant.id");
        let draft = event::authentication(LOGIN).attribute(TENANT, 1).attribute("given", 2).reason("r");
        let (decoded, expected) = round_trip(draft.as_ref());
        assert_eq!(decoded, expected);
        assert_eq!(
            decoded.attributes.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["tenant.id", "given"]
        );
    }

    #[test]
    fn what_is_nested_long_or_unknown_takes_the_side_queue() {
        let list = Value::List(vec![]);
        let long = "x".repeat(65_535);
        let is_inline =
            |draft: &Draft<'_>| Measured::plain(draft).is_some() && Measured::thorough(draft).is_some();
        assert!(!is_inline(event::security("s").attribute("a", &list).as_ref()));
        assert!(!is_inline(event::security("s").reason(&long).as_ref()));
        assert!(is_inline(event::security("s").reason(&long[200..]).as_ref()));
    }
}
