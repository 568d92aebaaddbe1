//! The record as a file: one line for each thing that happened, so that it outlives the process that is killed.
//!
//! ```text
//! life 00000000feed0001 1 4        the bus of this instance uses the streams 1 to 3
//! try 1.7 durable 9a3f…            publish is about to be called: tag, class, digest
//! ok 1.7 <32 hex>                  a durable publish answered Ok
//! in 1.8 <32 hex>                  accepted
//! drop 1.9 <32 hex|-> queue_full   dropped
//! no 1.10 EVT_TOO_LARGE            rejected
//! may 1.11 <32 hex|-> timed_out    no Ok: it may or may not come
//! end 00000000feed0001 11 9 1 1    closed: attempted, accepted, dropped, rejected
//! ```
//!
//! A line that a kill cut off is not a line: the reader leaves an unfinished last one out.

use std::io::{self, Write};
use std::str::SplitAsciiWhitespace;

use super::event::{Key, Tag};
use super::record::{Answer, Class, Ledger, Record};

/// Writes lines to a file opened for appending; several threads may each have a writer of the same file.
#[derive(Debug)]
pub struct JournalWriter<W>(W);

impl<W: Write> JournalWriter<W> {
    /// Onto `file`.
    pub const fn new(file: W) -> Self {
        JournalWriter(file)
    }

    /// What it writes to.
    pub fn file(&mut self) -> &mut W {
        &mut self.0
    }

    /// A bus was started.
    ///
    /// # Errors
    /// What the file says; so for all methods.
    pub fn life(&mut self, instance: u64, first: u32, end: u32) -> io::Result<()> {
        self.line(format_args!("life {instance:016x} {first} {end}"))
    }

    /// Publish is about to be called.
    ///
    /// # Errors
    /// What the file says.
    pub fn attempt(&mut self, tag: Tag, class: Class, digest: u64) -> io::Result<()> {
        let class = match class {
            Class::Buffered => "buffered",
            Class::Durable => "durable",
        };
        self.line(format_args!("try {tag} {class} {digest:016x}"))
    }

    /// Publish answered.
    ///
    /// # Errors
    /// What the file says.
    pub fn answer(&mut self, tag: Tag, answer: &Answer) -> io::Result<()> {
        let maybe = |key: &Option<Key>| key.map_or_else(|| "-".to_owned(), |key| key.to_string());
        match answer {
            Answer::Confirmed(key) => self.line(format_args!("ok {tag} {key}")),
            Answer::Accepted(key) => self.line(format_args!("in {tag} {key}")),
            Answer::Dropped(key, why) => self.line(format_args!("drop {tag} {} {}", maybe(key), word(why))),
            Answer::Rejected(why) => self.line(format_args!("no {tag} {}", word(why))),
            Answer::Doubtful(key, why) => self.line(format_args!("may {tag} {} {}", maybe(key), word(why))),
        }
    }

    /// The bus was closed.
    ///
    /// # Errors
    /// What the file says.
    pub fn closed(&mut self, instance: u64, ledger: Ledger) -> io::Result<()> {
        let Ledger { attempted, accepted, dropped, rejected } = ledger;
        self.line(format_args!("end {instance:016x} {attempted} {accepted} {dropped} {rejected}"))
    }

    /// One write for one line, so that lines of several writers do not mix.
    fn line(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.0.write_all(format!("{line}\n").as_bytes())
    }
}

/// A reason as one word.
fn word(text: &str) -> String {
    let word: String = text.chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// A finished line that is none of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number} of the journal is not understood: `{line}`")]
pub struct JournalError {
    /// Counted from 1.
    pub number: usize,
    /// As it is.
    pub line: String,
}

/// Reads journals.
#[derive(Debug)]
pub struct JournalReader;

impl JournalReader {
    /// The record of one journal; an unfinished last line is left out.
    ///
    /// # Errors
    /// [`JournalError`] for the first line that cannot be read.
    pub fn read(text: &str) -> Result<Record, JournalError> {
        let mut record = Record::default();
        let finished = text.rfind('\n').map_or("", |end| &text[..end]);
        for (index, line) in finished.lines().enumerate() {
            take(&mut record, line)
                .ok_or_else(|| JournalError { number: index + 1, line: line.to_owned() })?;
        }
        Ok(record)
    }
}

fn take(record: &mut Record, line: &str) -> Option<()> {
    let mut words = line.split_ascii_whitespace();
    let verb = words.next()?;
    match verb {
        "life" => record.life(hex(&mut words)?, number(&mut words)? as u32, number(&mut words)? as u32),
        "end" => record.closed(
            hex(&mut words)?,
            Ledger {
                attempted: number(&mut words)?,
                accepted: number(&mut words)?,
                dropped: number(&mut words)?,
                rejected: number(&mut words)?,
            },
        ),
        "try" => {
            let tag = Tag::parse(words.next()?)?;
            let class = match words.next()? {
                "buffered" => Class::Buffered,
                "durable" => Class::Durable,
                _ => return None,
            };
            record.attempt(tag, class, hex(&mut words)?);
        }
        _ => {
            let tag = Tag::parse(words.next()?)?;
            record.answer(tag, answer(verb, &mut words)?);
        }
    }
    words.next().is_none().then_some(())
}

fn answer(verb: &str, words: &mut SplitAsciiWhitespace<'_>) -> Option<Answer> {
    let maybe = |text: &str| if text == "-" { Some(None) } else { Key::parse(text).map(Some) };
    Some(match verb {
        "ok" => Answer::Confirmed(Key::parse(words.next()?)?),
        "in" => Answer::Accepted(Key::parse(words.next()?)?),
        "drop" => Answer::Dropped(maybe(words.next()?)?, words.next()?.to_owned()),
        "no" => Answer::Rejected(words.next()?.to_owned()),
        "may" => Answer::Doubtful(maybe(words.next()?)?, words.next()?.to_owned()),
        _ => return None,
    })
}

fn hex(words: &mut SplitAsciiWhitespace<'_>) -> Option<u64> {
    u64::from_str_radix(words.next()?, 16).ok()
}

fn number(words: &mut SplitAsciiWhitespace<'_>) -> Option<u64> {
    words.next()?.parse().ok()
}
