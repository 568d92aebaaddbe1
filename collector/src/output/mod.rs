//! The one writer: data on standard output, talk on standard error, colours only where somebody sees them.

mod json;
mod progress;
mod style;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

pub use progress::Progress;
pub use style::{Style, counted, grouped};

use crate::cli::{CommandError, GlobalArgs};

/// Bytes collected before they are written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where a command writes. Text that came from an event or a file must be escaped before it gets here, with
/// `veribus_core::escape::Escaped`.
pub struct Output {
    data: BufWriter<Box<dyn Write + Send>>,
    talk: Box<dyn Write + Send>,
    json: bool,
    quiet: bool,
    verbose: bool,
    data_style: Style,
    talk_style: Style,
    live: bool,
    data_is_seen: bool,
}

impl Output {
    /// On standard output and standard error.
    pub fn standard(options: &GlobalArgs) -> Self {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let live = stderr.is_terminal() && !options.quiet;
        Output {
            data_style: Style::choose(options.color, stdout.is_terminal()),
            talk_style: Style::choose(options.color, stderr.is_terminal()),
            live,
            data_is_seen: stdout.is_terminal(),
            ..Output::to(options, Box::new(stdout), Box::new(stderr))
        }
    }

    /// On any two writers, without colours or progress: for tests.
    pub fn to(options: &GlobalArgs, data: Box<dyn Write + Send>, talk: Box<dyn Write + Send>) -> Self {
        Output {
            data: BufWriter::with_capacity(BUFFER_BYTES, data),
            talk,
            json: options.json,
            quiet: options.quiet,
            verbose: options.verbose,
            data_style: Style::plain(),
            talk_style: Style::plain(),
            live: false,
            data_is_seen: false,
        }
    }

    /// Whether the caller asked for JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether the caller asked to be told more.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether standard output is a terminal: a secret may be shown there, and not in a file or a journal.
    pub fn is_terminal(&self) -> bool {
        self.data_is_seen
    }

    /// The colours of standard output; they do nothing where there are none.
    pub fn style(&self) -> Style {
        self.data_style
    }

    /// One line of data.
    ///
    /// # Errors
    /// [`CommandError::output`]: quiet if the reader went away, else exit code 4.
    pub fn line(&mut self, line: impl Display) -> Result<(), CommandError> {
        writeln!(self.data, "{line}").map_err(CommandError::output)
    }

    /// One JSON document, indented, with a newline behind it.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn json(&mut self, document: &impl Serialize) -> Result<(), CommandError> {
        json::write_pretty(&mut self.data, document).map_err(CommandError::output)?;
        self.line("")
    }

    /// One JSON document on one line, for streams; written at once.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn json_line(&mut self, document: &impl Serialize) -> Result<(), CommandError> {
        json::write_line(&mut self.data, document).map_err(CommandError::output)?;
        self.line("")?;
        self.flush()
    }

    /// Bytes of data as they are, for scripts and other formats.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        self.data.write_all(bytes).map_err(CommandError::output)
    }

    /// Writes what is collected.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn flush(&mut self) -> Result<(), CommandError> {
        self.data.flush().map_err(CommandError::output)
    }

    /// Tells the person something; nothing with `--quiet`.
    pub fn say(&mut self, line: impl Display) {
        if !self.quiet {
            self.talk_line(format_args!("{line}"));
        }
    }

    /// Tells more, with `--verbose`.
    pub fn detail(&mut self, line: impl Display) {
        if self.verbose {
            self.talk_line(format_args!("{line}"));
        }
    }

    /// Something went wrong, and the command goes on; said even with `--quiet`.
    pub fn warn(&mut self, line: impl Display) {
        let style = self.talk_style;
        self.talk_line(format_args!("{} {line}", style.yellow("warning:")));
    }

    /// Why the command stopped: what, each cause, what to do. With `--json` also on standard output, on a line
    /// of its own.
    pub fn error(&mut self, error: &CommandError) {
        if error.is_silent() {
            return;
        }
        if self.json {
            // Where standard output is what failed, standard error still says so.
            let _unwritten = self.json_line(&error.document());
        }
        let style = self.talk_style;
        self.talk_line(format_args!("{} {error}", style.red("error:")));
        let mut cause = error.source();
        while let Some(source) = cause {
            self.talk_line(format_args!("  because: {source}"));
            cause = source.source();
        }
        if let Some(advice) = error.advice() {
            self.talk_line(format_args!("  {} {advice}", style.bold("help:")));
        }
    }

    /// A bar for `total` units of work on a terminal, or nothing to see elsewhere; `None` where the total is
    /// not known.
    pub fn progress(&self, total: Option<u64>) -> Progress {
        if self.live { Progress::shown(total) } else { Progress::hidden() }
    }

    fn talk_line(&mut self, line: std::fmt::Arguments<'_>) {
        // Nobody is left to be told that standard error is closed.
        let _closed = writeln!(self.talk, "{line}");
    }
}
