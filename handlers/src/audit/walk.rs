//! One pass over the lines of a log: the first that is not as it was written, or the end.
//!
//! A line is held by its successor's `p`, the last one by the head. Where two neighbours disagree, the line
//! after them decides which of the two was changed, so one edit is named where it was made. What lies behind
//! the last line that the head covers cannot be tampering, because nothing vouches for it: it is a crash tail.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use veribus_core::Timestamp;

use super::chain::Mark;
use super::digest::{Digest, LogId};
use super::envelope::{Envelope, LINE_BYTES_MAX};
use super::error::AuditError;
use super::head::Head;
use super::paths::SegmentPath;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The envelope is not as every line's is.
    Malformed(&'static str),
    /// There is no newline behind it.
    Unterminated,
    /// Longer than [`LINE_BYTES_MAX`].
    TooLong,
    /// It says that it belongs to another log.
    OtherLog,
    /// Its index is not the next one: lines are missing, doubled or in another order.
    Index {
        /// The next index.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// Its `p` is not the hash of the line before it, which the line after it vouches for.
    Previous {
        /// Hash of the line before.
        expected: Digest,
        /// What it says.
        found: Digest,
    },
    /// Its hash is not what the next line, or the head, says.
    Changed {
        /// What the next line or the head says.
        expected: Digest,
        /// Hash of its bytes.
        found: Digest,
    },
    /// It was put between two lines that fit each other.
    Inserted,
    /// Lines are gone from here on: the head counts more.
    CutOff {
        /// Lines that the head counts.
        expected: u64,
    },
    /// Lines before this one are gone, and no retention line says so.
    Removed,
    /// The head beside the log is of another log.
    HeadOfOtherLog,
}

impl Problem {
    /// Its name in `--json`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Problem::Malformed(_) => "malformed",
            Problem::Unterminated => "unterminated",
            Problem::TooLong => "too_long",
            Problem::OtherLog => "other_log",
            Problem::Index { .. } => "index",
            Problem::Previous { .. } => "previous",
            Problem::Changed { .. } => "changed",
            Problem::Inserted => "inserted",
            Problem::CutOff { .. } => "cut_off",
            Problem::Removed => "removed",
            Problem::HeadOfOtherLog => "head_of_other_log",
        }
    }
}

const RUN_TOGETHER: Problem = Problem::Malformed("it is not one JSON object");

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Malformed(what) => write!(f, "not a line of an audit log: {what}"),
            Problem::Unterminated => f.write_str("cut off: no newline at its end"),
            Problem::TooLong => write!(f, "longer than {LINE_BYTES_MAX} bytes"),
            Problem::OtherLog => f.write_str("belongs to another log"),
            Problem::Index { expected, found } => {
                write!(f, "index {found} where {expected} is next: lines are missing, doubled or moved")
            }
            Problem::Previous { expected, found } => {
                write!(f, "changed: it names {found} as the line before, which hashes to {expected}")
            }
            Problem::Changed { expected, found } => {
                write!(f, "changed: its hash was {expected} and is {found}")
            }
            Problem::Inserted => f.write_str("inserted: the lines around it fit each other"),
            Problem::CutOff { expected } => write!(f, "cut off: the head counts {expected} lines"),
            Problem::Removed => {
                f.write_str("the lines before this one are gone, and no retention line says so")
            }
            Problem::HeadOfOtherLog => f.write_str("the head file beside it is of another log"),
        }
    }
}

/// The first line that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FirstBad {
    /// The file.
    pub segment: PathBuf,
    /// Line in that file, from 1.
    pub line: u64,
    /// Where the line begins in that file, in bytes from 0.
    pub offset: u64,
    /// Index that this line has, or should have, in the whole log.
    pub index: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What a crash left behind the last good line, and no head covers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashTail {
    /// The file.
    pub segment: PathBuf,
    /// Line in that file, from 1, where it begins.
    pub line: u64,
    /// Where it begins in that file, in bytes from 0.
    pub offset: u64,
    /// Its length, up to the end of the file.
    pub bytes: u64,
}

/// The last segment as far as it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    pub(crate) first: u64,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) started: Option<Timestamp>,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) log: Option<LogId>,
    /// Index of the first line that is there, and what it says about the one before.
    pub(crate) first: Option<Mark>,
    pub(crate) mark: Option<Mark>,
    pub(crate) lines: u64,
    pub(crate) events: u64,
    pub(crate) end: Option<SegmentEnd>,
    pub(crate) first_bad: Option<FirstBad>,
    pub(crate) tail: Option<CrashTail>,
    /// The furthest boundary that a retention line states.
    pub(crate) retention: Option<Mark>,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    segment: usize,
    line: u64,
    offset: u64,
}

pub(crate) struct Walk<'a> {
    log: &'a Path,
    segments: &'a [SegmentPath],
    head: Option<Head>,
    found: Walked,
    /// Index of the first line, where a file name or the head says it.
    start: Option<u64>,
    expected: Mark,
    /// The line before the current one: its place, its bytes, and the mark before it.
    previous: Place,
    previous_line: Vec<u8>,
    before: Option<Mark>,
}

