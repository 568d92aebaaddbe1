//! Writes canonical MessagePack straight into the caller's bytes.

use std::net::IpAddr;

use rmp::Marker;

use super::super::encode::{Mark, Sink};
use super::super::fields::Spelled;
use crate::event::{EventId, EventKind, Family, InstanceId, Outcome, Severity, Timestamp};
use crate::trace::TraceContext;

pub(in crate::codec) struct MsgpackWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Entries of the open container so far.
    entries: usize,
}

impl<'o> MsgpackWriter<'o> {
    pub(in crate::codec) fn new(out: &'o mut Vec<u8>) -> Self {
        MsgpackWriter { out, entries: 0 }
    }

    /// Adds items of the open list that are encoded already.
    pub(in crate::codec) fn items(&mut self, items: usize, encoded: &[u8]) {
        self.entries += items;
        self.out.extend_from_slice(encoded);
    }

    fn marker(&mut self, marker: Marker) {
        self.out.push(marker.to_u8());
    }

    fn open(&mut self, expected: usize) -> Mark {
        let header = header_bytes(expected);
        let mark = Mark { at: self.out.len(), header, outer: self.entries };
        self.out.resize(mark.at + header, 0);
        self.entries = 0;
        mark
    }

    /// Writes the header where [`MsgpackWriter::open`] left room, which is moved if it was guessed wrong.
    fn close(&mut self, mark: Mark, fixed: u8, long: [Marker; 2]) {
        let Mark { at, header, outer } = mark;
        let entries = std::mem::replace(&mut self.entries, outer);
        let needed = header_bytes(entries);
        let begin = [0; 5];
        if needed != header {
            self.out.splice(at..at + header, begin[..needed].iter().copied());
        }
        let space = &mut self.out[at..at + needed];
        match needed {
            1 => space[0] = fixed | entries as u8,
            3 => {
                space[0] = long[0].to_u8();
                space[1..].copy_from_slice(&(entries as u16).to_be_bytes());
            }
            _ => {
                space[0] = long[1].to_u8();
                space[1..].copy_from_slice(&(entries as u32).to_be_bytes());
            }
        }
    }

    fn with<const N: usize>(&mut self, marker: Marker, bytes: [u8; N]) {
        self.marker(marker);
        self.out.extend_from_slice(&bytes);
    }
}

/// Bytes of the header of a list or map.
fn header_bytes(entries: usize) -> usize {
    match entries {
        0..=15 => 1,
        16..=0xffff => 3,
        _ => 5,
    }
}

impl Sink for MsgpackWriter<'_> {
    fn open_map(&mut self, expected: usize) -> Mark {
        self.open(expected)
    }

    fn close_map(&mut self, mark: Mark) {
        self.close(mark, 0x80, [Marker::Map16, Marker::Map32]);
    }

    fn open_list(&mut self, expected: usize) -> Mark {
        self.open(expected)
    }

    fn close_list(&mut self, mark: Mark) {
        self.close(mark, 0x90, [Marker::Array16, Marker::Array32]);
    }

    fn item(&mut self) {
        self.entries += 1;
    }

    fn field<F: Spelled>(&mut self, field: F) {
        self.name(field.short());
    }

    fn name(&mut self, name: &str) {
        self.entries += 1;
        self.text(name);
    }

    fn boolean(&mut self, value: bool) {
        self.marker(if value { Marker::True } else { Marker::False });
    }

    fn integer(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            return self.unsigned(value);
        }
        if value >= -32 {
            self.out.push(value as u8);
        } else if let Ok(value) = i8::try_from(value) {
            self.with(Marker::I8, value.to_be_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.with(Marker::I16, value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.with(Marker::I32, value.to_be_bytes());
        } else {
            self.with(Marker::I64, value.to_be_bytes());
        }
    }

    fn unsigned(&mut self, value: u64) {
        if value < 128 {
            self.out.push(value as u8);
        } else if let Ok(value) = u8::try_from(value) {
            self.with(Marker::U8, [value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.with(Marker::U16, value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.with(Marker::U32, value.to_be_bytes());
        } else {
            self.with(Marker::U64, value.to_be_bytes());
        }
    }

    fn float(&mut self, value: f64) {
        let value = value + 0.0;
        if value.is_finite() {
            self.with(Marker::F64, value.to_be_bytes());
        } else {
            // The event model refuses these; as text they stay visible and the rest stays readable, as in JSON.
            self.text(&value.to_string());
        }
    }

    fn text(&mut self, value: &str) {
        match value.len() {
            length @ 0..=31 => self.out.push(0xa0 | length as u8),
            length @ 32..=0xff => self.with(Marker::Str8, [length as u8]),
            length @ 0x100..=0xffff => self.with(Marker::Str16, (length as u16).to_be_bytes()),
            length => self.with(Marker::Str32, (length as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(value.as_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        match value.len() {
            length @ 0..=0xff => self.with(Marker::Bin8, [length as u8]),
            length @ 0x100..=0xffff => self.with(Marker::Bin16, (length as u16).to_be_bytes()),
            length => self.with(Marker::Bin32, (length as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(value);
    }

    fn id(&mut self, id: EventId) {
        self.bytes(&id.bits().to_be_bytes());
    }

    fn instance(&mut self, instance: InstanceId) {
        self.bytes(&instance.0.to_be_bytes());
    }

    fn time(&mut self, time: Timestamp) {
        self.integer(time.as_nanos());
    }

    fn kind(&mut self, kind: &EventKind) {
        match kind.family() {
            Family::Unknown => self.text(kind.name()),
            known => self.unsigned(u64::from(known as u8)),
        }
    }

    fn severity(&mut self, severity: Severity) {
        self.unsigned(severity.id().into());
    }

    fn outcome(&mut self, outcome: Outcome) {
        self.unsigned(outcome.id().into());
    }

    fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.bytes(&ip.octets()),
            IpAddr::V6(ip) => self.bytes(&ip.octets()),
        }
    }

    fn trace(&mut self, trace: TraceContext) {
        self.with(Marker::Bin8, [25]);
        self.out.extend_from_slice(&trace.trace_id.to_bytes());
        self.out.extend_from_slice(&trace.span_id.to_bytes());
        self.out.push(trace.flags());
    }

    fn must_wrap<'a>(&self, _: impl Iterator<Item = &'a str>) -> bool {
        false
    }

    fn wrap(&mut self) {}

    fn unwrap(&mut self) {}
}
