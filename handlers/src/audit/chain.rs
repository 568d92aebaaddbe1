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

/// How the line of an event begins that repeats neither log nor stamp.
const SHORT_FRONT: &[u8] = b"{\"v\":1,\"i\":";

/// Writes lines into a buffer that the caller keeps.
#[derive(Debug)]
pub(crate) struct Chain {
    log: LogId,
    mark: Mark,
    /// `{"v":1,"log":"…","i":`
    front: Vec<u8>,
    /// `,"t":"…","m":"…"`, the same for all lines of a batch.
    stamp: Vec<u8>,
    /// A line with this stamp went before: an event behind it does not repeat it.
    stamped: bool,
    /// Tells the steady clock of this process from another's.
    run: u32,
}

impl Chain {
    pub(crate) fn new(log: LogId, mark: Mark) -> Chain {
        let front = format!("{{\"v\":1,\"log\":\"{log}\",\"i\":").into_bytes();
        Chain { log, mark, front, stamp: Vec::new(), stamped: false, run: InstanceId::random().0 as u32 }
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

    /// The time of the lines that follow, which stand together in one buffer: the first of them says it for the
    /// events behind it. Lines before the first stamp have no time.
    pub(crate) fn stamp(&mut self, clock: &dyn Clock) -> Timestamp {
        let now = clock.now();
        let steady = clock.steady().as_nanos();
        let mut time = [0; 30];
        now.write_rfc3339(&mut time);
        self.stamp.clear();
        self.stamp.extend_from_slice(b",\"t\":\"");
        self.stamp.extend_from_slice(&time);
        self.stamp.extend_from_slice(format!("\",\"m\":\"{:08x}.{steady}\"", self.run).as_bytes());
        self.stamped = false;
        now
    }

    /// Appends the line of an event, with its newline.
    pub(crate) fn push_event(&mut self, event: &VerificationEvent, out: &mut Vec<u8>) {
        let start = out.len();
        if self.stamped {
            out.extend_from_slice(SHORT_FRONT);
            push_number(self.mark.next, out);
        } else {
            self.push_front(out);
        }
        self.push_previous(out, b"\",\"ev\":");
        event_to_json(event, out);
        self.end(start, out);
    }

    /// Appends a line about the log; `fields` is JSON that begins with a comma, or empty.
    pub(crate) fn push_kind(&mut self, kind: Kind, fields: &str, out: &mut Vec<u8>) {
        let start = out.len();
        self.push_front(out);
        self.push_previous(out, b"\",\"kind\":\"");
        out.extend_from_slice(kind.as_str().as_bytes());
        out.push(b'"');
        out.extend_from_slice(fields.as_bytes());
        self.end(start, out);
    }

    fn push_front(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.front);
        push_number(self.mark.next, out);
        out.extend_from_slice(&self.stamp);
        self.stamped = true;
    }

    fn push_previous(&self, out: &mut Vec<u8>, behind: &[u8]) {
        out.extend_from_slice(b",\"p\":\"");
        out.extend_from_slice(&self.mark.head.to_hex());
        out.extend_from_slice(behind);
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
    use veribus_core::{EventId, EventKind, ManualClock};

    #[test]
    fn a_line_is_what_the_envelope_reads() {
        let mut chain = Chain::new(LogId::random(), Mark { next: u64::MAX - 1, head: Digest::of_line(b"x") });
        chain.stamp(&ManualClock::at(Timestamp::from_seconds(7)));
        let mut out = Vec::new();
        chain.push_kind(Kind::Open, ",\"pid\":1", &mut out);
        let line = out.strip_suffix(b"\n").expect("a newline");
        let envelope = Envelope::parse(line).expect("an envelope");
        assert_eq!((envelope.log, envelope.index), (Some(chain.log()), u64::MAX - 1));
        assert_eq!(envelope.time, Some("1970-01-01T00:00:07.000000000Z"));
        assert_eq!((envelope.previous, envelope.kind), (Digest::of_line(b"x"), Some("open")));
        assert_eq!(chain.mark().head, Digest::of_line(line));
    }

    #[test]
    fn only_the_first_of_the_lines_written_together_says_log_and_time() {
        let mut chain = Chain::new(LogId::random(), Mark::START);
        let kind = EventKind::from_name("authentication");
        let event = VerificationEvent::bare(EventId::from_bits(1), Timestamp::from_seconds(7), kind, "login")
            .expect("a valid event");
        let mut out = Vec::new();
        for _ in 0..2 {
            chain.stamp(&ManualClock::at(Timestamp::from_seconds(7)));
            chain.push_event(&event, &mut out);
            chain.push_event(&event, &mut out);
        }
        chain.push_kind(Kind::Close, "", &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        let full: Vec<bool> = text
            .lines()
            .map(|line| {
                let envelope = Envelope::parse(line.as_bytes()).expect("an envelope");
                assert_eq!(envelope.log.is_some(), envelope.time.is_some());
                envelope.log.is_some()
            })
            .collect();
        assert_eq!(full, [true, false, true, false, true]);
        let short = text.lines().nth(1).expect("a line");
        let about_the_log = short.replace("\"ev\":{", "\"kind\":\"close\",\"ev\":{");
        assert!(Envelope::parse(about_the_log.as_bytes()).is_err(), "a line about the log is never short");
    }
}
