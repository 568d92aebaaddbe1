//! A log in a folder of its own, and what a test does to it.

use std::path::PathBuf;

use veribus_core::EventHandler;
use veribus_handlers::AuditLogger;
use veribus_handlers::audit::{VerifyReport, verify};

use super::logins;

/// A log in a folder of its own.
pub(crate) struct Trail {
    pub(crate) folder: tempfile::TempDir,
}

impl Trail {
    pub(crate) fn new() -> Trail {
        Trail { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn open(&self) -> AuditLogger {
        AuditLogger::new(self.path()).expect("the log opens")
    }

    /// Writes `events` events in batches of seven, and closes the log.
    pub(crate) fn written(self, events: u64) -> Trail {
        let mut logger = self.open();
        for batch in logins(1, events).chunks(7) {
            logger.handle(batch).expect("a batch is taken");
        }
        drop(logger);
        self
    }

    pub(crate) fn verify(&self) -> VerifyReport {
        verify(self.path()).expect("the log can be read")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).expect("the log can be read")
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8(self.bytes()).expect("UTF-8").lines().map(str::to_owned).collect()
    }

    pub(crate) fn overwrite(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).expect("the log can be written");
    }

    /// Names of the files beside the log and the log itself, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}
