//! How it stands with one subscription: what came of its parcels, and why it does not work if it does not.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use veribus_core::escape::truncated;
use veribus_core::transport::TransportError;

/// Characters of an error that are kept.
const ERROR_CHARS: usize = 500;

/// Something that a person at the collector should hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The collector listens; a signal stops it in good order from now on.
    Ready,
    /// Parcels can be received, for the first time or again.
    Receiving {
        /// From where, without secrets.
        origin: String,
    },
    /// Parcels cannot be received; it is tried again.
    NotReceiving {
        /// From where, without secrets.
        origin: String,
        /// Why, escaped and without secrets.
        error: String,
    },
}

/// What is known about one subscription; shared with those who ask.
#[derive(Debug)]
pub struct Reception {
    origin: String,
    working: AtomicBool,
    error: Mutex<Option<(&'static str, String)>>,
    /// Parcels that were committed and settled.
    pub stored: AtomicU64,
    /// Parcels that were put back, to be delivered again.
    pub again: AtomicU64,
    /// Parcels that cannot be taken.
    pub dead: AtomicU64,
    /// Times that the broker failed.
    pub failures: AtomicU64,
}

/// The same as a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceptionStatus {
    /// From where, without secrets.
    pub origin: String,
    /// Whether the last attempt worked.
    pub receiving: bool,
    /// Parcels committed and settled since the start.
    pub stored: u64,
    /// Parcels put back, to be delivered again.
    pub again: u64,
    /// Parcels that cannot be taken.
    pub dead: u64,
    /// Times that the broker failed.
    pub failures: u64,
    /// Code of the last error, until it works again.
    pub error: Option<String>,
    /// The last error in words.
    pub message: Option<String>,
}

impl Reception {
    /// Nothing has happened yet.
    pub fn new(origin: String) -> Self {
        Reception {
            origin,
            working: AtomicBool::new(false),
            error: Mutex::default(),
            stored: AtomicU64::new(0),
            again: AtomicU64::new(0),
            dead: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// From where.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// It works. What is to be said, if it did not before.
    pub(super) fn works(&self) -> Option<Notice> {
        if self.working.swap(true, Ordering::Relaxed) {
            return None;
        }
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Some(Notice::Receiving { origin: self.origin.clone() })
    }

    /// It does not work. What is to be said, if that is new.
    pub(super) fn fails(&self, error: &TransportError) -> Option<Notice> {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.working.store(false, Ordering::Relaxed);
        let text = truncated(&in_words(error), ERROR_CHARS).to_string();
        let mut last = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().is_some_and(|(code, _)| *code == error.code());
        *last = Some((error.code(), text.clone()));
        (!known).then(|| Notice::NotReceiving { origin: self.origin.clone(), error: text })
    }

    /// As it is now.
    pub fn status(&self) -> ReceptionStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (error, message) = error.map(|(code, text)| (code.to_owned(), text)).unzip();
        ReceptionStatus {
            origin: self.origin.clone(),
            receiving: self.working.load(Ordering::Relaxed),
            stored: count(&self.stored),
            again: count(&self.again),
            dead: count(&self.dead),
            failures: count(&self.failures),
            error,
            message,
        }
    }
}

/// An error and its causes on one line.
fn in_words(error: &TransportError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let _infallible = write!(words, ": {source}");
        cause = source.source();
    }
    words
}
