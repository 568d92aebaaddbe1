//! What a person must know about one input: it could not be read, or something about it is unusual.

use std::io;
use std::path::Path;

use serde::Serialize;

/// Something to say about an input. Errors make the exit code 1; notes do not.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Remark {
    /// The input as it was named, not escaped.
    pub(super) path: String,
    /// What happened; text from the input in it is escaped.
    pub(super) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<&'static str>,
    #[serde(skip)]
    error: bool,
}

impl Remark {
    /// The input, or a part of it, was not read.
    pub(super) fn error(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        let path = path.as_ref().to_string_lossy().into_owned();
        Remark { path, message: message.into(), help: None, error: true }
    }

    /// The input was read as it should be.
    pub(super) fn note(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Remark { error: false, ..Remark::error(path, message) }
    }

    /// The operating system refused.
    pub(super) fn unreadable(path: impl AsRef<Path>, what: &str, error: &io::Error) -> Self {
        let remark = Remark::error(path, format!("{what}: {error}"));
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                remark.help("run as a user who may read it, for example with sudo")
            }
            io::ErrorKind::NotFound => remark.help("check the path"),
            _ => remark,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub(super) fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    /// Whether something was not read.
    pub(super) fn is_error(&self) -> bool {
        self.error
    }
}
