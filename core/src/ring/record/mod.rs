//! An event as bytes in a ring: copied in once from borrowed text, turned into an owned event by the dispatcher.
//!
//! Never leaves the process; the layout may change with any release. Fixed part of [`FIXED`] bytes, then the
//! optional numbers in the order of their [`has`] bits, then each text behind its length, then the attributes.
//! What does not fit this form (nested values, texts of 64 KiB and more, unknown fields) travels as an owned event
//! in the lane's side queue, with a record that says so.
//!
//! Writing is the hottest code of the library and goes through a bare pointer: a [`Measured`] draft proves how many
//! bytes it can need. Reading trusts that a record is what [`encode`] wrote; nobody else writes into a ring.

mod decode;
mod encode;

pub(crate) use decode::{decode, head};
pub(crate) use encode::{Measured, encode, encode_plain, encode_side, plain_room};

use crate::event::Timestamp;
use crate::trace::TraceContext;

/// Bytes of the fixed part: family, severity, outcome, depth; bits and number of attributes (u32); ticks (u64);
/// sequence (48 bits) and which texts there are (16 bits).
const FIXED: usize = 24;
/// Most bytes of the optional numbers: trace 25, duration 8, time 8, address 16, port 2, three numbers 24.
const OPTIONAL: usize = 83;
/// Stands in the place of a name's length where the name is a constant: a pointer and its length follow.
const CONSTANT: u8 = u8::MAX;
/// Bytes of a pointer to a constant's text, and of its length.
const POINTER: usize = size_of::<usize>() + 1;
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
    /// The first text is a constant's: a pointer stands for it.
    pub(super) const CONSTANT_ACTION: u32 = 1 << 12;
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
        let mut room = vec![0xaa; Measured::plain(draft).expect("inline").len()];
        let used = encode(&Measured::plain(draft).expect("inline"), &stamp, &mut room);
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
        let is_inline = |draft: &Draft<'_>| Measured::plain(draft).is_some();
        assert!(!is_inline(event::security("s").attribute("a", &list).as_ref()));
        assert!(!is_inline(event::security("s").reason(&long).as_ref()));
        assert!(is_inline(event::security("s").reason(&long[2..]).as_ref()));
    }
}
