//! Lines of `journalctl -o json`: one object a line, text or bytes as the message.

use std::borrow::Cow;

use serde::Deserialize;
use veribus_core::Timestamp;

use super::{Entry, parse_pid};
use crate::line::Unparsed;

/// What is read of a journal entry; everything else in it is passed over.
///
/// Source: systemd, "Journal JSON Format" and systemd.journal-fields(7).
#[derive(Deserialize)]
pub(crate) struct JournalLine<'a> {
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    micros: Cow<'a, str>,
    #[serde(borrow, rename = "_HOSTNAME", default)]
    host: Option<Field<'a>>,
    #[serde(borrow, rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Option<Field<'a>>,
    #[serde(borrow, rename = "_COMM", default)]
    command: Option<Field<'a>>,
    #[serde(borrow, rename = "_PID", default)]
    pid: Option<Field<'a>>,
    #[serde(borrow, rename = "MESSAGE", default)]
    message: Option<Field<'a>>,
}

/// A field of the journal: text, or bytes where it is not text. One that stands more than once is a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Field<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Bytes(Vec<u8>),
    /// Several values: the first counts.
    Several(Vec<String>),
}

impl Field<'_> {
    fn text(&self) -> (Cow<'_, str>, bool) {
        match self {
            Field::Text(text) => (Cow::Borrowed(text), false),
            Field::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => (Cow::Borrowed(text), false),
                Err(_) => (Cow::Owned(String::from_utf8_lossy(bytes).into_owned()), true),
            },
            Field::Several(all) => (Cow::Borrowed(all.first().map_or("", String::as_str)), false),
        }
    }
}

impl<'a> JournalLine<'a> {
    pub(crate) fn parse(line: &'a str) -> Result<Self, Unparsed> {
        serde_json::from_str(line).map_err(|_| Unparsed::Shape)
    }

    /// Calls `with` with the entry and whether bytes of its message had to be replaced.
    pub(crate) fn entry<T>(&self, with: impl FnOnce(Entry<'_>, bool) -> T) -> Result<T, Unparsed> {
        let micros: i64 = self.micros.parse().map_err(|_| Unparsed::Time)?;
        let time = Timestamp::from_nanos(micros.checked_mul(1_000).ok_or(Unparsed::Time)?);
        // The journal writes null for a message above its own limit (`--all` lifts it).
        let message = self.message.as_ref().ok_or(Unparsed::Field { field: "MESSAGE" })?;
        let (message, replaced) = message.text();
        let program = self.identifier.as_ref().or(self.command.as_ref()).map(Field::text);
        let host = self.host.as_ref().map(Field::text);
        let pid = self.pid.as_ref().map(Field::text);
        let entry = Entry {
            time,
            host: host.as_ref().map(|(host, _)| &**host),
            program: program.as_ref().map_or("", |(program, _)| &**program),
            pid: pid.as_ref().and_then(|(pid, _)| parse_pid(pid)),
            message: &message,
        };
        Ok(with(entry, replaced))
    }
}
