//! The formats that can be translated.

use std::fmt;

/// A format of lines that a [`crate::LineSource`] translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// OpenSSH's messages in syslog files or in the journal (text or JSON): [`crate::OpenSsh`].
    OpenSsh,
    /// Access log of nginx or Apache: common, combined, with or without a virtual host before it: [`crate::AccessLog`].
    AccessLog,
    /// Events of veribus as JSON Lines, plain or in the envelope of an audit log: [`crate::VeribusJson`].
    VeribusJson,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 3] = [Format::OpenSsh, Format::AccessLog, Format::VeribusJson];

    /// The name in reports: `openssh`, `access_log`, `veribus_jsonl`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::OpenSsh => "openssh",
            Format::AccessLog => "access_log",
            Format::VeribusJson => "veribus_jsonl",
        }
    }

    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
