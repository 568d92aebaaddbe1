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
}

impl<'o> JsonWriter<'o> {
    pub(in crate::codec) fn new(out: &'o mut Vec<u8>) -> Self {
        JsonWriter { out }
    }

    /// Whether nothing stands in the open container yet: text ends with a quote, so a bracket is one.
    fn first(&self) -> bool {
        matches!(self.out.last(), Some(b'{' | b'['))
    }

    /// ASCII that needs no escaping.
    fn word(&mut self, word: &str) {
        self.out.push(b'"');
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b'"');
    }

    /// At most 16 bytes as lower-case digits.
    fn hex(&mut self, bytes: &[u8]) {
        let mut digits = [[0_u8; 2]; 16];
        for (two, byte) in digits.iter_mut().zip(bytes) {
            *two = [byte >> 4, byte & 15].map(|n| b"0123456789abcdef"[usize::from(n)]);
        }
        self.out.extend_from_slice(digits[..bytes.len()].as_flattened());
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

    fn open(&mut self, bracket: u8) -> Mark {
        self.out.push(bracket);
        Mark { at: 0, header: 0, outer: 0 }
    }
}

impl Sink for JsonWriter<'_> {
    fn open_map(&mut self, _: usize) -> Mark {
        self.open(b'{')
    }

    fn close_map(&mut self, _: Mark) {
        self.out.push(b'}');
    }

    fn open_list(&mut self, _: usize) -> Mark {
        self.open(b'[')
    }

    fn close_list(&mut self, _: Mark) {
        self.out.push(b']');
    }

    fn item(&mut self) {
        if !self.first() {
            self.out.push(b',');
        }
    }

    fn field<F: Spelled>(&mut self, field: F) {
        let json = field.json();
        self.out.extend_from_slice(if self.first() { &json[1..] } else { json });
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
        self.out.push(b'"');
        self.hex(&id.bits().to_be_bytes());
        self.out.push(b'"');
    }

    fn instance(&mut self, instance: InstanceId) {
        self.out.push(b'"');
        self.hex(&instance.0.to_be_bytes());
        self.out.push(b'"');
    }

    fn time(&mut self, time: Timestamp) {
        let mut printed = [0; 30];
        time.write_rfc3339(&mut printed);
        self.out.push(b'"');
        self.out.extend_from_slice(&printed);
        self.out.push(b'"');
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
        self.out.push(b'"');
        match ip {
            IpAddr::V4(ip) => {
                for (index, octet) in ip.octets().into_iter().enumerate() {
                    if index > 0 {
                        self.out.push(b'.');
                    }
                    self.digits(octet.into());
                }
            }
            // Writing to a Vec cannot fail.
            IpAddr::V6(ip) => drop(write!(self.out, "{ip}")),
        }
        self.out.push(b'"');
    }

    fn trace(&mut self, trace: TraceContext) {
        self.out.extend_from_slice(b"\"00-");
        self.hex(&trace.trace_id.to_bytes());
        self.out.push(b'-');
        self.hex(&trace.span_id.to_bytes());
        self.out.push(b'-');
        self.hex(&[trace.flags()]);
        self.out.push(b'"');
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
