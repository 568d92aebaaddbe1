//! Lines are made here, and nowhere else: each gets the next index and the hash of the line before it.

use veribus_core::codec::event_to_json;
use veribus_core::{Clock, InstanceId, Timestamp, VerificationEvent};

use super::digest::{Digest, LogId};

/// The place in a chain: what the next line will say about the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Index of the next line, which is also the number of lines so far.
    pub(crate) next: u64,
    /// Hash of the last line.
    pub(crate) head: Digest,
}

impl Mark {
    /// Before the first line.
    pub(crate) const START: Mark = Mark { next: 0, head: Digest::ZERO };
}

/// Lines about the log itself. More names are reserved for later versions: `key`, `clock`, `disk_full`,
/// `heartbeat`, `checkpoint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first line of a log.
    Genesis,
    /// A process continues a log that ended well.
    Open,
    /// A process continues a log after a crash, or one whose head was missing.
    Recovery,
    /// The first line of every later segment.
    Rotate,
    /// Older segments are removed by policy.
    Retention,
    /// The process ended the log in good order.
    Close,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::Genesis => "genesis",
            Kind::Open => "open",
            Kind::Recovery => "recovery",
            Kind::Rotate => "rotate",
            Kind::Retention => "retention",
            Kind::Close => "close",
        }
    }
}

/// Writes lines into a buffer that the caller keeps.
#[derive(Debug)]
pub(crate) struct Chain {
    log: LogId,
    mark: Mark,
    /// `{"v":1,"log":"…","i":`
    front: Vec<u8>,
    /// `,"t":"…","m":"…","p":"`, the same for all lines of a batch
    middle: Vec<u8>,
    /// Tells the steady clock of this process from another's.
    run: u32,
}

impl Chain {
    pub(crate) fn new(log: LogId, mark: Mark) -> Chain {
        let front = format!("{{\"v\":1,\"log\":\"{log}\",\"i\":").into_bytes();
        Chain { log, mark, front, middle: Vec::new(), run: InstanceId::random().0 as u32 }
    }

    pub(crate) fn log(&self) -> LogId {
        self.log
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// Takes back the lines since `mark`, which were not written.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.mark = mark;
    }

    /// The time of the lines that follow; read once a batch. Lines before the first stamp have no time.
    pub(crate) fn stamp(&mut self, clock: &dyn Clock) -> Timestamp {
        let now = clock.now();
        let steady = clock.steady().as_nanos();
        let mut time = [0; 30];
        now.write_rfc3339(&mut time);
        self.middle.clear();
        self.middle.extend_from_slice(b",\"t\":\"");
        self.middle.extend_from_slice(&time);
        self.middle.extend_from_slice(format!("\",\"m\":\"{:08x}.{steady}\",\"p\":\"", self.run).as_bytes());
        now
    }

    /// Appends the line of an event, with its newline.
    pub(crate) fn push_event(&mut self, event: &VerificationEvent, out: &mut Vec<u8>) {
        let start = self.begin(out);
        out.extend_from_slice(b"\",\"ev\":");
        event_to_json(event, out);
        self.end(start, out);
    }

    /// Appends a line about the log; `fields` is JSON that begins with a comma, or empty.
    pub(crate) fn push_kind(&mut self, kind: Kind, fields: &str, out: &mut Vec<u8>) {
        let start = self.begin(out);
        out.extend_from_slice(b"\",\"kind\":\"");
        out.extend_from_slice(kind.as_str().as_bytes());
        out.push(b'"');
        out.extend_from_slice(fields.as_bytes());
        self.end(start, out);
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&self.front);
        push_number(self.mark.next, out);
        out.extend_from_slice(&self.middle);
        out.extend_from_slice(&self.mark.head.to_hex());
        start
    }

    fn end(&mut self, start: usize, out: &mut Vec<u8>) {
        out.push(b'}');
        self.mark = Mark { next: self.mark.next + 1, head: Digest::of_line(&out[start..]) };
        out.push(b'\n');
    }
}

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::super::envelope::Envelope;
    use super::*;
    use veribus_core::ManualClock;

    #[test]
    fn a_line_is_what_the_envelope_reads() {
        let mut chain = Chain::new(LogId::random(), Mark { next: u64::MAX - 1, head: Digest::of_line(b"x") });
        chain.stamp(&ManualClock::at(Timestamp::from_seconds(7)));
        let mut out = Vec::new();
        chain.push_kind(Kind::Open, ",\"pid\":1", &mut out);
        let line = out.strip_suffix(b"\n").expect("a newline");
        let envelope = Envelope::parse(line).expect("an envelope");
        assert_eq!((envelope.log, envelope.index), (chain.log(), u64::MAX - 1));
        assert_eq!(envelope.time, "1970-01-01T00:00:07.000000000Z");
        assert_eq!((envelope.previous, envelope.kind), (Digest::of_line(b"x"), Some("open")));
        assert_eq!(chain.mark().head, Digest::of_line(line));
    }
}
