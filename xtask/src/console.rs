//! The one place where the tasks write: standard output, line by line, never a panic when it is gone.

use std::io::{self, Write};

/// Writes `text` and a line end. A closed pipe is not our problem to report: there is nobody to read it.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
