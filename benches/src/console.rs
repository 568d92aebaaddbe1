//! The one place where a bench writes: standard output, never a panic when it is gone.

use std::io::{self, Write};

/// Writes `text` and a line end.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