impl<'a> Walk<'a> {
    /// A walk over `segments` of the log at `log`; they are in order and without a gap but at the front.
    pub(crate) fn new(log: &'a Path, segments: &'a [SegmentPath], head: Option<Head>) -> Walk<'a> {
        let start = match segments {
            [SegmentPath { first: Some(index), .. }, ..] => Some(*index),
            _ => head.map(|head| head.segment),
        };
        Walk {
            log,
            segments,
            head,
            found: Walked::default(),
            start,
            expected: Mark { next: start.unwrap_or(0), head: Digest::ZERO },
            previous: Place::default(),
            previous_line: Vec::new(),
            before: None,
        }
    }

    /// Reads every byte, up to the first bad line.
    ///
    /// # Errors
    /// [`AuditError::Io`] if a file cannot be read.
    pub(crate) fn run(mut self) -> Result<Walked, AuditError> {
        let mut line = Vec::new();
        for segment in 0..self.segments.len() {
            if !self.segment(segment, &mut line)? {
                return Ok(self.found);
            }
        }
        self.found.mark = self.found.first.map(|_| self.expected);
        if let Some(head) = self.head.filter(|head| self.expected.next < head.lines) {
            self.cut_off(head.lines);
        }
        Ok(self.found)
    }

    /// The head counts more lines than there are.
    fn cut_off(&mut self, expected: u64) {
        if self.before.is_some() && !self.previous_is_json() {
            return self.bad(self.previous, self.expected.next - 1, RUN_TOGETHER);
        }
        let place = Place {
            segment: self.segments.len().saturating_sub(1),
            line: self.found.end.map_or(0, |end| end.lines) + 1,
            offset: self.found.end.map_or(0, |end| end.bytes),
        };
        self.bad(place, self.expected.next, Problem::CutOff { expected });
    }

    /// Two lines run into one are no JSON.
    fn previous_is_json(&self) -> bool {
        serde_json::from_slice::<serde_json::Value>(&self.previous_line).is_ok()
    }

    /// One file; whether to go on.
    fn segment(&mut self, number: usize, line: &mut Vec<u8>) -> Result<bool, AuditError> {
        let path = &self.segments[number].path;
        let mut lines = Lines::open(path).map_err(AuditError::io("read", path))?;
        let mut end = SegmentEnd { first: self.expected.next, bytes: 0, lines: 0, started: None };
        loop {
            let place = Place { segment: number, line: end.lines + 1, offset: end.bytes };
            let shape = lines.next(line).map_err(AuditError::io("read", path))?;
            if shape == Shape::End {
                self.found.end = Some(end);
                return Ok(true);
            }
            match self.judge(line, shape) {
                Ok(time) => {
                    if end.lines == 0 {
                        end.first = self.expected.next - 1;
                        end.started = time;
                    }
                    end.lines += 1;
                    end.bytes += line.len() as u64 + 1;
                    self.previous = place;
                    std::mem::swap(&mut self.previous_line, line);
                }
                Err(problem) => {
                    self.found.end = Some(end);
                    self.found.mark = self.found.first.map(|_| self.expected);
                    self.settle(place, problem, line, shape, &mut lines)
                        .map_err(AuditError::io("read", path))?;
                    return Ok(false);
                }
            }
        }
    }

    /// Whether `line` is the next one; its time if so.
    fn judge(&mut self, line: &[u8], shape: Shape) -> Result<Option<Timestamp>, Problem> {
        match shape {
            Shape::TooLong => return Err(Problem::TooLong),
            Shape::Unterminated => return Err(Problem::Unterminated),
            Shape::Whole | Shape::End => {}
        }
        let envelope = Envelope::parse(line).map_err(Problem::Malformed)?;
        let expected = self.expected_of(&envelope);
        let Some(log) = envelope.log.or(self.found.log) else {
            return Err(Problem::Malformed("the first line has no `log`"));
        };
        if self.found.log.is_some_and(|known| known != log) {
            return Err(Problem::OtherLog);
        }
        if self.found.log.is_none() && self.head.is_some_and(|head| head.log != log) {
            return Err(Problem::HeadOfOtherLog);
        }
        if envelope.index != expected.next {
            return Err(Problem::Index { expected: expected.next, found: envelope.index });
        }
        if envelope.previous != expected.head {
            return Err(Problem::Previous { expected: expected.head, found: envelope.previous });
        }
        let digest = Digest::of_line(line);
        if let Some(head) = self.head.filter(|head| head.lines == envelope.index + 1 && head.head != digest) {
            return Err(Problem::Changed { expected: head.head, found: digest });
        }
        if envelope.kind == Some("retention") {
            self.found.retention =
                retention(line).into_iter().chain(self.found.retention).max_by_key(|mark| mark.next);
        }
        self.found.events += u64::from(envelope.kind.is_none());
        self.found.lines += 1;
        self.found.log = Some(log);
        self.found.first.get_or_insert(expected);
        self.before = Some(expected);
        self.expected = Mark { next: expected.next + 1, head: digest };
        Ok(envelope.time.and_then(|time| time.parse().ok()))
    }

    /// What this line should say. Older segments may be gone: then the first line that is there, a `rotate`, says
    /// where it begins, and whether they may be gone is for a retention line to say.
    fn expected_of(&self, envelope: &Envelope<'_>) -> Mark {
        if self.found.first.is_some() || envelope.kind != Some("rotate") || envelope.index == 0 {
            return self.expected;
        }
        Mark { next: self.start.unwrap_or(envelope.index), head: envelope.previous }
    }

    /// Decides what a line that does not fit is: a crash tail, or altered, and then which line was.
    fn settle(
        &mut self,
        place: Place,
        problem: Problem,
        line: &[u8],
        shape: Shape,
        lines: &mut Lines,
    ) -> io::Result<()> {
        let index = self.expected.next;
        let in_last_segment = place.segment + 1 == self.segments.len();
        let beyond_head = match self.head {
            Some(head) => index >= head.lines && problem != Problem::HeadOfOtherLog,
            None => {
                let torn = matches!(problem, Problem::Malformed(_) | Problem::Unterminated);
                torn && lines.at_end()?
            }
        };
        if in_last_segment && beyond_head {
            let segment = self.segments[place.segment].path.clone();
            let bytes = lines.file_bytes()? - place.offset;
            self.found.tail = Some(CrashTail { segment, line: place.line, offset: place.offset, bytes });
            return Ok(());
        }
        if shape != Shape::Whole || self.before.is_none() {
            self.bad(place, index, problem);
            return Ok(());
        }
        match self.culprit(&problem, line, place, lines)? {
            Some(problem) => self.bad(self.previous, index - 1, problem),
            None => self.bad(place, index, problem),
        }
        Ok(())
    }

    /// If the line before this one is the one that was changed: what is wrong with it.
    fn culprit(
        &self,
        problem: &Problem,
        line: &[u8],
        place: Place,
        lines: &mut Lines,
    ) -> io::Result<Option<Problem>> {
        let before = self.before.expect("asked only where there is a line before");
        match *problem {
            Problem::Index { found, .. } => {
                let fits_before = Envelope::parse(line).is_ok_and(|e| e.previous == before.head);
                if found == before.next && fits_before {
                    return Ok(Some(Problem::Inserted));
                }
                Ok((!self.previous_is_json()).then_some(RUN_TOGETHER))
            }
            Problem::Previous { expected, found } => {
                let own = Digest::of_line(line);
                let vouched = match self.head.filter(|head| head.lines == self.expected.next + 1) {
                    Some(head) => head.head == own,
                    None => self.successor(place, lines)?.is_none_or(|previous| previous == own),
                };
                Ok(vouched.then_some(Problem::Changed { expected: found, found: expected }))
            }
            _ => Ok(None),
        }
    }

    /// What the line after this one says about it; `None` if there is no such line.
    fn successor(&self, place: Place, lines: &mut Lines) -> io::Result<Option<Digest>> {
        let mut next = Vec::new();
        if lines.next(&mut next)? == Shape::End {
            let Some(segment) = self.segments.get(place.segment + 1) else { return Ok(None) };
            Lines::open(&segment.path)?.next(&mut next)?;
        }
        Ok(Envelope::parse(&next).ok().map(|envelope| envelope.previous))
    }

    fn bad(&mut self, place: Place, index: u64, problem: Problem) {
        let segment = self.segments.get(place.segment).map_or(self.log, |s| &s.path).to_owned();
        let (line, offset) = (place.line, place.offset);
        self.found.first_bad = Some(FirstBad { segment, line, offset, index, problem });
    }
}

/// Reads the boundary that a retention line states.
fn retention(line: &[u8]) -> Option<Mark> {
    let json: serde_json::Value = serde_json::from_slice(line).ok()?;
    let next = json.get("removed_before")?.as_u64()?;
    Some(Mark { next, head: Digest::from_hex(json.get("head")?.as_str()?.as_bytes())? })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Whole,
    Unterminated,
    TooLong,
    End,
}

/// Lines of a file, none longer than the limit.
struct Lines {
    reader: BufReader<File>,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Lines> {
        Ok(Lines { reader: BufReader::with_capacity(256 << 10, File::open(path)?) })
    }

    /// Reads the next line into `line`, without its newline.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Shape> {
        line.clear();
        self.reader.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', line)?;
        Ok(match line.last() {
            None => Shape::End,
            Some(b'\n') => {
                line.pop();
                Shape::Whole
            }
            Some(_) if line.len() > LINE_BYTES_MAX => Shape::TooLong,
            Some(_) => Shape::Unterminated,
        })
    }

    fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.reader.fill_buf()?.is_empty())
    }

    fn file_bytes(&self) -> io::Result<u64> {
        Ok(self.reader.get_ref().metadata()?.len())
    }
}
