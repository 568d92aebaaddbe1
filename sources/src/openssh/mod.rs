//! One event for each attempt to get in through OpenSSH, and one for each warning; the rest is told apart.
//!
//! The message's fields are read from its right end, where sshd and not the client writes, so that a user
//! name cannot pass for an address: see [`attempt`] for the grammar.

mod attempt;
mod message;
mod pending;
mod refusal;
mod statement;
mod warning;

use std::borrow::Cow;

use pending::PendingPam;
use statement::Verdict;
use veribus_core::VerificationEvent;

use crate::format::Format;
use crate::line::{Ignored, LineOutcome, LineSource, REPEATS_MAX, Unparsed};
use crate::options::SourceOptions;
use crate::syslog::{ClassicClock, Entry, JournalLine, is_repeat_notice};
use crate::text::decode;

/// Translates OpenSSH's lines: classic or RFC 3339 syslog, journal as text or JSON, mixed as they come.
///
/// Each line that sshd writes for an attempt gives one event `login`; lines that accompany it give none or one
/// of another name, so that counting `login` counts attempts. `docs/event-types.md` lists them all.
#[derive(Debug)]
pub struct OpenSsh {
    clock: ClassicClock,
    pam: PendingPam,
    last: LastMessage,
}

/// The message before this one, for `last message repeated N times`.
#[derive(Debug, Default)]
struct LastMessage {
    program: String,
    pid: Option<u32>,
    message: String,
}

impl OpenSsh {
    /// A translator for one input.
    pub fn new(options: &SourceOptions) -> Self {
        OpenSsh {
            clock: ClassicClock::new(options),
            pam: PendingPam::default(),
            last: LastMessage::default(),
        }
    }

    fn text(&mut self, text: &str, replaced: bool, out: &mut Vec<VerificationEvent>) -> LineOutcome {
        if text.trim_ascii().is_empty() {
            return Ignored::Blank.into();
        }
        if text.starts_with("-- ") {
            return Ignored::Marker.into();
        }
        if text.starts_with('{') {
            let entry = JournalLine::parse(text);
            let outcome = entry.and_then(|e| e.entry(|entry, r| self.entry(&entry, replaced || r, out)));
            return outcome.unwrap_or_else(LineOutcome::Unparsed);
        }
        match Entry::parse(text, &mut self.clock) {
            Ok(entry) => self.entry(&entry, replaced, out),
            Err(why) => why.into(),
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, replaced: bool, out: &mut Vec<VerificationEvent>) -> LineOutcome {
        if entry.program.is_empty() && is_repeat_notice(entry.message) {
            return self.repeat_last(entry, replaced, out);
        }
        self.last.remember(entry);
        if !is_sshd(entry.program) {
            return Ignored::OtherProgram.into();
        }
        let Some(repeated) = entry.message.strip_prefix("message repeated ") else {
            return self.message(entry, replaced, out);
        };
        let Some((count, inner)) = repeated.split_once(" times: [") else {
            return Unparsed::Message.into();
        };
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        let inner = inner.strip_prefix(' ').unwrap_or(inner);
        self.repeat(count, &Entry { message: inner, ..*entry }, replaced, out)
    }

    fn repeat_last(
        &mut self,
        notice: &Entry<'_>,
        replaced: bool,
        out: &mut Vec<VerificationEvent>,
    ) -> LineOutcome {
        let last = std::mem::take(&mut self.last);
        let count = notice.message.split("repeated ").nth(1).and_then(|t| t.split(' ').next());
        let outcome = match count {
            Some(count) if is_sshd(&last.program) => {
                let entry =
                    Entry { program: &last.program, pid: last.pid, message: &last.message, ..*notice };
                self.repeat(count, &entry, replaced, out)
            }
            Some(_) if !last.program.is_empty() => Ignored::OtherProgram.into(),
            _ => Unparsed::Repeats.into(),
        };
        self.last = last;
        outcome
    }

    /// The message of `entry`, `count` times.
    fn repeat(
        &mut self,
        count: &str,
        entry: &Entry<'_>,
        replaced: bool,
        out: &mut Vec<VerificationEvent>,
    ) -> LineOutcome {
        let count: u32 = match count.parse() {
            Ok(count) if (1..=REPEATS_MAX).contains(&count) => count,
            _ => return Unparsed::Repeats.into(),
        };
        let first = out.len();
        let outcome = self.message(entry, replaced, out);
        if outcome != LineOutcome::Events(1) {
            return outcome;
        }
        let mut template = out.pop().expect("one event was just appended");
        template.attributes.insert("repeated", count);
        out.extend((1..=count).map(|index| {
            let mut event = template.clone();
            event.attributes.insert("repeat_index", index);
            event
        }));
        debug_assert_eq!(out.len() - first, count as usize);
        LineOutcome::Events(count)
    }

    fn message(
        &mut self,
        entry: &Entry<'_>,
        replaced: bool,
        out: &mut Vec<VerificationEvent>,
    ) -> LineOutcome {
        match message::read(entry.message) {
            Verdict::Says(statement) if self.pam.is_told_already(entry.pid, &statement) => {
                Ignored::Companion.into()
            }
            Verdict::Says(statement) => {
                out.push(statement.into_event(entry, replaced));
                LineOutcome::Events(1)
            }
            Verdict::Ignored(why) => why.into(),
            Verdict::Unparsed(why) => why.into(),
        }
    }
}

impl LineSource for OpenSsh {
    fn format(&self) -> Format {
        Format::OpenSsh
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<VerificationEvent>) -> LineOutcome {
        match decode(line) {
            Ok((Cow::Borrowed(text), replaced)) => self.text(text, replaced, out),
            Ok((Cow::Owned(text), replaced)) => self.text(&text, replaced, out),
            Err(why) => why.into(),
        }
    }
}

impl LastMessage {
    fn remember(&mut self, entry: &Entry<'_>) {
        self.program.clear();
        self.program.push_str(entry.program);
        self.pid = entry.pid;
        self.message.clear();
        self.message.push_str(entry.message);
    }
}

/// `sshd`, and the programs that newer versions split it into: `sshd-session`, `sshd-auth`.
pub(crate) fn is_sshd(program: &str) -> bool {
    program == "sshd" || program.starts_with("sshd-")
}
