//! One input from its first byte to its last: read, told apart, translated, published, and all of it counted.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use veribus_core::escape::truncated;
use veribus_core::{Draft, Timestamp, VerificationEvent, VerificationEventBus};
use veribus_sources::{
    DETECT_BYTES_MAX, Detection, Format, LineOutcome, LineSource, Unparsed, detect, source_for,
};

use super::file_report::FileReport;
use super::inputs::Input;
use super::lines::{LINE_BYTES_MAX, Line, Lines};

use super::remark::Remark;
use super::stamps::Stamps;
use super::tracked::{Change, Tracked};
use crate::output::Progress;

/// Characters of a path that are shown beside the progress.
const PATH_CHARS: usize = 60;
/// Lines too long to tell the format from that are passed over at the beginning of an input.
const LONG_LINES_AHEAD_MAX: usize = 16;
/// Lines between two looks at the progress.
const LINES_BETWEEN_LOOKS: u64 = 1024;

/// Reads inputs into a bus, one after the other.
pub(super) struct Feed<'a> {
    pub(super) bus: &'a VerificationEventBus,
    pub(super) forced: Option<Format>,
    pub(super) stamps: Stamps,
    pub(super) progress: &'a Progress,
    /// Set from outside: stop reading, keep what was read.
    pub(super) stop: &'a AtomicBool,
    pub(super) files: Vec<FileReport>,
    pub(super) remarks: Vec<Remark>,
    /// Events of the line at hand; kept for its memory.
    events: Vec<VerificationEvent>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        bus: &'a VerificationEventBus,
        forced: Option<Format>,
        stamps: Stamps,
        progress: &'a Progress,
        stop: &'a AtomicBool,
    ) -> Self {
        let (files, remarks, events) = (Vec::new(), Vec::new(), Vec::new());
        Feed { bus, forced, stamps, progress, stop, files, remarks, events }
    }

    /// Reads `inputs` in their order; those that are left when the run is stopped are said.
    pub(super) fn read_all(&mut self, inputs: &[Input]) {
        for (done, input) in inputs.iter().enumerate() {
            if self.is_stopped() {
                let message = format!("{} more inputs were not read: interrupted", inputs.len() - done);
                return self.remarks.push(Remark::error("", message));
            }
            self.read(input);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Reads `input` to its end; what goes wrong with it is in [`Feed::remarks`].
    fn read(&mut self, input: &Input) {
        let (path, opened, named) = match input {
            Input::Stdin => (Path::new("-"), Ok((Tracked::stdin(), None)), true),
            Input::File { path, named } => (path.as_path(), open(path), *named),
        };
        let mut report = FileReport::new(path);
        self.progress.now(truncated(&report.path, PATH_CHARS));
        match opened {
            Err(error) => self.remarks.push(Remark::unreadable(path, "cannot read", &error)),
            Ok((tracked, modified)) => self.read_opened(Lines::new(tracked), modified, named, &mut report),
        }
        self.files.push(report);
    }

    fn read_opened(
        &mut self,
        mut lines: Lines<Tracked>,
        modified: Option<Timestamp>,
        named: bool,
        report: &mut FileReport,
    ) {
        let format = match self.recognise(&mut lines, named, report) {
            Ok(format) => format,
            Err(why) => {
                self.remarks.push(why);
                return;
            }
        };
        report.format = Some(format.as_str());
        let written = modified.unwrap_or_else(Timestamp::now);
        let mut source = source_for(format, &self.stamps.for_file(written));
        if let Err(error) = self.read_lines(&mut lines, source.as_mut(), report) {
            let message = format!("reading stopped after {} lines: {error}", report.lines);
            self.remarks.push(Remark::error(&report.path, message));
        }
        report.bytes = lines.source().bytes_read();
        self.remarks.extend(unusual(report, lines.source().change()));
    }

    /// The format, from the first lines. A first line that fills all that may be looked at says nothing about
    /// the others: it is counted as unparsed, and the next one is asked.
    fn recognise(
        &self,
        lines: &mut Lines<Tracked>,
        named: bool,
        report: &mut FileReport,
    ) -> Result<Format, Remark> {
        let path = report.path.clone();
        let unreadable = |error: &io::Error| Remark::unreadable(&path, "cannot read", error);
        for _ in 0..LONG_LINES_AHEAD_MAX {
            let beginning = lines.peek(DETECT_BYTES_MAX).map_err(|error| unreadable(&error))?;
            let is_one_long_line = beginning.len() >= DETECT_BYTES_MAX && !beginning.contains(&b'\n');
            match (detect(beginning), self.forced) {
                (Detection::Unknown | Detection::Binary, Some(format)) => return Ok(format),
                (Detection::Text(format), forced) => return Ok(forced.unwrap_or(format)),
                (Detection::Unknown, None) if is_one_long_line => {}
                (other, _) => return Err(not_a_log(&path, other, beginning, named)),
            }
            match lines.next_line().map_err(|error| unreadable(&error))? {
                Some(Line::TooLong(bytes)) => report.count_too_long(bytes),
                Some(Line::Whole(line)) => {
                    report.lines += 1;
                    report.count_unparsed(&Unparsed::Shape, line);
                }
                None => break,
            }
        }
        Err(not_a_log(&path, Detection::Unknown, b"", named))
    }

    fn read_lines(
        &mut self,
        lines: &mut Lines<Tracked>,
        source: &mut dyn LineSource,
        report: &mut FileReport,
    ) -> io::Result<()> {
        let mut seen_bytes = 0;
        loop {
            if report.lines.is_multiple_of(LINES_BETWEEN_LOOKS) {
                let read = lines.source().bytes_read();
                self.progress.advance(read - seen_bytes);
                seen_bytes = read;
            }
            if self.is_stopped() {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
            }
            match lines.next_line()? {
                None => break,
                Some(Line::TooLong(bytes)) => report.count_too_long(bytes),
                Some(Line::Whole(line)) => self.translate(line, source, report),
            }
        }
        self.progress.advance(lines.source().bytes_read() - seen_bytes);
        Ok(())
    }

    fn translate(&mut self, line: &[u8], source: &mut dyn LineSource, report: &mut FileReport) {
        report.lines += 1;
        if std::str::from_utf8(line).is_err() {
            report.invalid_utf8 += 1;
        }
        self.events.clear();
        match source.line(line, &mut self.events) {
            LineOutcome::Events(_) => {
                report.lines_with_events += 1;
                let assumed = |event: &VerificationEvent| self.stamps.assumed_year(line, event.time);
                if source.format() == Format::OpenSsh {
                    report.year_assumed = self.events.last().and_then(assumed).or(report.year_assumed);
                }
                for event in &self.events {
                    if self.bus.publish(Draft::from(event)).is_accepted() {
                        report.events += 1;
                    } else {
                        report.not_accepted += 1;
                    }
                }
            }
            LineOutcome::Ignored(why) => report.count_ignored(why.as_str()),
            LineOutcome::Unparsed(why) => report.count_unparsed(&why, line),
        }
    }
}

/// Opens a file, and says when it was last written to.
fn open(path: &Path) -> io::Result<(Tracked, Option<Timestamp>)> {
    let file = File::open(path)?;
    let modified = file.metadata().and_then(|found| found.modified()).ok();
    Ok((Tracked::file(file)?, modified.map(Timestamp::from)))
}

/// Why nothing of an input is read, and how its content can be read all the same.
///
/// A file that was named and holds nothing is an error: somebody expected something in it. In a folder it is
/// one of the files that a rotation leaves behind.
fn not_a_log(path: &str, what: Detection, beginning: &[u8], named: bool) -> Remark {
    let (message, help) = match what {
        Detection::Empty if !named => return Remark::note(path, "is empty"),
        Detection::Empty => {
            ("is empty: there is nothing to read".into(), "check what should have written to it")
        }
        Detection::Compressed(how) => {
            let help = match how {
                "gzip" => "unpack it on the way in: zcat FILE | veribus oneshot -",
                "zstd" => "unpack it on the way in: zstdcat FILE | veribus oneshot -",
                "bzip2" => "unpack it on the way in: bzcat FILE | veribus oneshot -",
                "xz" => "unpack it on the way in: xzcat FILE | veribus oneshot -",
                _ => "unpack it first",
            };
            (format!("is packed with {how}; not read"), help)
        }
        Detection::Utf16 => (
            "is text in UTF-16; not read".into(),
            "convert it on the way in: iconv -f UTF-16 -t UTF-8 FILE | veribus oneshot -",
        ),
        Detection::Binary if beginning.starts_with(b"LPKSHHRH") => (
            "is a journal of systemd, not lines of text; not read".into(),
            "export it on the way in: journalctl --file FILE | veribus oneshot -",
        ),
        Detection::Binary => (
            "is binary, not lines of text; not read".into(),
            "if it is a log with zero bytes in it, say which: --format openssh, access_log or veribus_jsonl",
        ),
        _ => (
            "is of no known format; not read".into(),
            "name its format if it has one: --format openssh, access_log or veribus_jsonl",
        ),
    };
    Remark::error(path, message).help(help)
}

/// What a person should know about an input that was read.
fn unusual(report: &FileReport, change: Change) -> Vec<Remark> {
    let path = &report.path;
    let mut remarks = Vec::new();
    match change {
        Change::None => {}
        Change::Truncated { read, size } => remarks.push(Remark::error(
            path,
            format!("was truncated while it was read: {read} of {size} bytes were there"),
        )),
        Change::Grew { bytes } => remarks.push(Remark::note(
            path,
            format!("grew by {bytes} bytes while it was read; what was added is not in this report"),
        )),
    }
    if report.too_long.lines > 0 {
        let message = format!(
            "lines longer than {LINE_BYTES_MAX} bytes passed over: {} ({} bytes), the first is line {}",
            report.too_long.lines, report.too_long.bytes, report.too_long.first
        );
        remarks.push(Remark::error(path, message));
    }
    if report.invalid_utf8 > 0 {
        let message = format!(
            "lines that are not valid UTF-8: {}; the bytes in question became U+FFFD",
            report.invalid_utf8
        );
        remarks.push(Remark::note(path, message));
    }
    remarks
}
