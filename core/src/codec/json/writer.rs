//! Writes canonical JSON straight into the caller's bytes.

use std::io::Write as _;
use std::net::IpAddr;

use super::super::encode::{Mark, Sink};
use super::super::fields::Spelled;
use super::room::Room;
use super::string::string;
use super::{EXACT_MAX, base64, float, is_tag};
use crate::event::PAIRS;
use crate::event::{EventId, EventKind, InstanceId, Outcome, Severity, Timestamp};
use crate::trace::TraceContext;

pub(in crate::codec) struct JsonWriter<'o> {
    room: Room<'o>,
    /// Nothing stands in the open container yet.
    first: bool,
}

impl<'o> JsonWriter<'o> {
    pub(in crate::codec) fn new(out: &'o mut Vec<u8>) -> Self {
        JsonWriter { room: Room::new(out), first: true }
    }

    /// ASCII that needs no escaping.
    fn word(&mut self, word: &str) {
        self.room.byte(b'"');
        self.room.slice(word.as_bytes());
        self.room.byte(b'"');
    }

    /// Bytes whose form is fixed, with the quotes around them.
    #[inline(always)]
    fn quoted<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N])) {
        self.room.fixed(|text: &mut [u8; N]| {
            (text[0], text[N - 1]) = (b'"', b'"');
            write(text);
        });
    }

    fn digits(&mut self, mut number: u64) {
        let mut buffer = [0_u8; 20];
        let mut at = buffer.len();
        while number > 99 {
            at -= 2;
            buffer[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
            number /= 100;
        }
        let [tens, ones] = PAIRS[number as usize];
        at -= 1;
        buffer[at] = ones;
        if number > 9 {
            at -= 1;
            buffer[at] = tens;
        }
        self.room.slice(&buffer[at..]);
    }

    #[inline(always)]
    fn open(&mut self, bracket: u8) -> Mark {
        self.room.byte(bracket);
        self.first = true;
        Mark { at: 0, header: 0, outer: 0 }
    }

    #[inline(always)]
    fn close(&mut self, bracket: u8) {
        self.room.byte(bracket);
        self.first = false;
    }
}

/// Writes `bytes` as lower-case digits into the first of `out`.
#[inline(always)]
fn hex<const N: usize>(bytes: [u8; N], out: &mut [u8]) {
    let (pairs, _) = out[..2 * N].as_chunks_mut();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = HEX[usize::from(byte)];
    }
}

/// The two digits of each byte.
const HEX: [[u8; 2]; 256] = {
    let (mut pairs, mut byte) = ([[0; 2]; 256], 0);
    while byte < pairs.len() {
        pairs[byte] = [b"0123456789abcdef"[byte >> 4], b"0123456789abcdef"[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Each octet of an address in decimal with a dot behind it, and how many digits that are.
const OCTETS: [([u8; 4], u8); 256] = {
    let (mut texts, mut octet) = ([([b'.'; 4], 0); 256], 0);
    while octet < texts.len() {
        let digits = [b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8];
        let len = if octet > 99 { 3 } else { 1 + (octet > 9) as usize };
        let mut at = 0;
        while at < len {
            texts[octet].0[at] = digits[3 - len + at];
            at += 1;
        }
        texts[octet].1 = len as u8;
        octet += 1;
    }
    texts
};

impl Sink for JsonWriter<'_> {
    #[inline(always)]
    fn open_map(&mut self, _: usize) -> Mark {
        self.open(b'{')
    }

    #[inline(always)]
    fn close_map(&mut self, _: Mark) {
        self.close(b'}');
    }

    fn open_list(&mut self, _: usize) -> Mark {
        self.open(b'[')
    }

    fn close_list(&mut self, _: Mark) {
        self.close(b']');
    }

    fn item(&mut self) {
        if !self.first {
            self.room.byte(b',');
        }
        self.first = false;
    }

    #[inline(always)]
    fn field<F: Spelled>(&mut self, field: F) {
        let (json, len) = field.json();
        if self.first {
            self.room.slice(&json[1..len]);
        } else {
            self.room.first(json, len);
        }
        self.first = false;
    }

    fn name(&mut self, name: &str) {
        self.item();
        string(&mut self.room, name);
        self.room.byte(b':');
    }

    fn boolean(&mut self, value: bool) {
        self.room.slice(if value { b"true" } else { b"false" });
    }

    fn integer(&mut self, value: i64) {
        let tagged = value.unsigned_abs() > EXACT_MAX;
        if tagged {
            self.room.slice(b"{\"$i64\":\"");
        }
        if value < 0 {
            self.room.byte(b'-');
        }
        self.digits(value.unsigned_abs());
        if tagged {
            self.room.slice(b"\"}");
        }
    }

    fn unsigned(&mut self, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => {
                self.room.slice(b"{\"$u64\":\"");
                self.digits(value);
                self.room.slice(b"\"}");
            }
        }
    }

    fn float(&mut self, value: f64) {
        self.room.append(|out| float::write(value, out));
    }

    fn text(&mut self, value: &str) {
        string(&mut self.room, value);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.room.slice(b"{\"$bytes\":\"");
        self.room.append(|out| base64::encode(value, out));
        self.room.slice(b"\"}");
    }

    fn id(&mut self, id: EventId) {
        self.quoted::<34>(|text| hex(id.bits().to_be_bytes(), &mut text[1..]));
    }

    fn instance(&mut self, instance: InstanceId) {
        self.quoted::<18>(|text| hex(instance.0.to_be_bytes(), &mut text[1..]));
    }

    fn time(&mut self, time: Timestamp) {
        self.quoted::<32>(|text| {
            if let Some(printed) = text[1..].first_chunk_mut() {
                time.write_rfc3339(printed);
            }
        });
    }

    fn kind(&mut self, kind: &EventKind) {
        string(&mut self.room, kind.name());
    }

    fn severity(&mut self, severity: Severity) {
        self.word(severity.as_str());
    }

    fn outcome(&mut self, outcome: Outcome) {
        self.word(outcome.as_str());
    }

    fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                self.room.byte(b'"');
                for (index, octet) in ip.octets().into_iter().enumerate() {
                    let (text, len) = &OCTETS[usize::from(octet)];
                    self.room.first(text, usize::from(*len) + usize::from(index < 3));
                }
                self.room.byte(b'"');
            }
            // Writing to a Vec cannot fail.
            IpAddr::V6(ip) => self.room.append(|out| drop(write!(out, "\"{ip}\""))),
        }
    }

    fn trace(&mut self, trace: TraceContext) {
        self.quoted::<57>(|text| {
            text[1..4].copy_from_slice(b"00-");
            hex(trace.trace_id.to_bytes(), &mut text[4..]);
            text[36] = b'-';
            hex(trace.span_id.to_bytes(), &mut text[37..]);
            text[53] = b'-';
            hex([trace.flags()], &mut text[54..]);
        });
    }

    fn must_wrap<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        names.any(is_tag)
    }

    fn wrap(&mut self) {
        self.room.slice(b"{\"$map\":");
    }

    fn unwrap(&mut self) {
        self.room.byte(b'}');
    }
}
