//! What a run broke, one line each, with the letter of the rule.

use std::fmt;
use std::time::Duration;

use super::event::{Key, Tag};

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// (a) It was confirmed and is nowhere.
    ConfirmedMissing(Tag, Key),
    /// (b) One identity is stored more than once.
    StoredTwice(Key),
    /// (b) One attempt is stored under two identities.
    AttemptStoredTwice(Tag, Key, Key),
    /// (c) It says something else than what was published.
    Altered(Tag, Key),
    /// (c) It was stored under another identity than the publisher was told.
    OtherIdentity(Tag, Key, Key),
    /// (c) Nobody attempted this.
    Invented(Tag, Key),
    /// (d) It was stored after a later one of its lane.
    OutOfOrder(Key, Key),
    /// (d) Of two events of one stream the one published later has the smaller number.
    NumberedOutOfOrder(Tag, Tag),
    /// (e) This number was given and is neither stored, nor pending, nor lost with a reason.
    Vanished(Key),
    /// (e) This number is stored or pending, and lost too.
    LostAndFound(Key, String),
    /// (e) The hole was seen and has no reason.
    Unexplained(Key),
    /// (e) Of one lane, the losses say another count than is missing.
    Miscounted(Key, u64, u64),
    /// (e) The publisher was told that it is dropped, and it is stored.
    DroppedAndStored(Tag, Key),
    /// (e) What the bus counted is not what we counted: what, by the bus, by us.
    Ledger(&'static str, u64, u64),
    /// (f) No fresh event arrived within this time.
    NotAlive(Option<Duration>, Duration),
}

impl Violation {
    /// The letter of the rule: `a` to `f`.
    pub const fn rule(&self) -> char {
        match self {
            Violation::ConfirmedMissing(..) => 'a',
            Violation::StoredTwice(_) | Violation::AttemptStoredTwice(..) => 'b',
            Violation::Altered(..) | Violation::OtherIdentity(..) | Violation::Invented(..) => 'c',
            Violation::OutOfOrder(..) | Violation::NumberedOutOfOrder(..) => 'd',
            Violation::Vanished(_)
            | Violation::LostAndFound(..)
            | Violation::Unexplained(_)
            | Violation::Miscounted(..)
            | Violation::DroppedAndStored(..)
            | Violation::Ledger(..) => 'e',
            Violation::NotAlive(..) => 'f',
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) ", self.rule())?;
        match self {
            Violation::ConfirmedMissing(tag, key) => write!(f, "{tag} was confirmed as {key} and is nowhere"),
            Violation::StoredTwice(key) => write!(f, "{key} is stored twice"),
            Violation::AttemptStoredTwice(tag, one, two) => {
                write!(f, "{tag} is stored as {one} and as {two}")
            }
            Violation::Altered(tag, key) => write!(f, "{tag}, stored as {key}, says something else"),
            Violation::OtherIdentity(tag, told, stored) => {
                write!(f, "{tag} was told to be {told} and is stored as {stored}")
            }
            Violation::Invented(tag, key) => write!(f, "{tag}, stored as {key}, was never attempted"),
            Violation::OutOfOrder(later, earlier) => write!(f, "{earlier} is stored after {later}"),
            Violation::NumberedOutOfOrder(first, second) => {
                write!(f, "{first} was published before {second} and has the higher number")
            }
            Violation::Vanished(key) => {
                write!(f, "{key} is not stored, not pending and not recorded as lost")
            }
            Violation::LostAndFound(key, reason) => {
                write!(f, "{key} is there and recorded as lost: {reason}")
            }
            Violation::Unexplained(key) => write!(f, "{key} is a hole without a reason"),
            Violation::Miscounted(lane, said, missing) => {
                write!(f, "in the lane of {lane}, {said} are recorded as lost and {missing} are missing")
            }
            Violation::DroppedAndStored(tag, key) => {
                write!(f, "{tag} was answered `dropped` and is stored as {key}")
            }
            Violation::Ledger(what, bus, ours) => {
                write!(f, "the bus counted {bus} {what}, we counted {ours}")
            }
            Violation::NotAlive(None, limit) => write!(f, "no fresh event arrived within {limit:?}"),
            Violation::NotAlive(Some(took), limit) => {
                write!(f, "a fresh event took {took:?}, more than {limit:?}")
            }
        }
    }
}
