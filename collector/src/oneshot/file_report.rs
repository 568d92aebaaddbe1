//! What one input gave: every line of it is in exactly one of `with_events`, `ignored` and `unparsed`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use veribus_core::escape::truncated;
use veribus_sources::Unparsed;

/// Unparsed lines that are shown of one input.
const SAMPLES_MAX: usize = 3;
/// Characters of each that are shown.
const SAMPLE_CHARS: usize = 160;
/// Bytes that hold so many characters, whatever they are.
const SAMPLE_BYTES: usize = SAMPLE_CHARS * 4 + 4;

/// One input, counted. `lines = lines_with_events + ignored + unparsed`.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct FileReport {
    /// As it was named or found; `-` is standard input. Not escaped.
    pub(super) path: String,
    /// Name of the format; absent where none was recognised or nothing was read.
    pub(super) format: Option<&'static str>,
    /// Bytes read.
    pub(super) bytes: u64,
    /// Lines read.
    pub(super) lines: u64,
    /// Lines that gave at least one event.
    pub(super) lines_with_events: u64,
    /// Events that the bus took.
    pub(super) events: u64,
    /// Events that the bus did not take; the losses say why.
    pub(super) not_accepted: u64,
    /// Lines that are known and verify nothing.
    pub(super) ignored: u64,
    /// Those, by why.
    pub(super) ignored_by: BTreeMap<&'static str, u64>,
    /// Lines that match nothing known.
    pub(super) unparsed: u64,
    /// Those, by why.
    pub(super) unparsed_by: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub(super) unparsed_samples: Vec<Sample>,
    /// Lines with bytes that are not UTF-8.
    pub(super) invalid_utf8: u64,
    /// The year that the last stamp without one was given, unless it was said: it is that of the file's date.
    pub(super) year_assumed: Option<i64>,
    #[serde(skip)]
    pub(super) too_long: TooLong,
}

/// The lines above the limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TooLong {
    pub(super) lines: u64,
    pub(super) bytes: u64,
    /// Number of the first of them, from 1.
    pub(super) first: u64,
}

/// An unparsed line, to be looked at.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sample {
    /// Its number in the input, from 1.
    pub(super) line: u64,
    /// Why it could not be read.
    pub(super) reason: String,
    /// Its beginning, escaped.
    pub(super) text: String,
}

impl FileReport {
    pub(super) fn new(path: &Path) -> Self {
        FileReport { path: path.to_string_lossy().into_owned(), ..FileReport::default() }
    }

    /// Counts the line at hand as known and without an event.
    pub(super) fn count_ignored(&mut self, why: &'static str) {
        self.ignored += 1;
        *self.ignored_by.entry(why).or_default() += 1;
    }

    /// Counts the line at hand as unparsed, and keeps the first few to be shown.
    pub(super) fn count_unparsed(&mut self, why: &Unparsed, line: &[u8]) {
        self.unparsed += 1;
        *self.unparsed_by.entry(why.code()).or_default() += 1;
        if self.unparsed_samples.len() < SAMPLES_MAX {
            let beginning = String::from_utf8_lossy(&line[..line.len().min(SAMPLE_BYTES)]);
            let text = truncated(&beginning, SAMPLE_CHARS).to_string();
            self.unparsed_samples.push(Sample { line: self.lines, reason: why.to_string(), text });
        }
    }

    /// Counts a line of `bytes` bytes that was passed over.
    pub(super) fn count_too_long(&mut self, bytes: u64) {
        self.lines += 1;
        self.too_long.lines += 1;
        self.too_long.bytes += bytes;
        if self.too_long.first == 0 {
            self.too_long.first = self.lines;
        }
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.count_unparsed(&Unparsed::TooLong { bytes }, b"");
    }
}
