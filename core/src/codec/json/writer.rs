//! Writes canonical JSON straight into the caller's bytes.

use std::io::Write as _;
use std::net::IpAddr;

use super::super::encode::{Mark, Sink};
use super::super::fields::Spelled;
use super::{EXACT_MAX, base64, float, is_tag, json_string};
use crate::event::{EventId, EventKind, InstanceId, Outcome, Severity, Timestamp};
use crate::trace::TraceContext;

pub(in crate::codec) struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Nothing stands in the open container yet.
    first: bool,
}

impl<'o> JsonWriter<'o> {
    pub(in crate::codec) fn new(out: &'o mut Vec<u8>) -> Self {
        JsonWriter { out, first: true }
    }

    /// ASCII that needs no escaping.
    fn word(&mut self, word: &str) {
        self.out.push(b'"');
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b'"');
    }

    /// Bytes whose form is fixed, with the quotes around them.
    #[inline(always)]
    fn quoted<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N])) {
        let mut text = [b'"'; N];
        write(&mut text);
        self.out.extend_from_slice(&text);
    }

    fn digits(&mut self, mut number: u64) {
        let mut buffer = [0_u8; 20];
        let mut at = buffer.len();
        loop {
            at -= 1;
            buffer[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&buffer[at..]);
    }

    #[inline(always)]
    fn open(&mut self, bracket: u8) -> Mark {
        self.out.push(bracket);
        self.first = true;
        Mark { at: 0, header: 0, outer: 0 }
    }

    #[inline(always)]
    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
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
            self.out.push(b',');
        }
        self.first = false;
    }

    #[inline(always)]
    fn field<F: Spelled>(&mut self, field: F) {
        let json = field.json();
        self.out.extend_from_slice(if self.first { &json[1..] } else { json });
        self.first = false;
    }

    fn name(&mut self, name: &str) {
        self.item();
        json_string(name, self.out);
        self.out.push(b':');
    }

    fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn integer(&mut self, value: i64) {
        let tagged = value.unsigned_abs() > EXACT_MAX;
        if tagged {
            self.out.extend_from_slice(b"{\"$i64\":\"");
        }
        if value < 0 {
            self.out.push(b'-');
        }
        self.digits(value.unsigned_abs());
        if tagged {
            self.out.extend_from_slice(b"\"}");
        }
    }

    fn unsigned(&mut self, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => {
                self.out.extend_from_slice(b"{\"$u64\":\"");
                self.digits(value);
                self.out.extend_from_slice(b"\"}");
            }
        }
    }

    fn float(&mut self, value: f64) {
        float::write(value, self.out);
    }

    fn text(&mut self, value: &str) {
        json_string(value, self.out);
    }

    fn bytes(&mut self, value: &[u8]) {
        self.out.extend_from_slice(b"{\"$bytes\":\"");
        base64::encode(value, self.out);
        self.out.extend_from_slice(b"\"}");
    }

    fn id(&mut self, id: EventId) {
        self.quoted::<34>(|text| hex(id.bits().to_be_bytes(), &mut text[1..]));
    }

    fn instance(&mut self, instance: InstanceId) {
        self.quoted::<18>(|text| hex(instance.0.to_be_bytes(), &mut text[1..]));
    }

    fn time(&mut self, time: Timestamp) {
        let mut printed = [0; 30];
        time.write_rfc3339(&mut printed);
        self.quoted::<32>(|text| text[1..31].copy_from_slice(&printed));
    }

    fn kind(&mut self, kind: &EventKind) {
        json_string(kind.name(), self.out);
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
                let (mut text, mut at) = ([0_u8; 17], 0);
                let mut put = |byte| {
                    text[at] = byte;
                    at += 1;
                };
                for (index, octet) in ip.octets().into_iter().enumerate() {
                    put(if index == 0 { b'"' } else { b'.' });
                    if octet > 99 {
                        put(b'0' + octet / 100);
                    }
                    if octet > 9 {
                        put(b'0' + octet / 10 % 10);
                    }
                    put(b'0' + octet % 10);
                }
                put(b'"');
                self.out.extend_from_slice(&text[..at]);
            }
            // Writing to a Vec cannot fail.
            IpAddr::V6(ip) => drop(write!(self.out, "\"{ip}\"")),
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
        self.out.extend_from_slice(b"{\"$map\":");
    }

    fn unwrap(&mut self) {
        self.out.push(b'}');
    }
}
