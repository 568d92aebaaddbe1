//! Judges a run: was anything lost, doubled, altered, reordered, miscounted, and did the system come back to life?
//!
//! The oracle shares no code with the product. It keeps a [`Record`] of what was attempted and what was answered, is
//! told what was [`Found`] afterwards (stored, lost with a reason, still pending), and says every [`Violation`] of six
//! rules:
//!
//! | | rule |
//! |---|---|
//! | a | what was confirmed is stored or pending |
//! | b | nothing is stored twice |
//! | c | what is stored is what was published |
//! | d | the events of one stream are in publish order |
//! | e | the books balance: each number given is stored, pending or lost with a reason, once; the bus counted what we counted |
//! | f | after the faults end, a fresh event arrives in time |
//!
//! ```
//! use veribus_testkit::oracle::{Answer, Class, Content, Found, Key, Record, Rules, Stored, Tag, judge};
//!
//! let tag = Tag { stream: 1, number: 1 };
//! let content = Content { action: "login".into(), actor: "alice".into(), body: "x".into() };
//! let key = Key { instance: 7, lane: 0, seq: 1 };
//! let mut record = Record::default();
//! record.attempt(tag, Class::Durable, content.digest());
//! record.answer(tag, Answer::Confirmed(key));
//!
//! let stored = Stored { key, event: Some((tag, content.digest())) };
//! let found = Found { stored: vec![stored], ..Found::default() };
//! assert_eq!(judge(&record, &found, &Rules::default()), vec![]);
//! assert_eq!(judge(&record, &Found::default(), &Rules::default()).len(), 2, "rules a and e");
//! ```

mod balance;
mod event;
mod found;
mod journal;
mod judge;
mod record;
#[cfg(feature = "store")]
mod store;
#[cfg(test)]
mod tests;
mod violation;

pub use event::{Content, Key, Tag};
pub use found::{Found, Lost, Stored};
pub use journal::{JournalError, JournalReader, JournalWriter};
pub use judge::{Order, Rules, judge};
pub use record::{Answer, Attempt, Class, Ledger, Record};
#[cfg(feature = "store")]
pub use store::{StoreError, dead_letters, read_store};
pub use violation::Violation;
