//! Alerts on standard output, one line each, because somebody chose this sink.

use std::io::{self, Write};

use super::message::Alert;
use super::sink::{AlertSink, SinkError, SinkFactory};

/// Writes each alert as one line: for people unless [`json`](StdoutSink::json) is asked for.
pub struct StdoutSink {
    out: Box<dyn Write + Send>,
    json: bool,
    /// It writes to standard output, which a forked child has too.
    is_stdout: bool,
}

impl StdoutSink {
    /// To standard output.
    pub fn new() -> StdoutSink {
        StdoutSink { is_stdout: true, ..StdoutSink::to(io::stdout()) }
    }

    /// To any writer: standard error, a file, a test's buffer.
    pub fn to(out: impl Write + Send + 'static) -> StdoutSink {
        StdoutSink { out: Box::new(out), json: false, is_stdout: false }
    }

    /// JSON, one object a line.
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }
}

impl Default for StdoutSink {
    fn default() -> Self {
        StdoutSink::new()
    }
}

impl AlertSink for StdoutSink {
    fn name(&self) -> &str {
        "stdout"
    }

    fn deliver(&mut self, alert: &Alert) -> Result<(), SinkError> {
        let mut line = Vec::new();
        if self.json {
            alert.to_json(&mut line);
        } else {
            line.extend_from_slice(alert.to_string().as_bytes());
        }
        line.push(b'\n');
        let written = self.out.write_all(&line).and_then(|()| self.out.flush());
        // Part of the line may be out already: saying it again would show it twice.
        written.map_err(|error| SinkError::Permanent(Box::new(error)))
    }

    fn for_child(&self) -> Option<SinkFactory> {
        let json = self.json;
        let again = move || Box::new(StdoutSink { json, ..StdoutSink::new() }) as Box<dyn AlertSink>;
        self.is_stdout.then(|| Box::new(again) as SinkFactory)
    }
}
