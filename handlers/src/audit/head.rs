//! `LOG.head`: how long the log is and how it ends, rewritten at each sync, so that a changed or cut last line
//! shows.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use veribus_core::Timestamp;

use super::digest::{Digest, LogId};

/// What a head file says. One line of JSON, at most 1 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) log: LogId,
    /// Lines of the whole log, segments that retention removed included.
    pub(crate) lines: u64,
    /// Hash of the last of them.
    pub(crate) head: Digest,
    /// Index of the first line of the segment in which it is.
    pub(crate) segment: u64,
    /// Length of that segment.
    pub(crate) bytes: u64,
}

/// Whether the end of a log is held by its head file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Anchor {
    /// There is a head, and it was compared.
    Anchored,
    /// There is no head file: lines cut off the end cannot be noticed.
    Missing,
    /// The head file cannot be read as one; as if it were missing, but somebody or something damaged it.
    Unreadable,
}

impl Anchor {
    /// The name in `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Anchor::Anchored => "anchored",
            Anchor::Missing => "missing",
            Anchor::Unreadable => "unreadable",
        }
    }
}

const HEAD_BYTES_MAX: u64 = 1024;

impl Head {
    pub(crate) fn to_json(self, time: Timestamp) -> String {
        let Head { log, lines, head, segment, bytes } = self;
        format!(
            "{{\"v\":1,\"log\":\"{log}\",\"lines\":{lines},\"head\":\"{head}\",\"segment\":{segment},\
             \"bytes\":{bytes},\"t\":\"{time}\"}}\n"
        )
    }

    fn parse(text: &[u8]) -> Option<Head> {
        let json: serde_json::Value = serde_json::from_slice(text).ok()?;
        let number = |name: &str| json.get(name)?.as_u64();
        if number("v")? != 1 {
            return None;
        }
        Some(Head {
            log: LogId::from_hex(json.get("log")?.as_str()?.as_bytes())?,
            lines: number("lines")?,
            head: Digest::from_hex(json.get("head")?.as_str()?.as_bytes())?,
            segment: number("segment")?,
            bytes: number("bytes")?,
        })
    }

    /// Reads the head file at `path`.
    ///
    /// # Errors
    /// Whatever reading gives, but that there is no such file.
    pub(crate) fn read(path: &Path) -> io::Result<(Option<Head>, Anchor)> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, Anchor::Missing)),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(HEAD_BYTES_MAX).read_to_end(&mut text)?;
        Ok(match Head::parse(&text) {
            Some(head) => (Some(head), Anchor::Anchored),
            None => (None, Anchor::Unreadable),
        })
    }
}
