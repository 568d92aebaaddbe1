//! What was attempted and what was answered, kept outside of the product.

use std::collections::BTreeMap;

use super::event::{Key, Tag};

/// Which promise was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `publish`: may be lost with a counted reason.
    Buffered,
    /// `publish_confirmed`: an Ok is for ever.
    Durable,
}

/// What the publisher was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Ok of a durable publish.
    Confirmed(Key),
    /// In the queue.
    Accepted(Key),
    /// Not taken; the number, where one was given, is a hole.
    Dropped(Option<Key>, String),
    /// Not valid; no number was given.
    Rejected(String),
    /// A durable publish without an Ok: the event may or may not come. The identity, where it was told.
    Doubtful(Option<Key>, String),
}

impl Answer {
    /// The identity that was told.
    pub const fn key(&self) -> Option<Key> {
        match self {
            Answer::Confirmed(key) | Answer::Accepted(key) => Some(*key),
            Answer::Dropped(key, _) | Answer::Doubtful(key, _) => *key,
            Answer::Rejected(_) => None,
        }
    }
}

/// One call of publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The promise asked for.
    pub class: Class,
    /// Digest of what was published.
    pub digest: u64,
    /// `None` where the process died before the answer was written down.
    pub answer: Option<Answer>,
}

/// What a bus counted of itself, told at the end of a life that ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Calls of publish.
    pub attempted: u64,
    /// Taken into a queue.
    pub accepted: u64,
    /// Not taken, for any reason.
    pub dropped: u64,
    /// Not valid.
    pub rejected: u64,
}

/// One life of one bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Life {
    /// The streams of tags that it used: the first and the one past the last.
    pub streams: (u32, u32),
    /// What it counted; `None` if it was killed.
    pub ledger: Option<Ledger>,
}

/// Everything attempted in a run.
#[derive(Debug, Clone, Default)]
pub struct Record {
    attempts: BTreeMap<Tag, Attempt>,
    lives: BTreeMap<u64, Life>,
}

impl Record {
    /// A bus was started as `instance`; its attempts have tags of the streams from `first` up to but without `end`.
    pub fn life(&mut self, instance: u64, first: u32, end: u32) {
        self.lives.insert(instance, Life { streams: (first, end), ledger: None });
    }

    /// The bus `instance` was closed in order and counted this.
    pub fn closed(&mut self, instance: u64, ledger: Ledger) {
        self.lives.entry(instance).or_default().ledger = Some(ledger);
    }

    /// Publish is about to be called.
    pub fn attempt(&mut self, tag: Tag, class: Class, digest: u64) {
        self.attempts.insert(tag, Attempt { class, digest, answer: None });
    }

    /// Publish answered. An answer to what was never attempted is not kept.
    pub fn answer(&mut self, tag: Tag, answer: Answer) {
        if let Some(attempt) = self.attempts.get_mut(&tag) {
            attempt.answer = Some(answer);
        }
    }

    /// The attempt of a tag.
    pub fn get(&self, tag: Tag) -> Option<&Attempt> {
        self.attempts.get(&tag)
    }

    /// All attempts, by stream and number.
    pub fn attempts(&self) -> impl Iterator<Item = (Tag, &Attempt)> {
        self.attempts.iter().map(|(tag, attempt)| (*tag, attempt))
    }

    /// How many attempts there were.
    pub fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Whether nothing was attempted.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// How many were confirmed.
    pub fn confirmed(&self) -> usize {
        self.attempts.values().filter(|a| matches!(a.answer, Some(Answer::Confirmed(_)))).count()
    }

    /// The lives of buses, by instance.
    pub fn lives(&self) -> impl Iterator<Item = (u64, Life)> {
        self.lives.iter().map(|(instance, life)| (*instance, *life))
    }

    /// Whether the bus `instance` ended without closing.
    pub fn was_killed(&self, instance: u64) -> bool {
        self.lives.get(&instance).is_none_or(|life| life.ledger.is_none())
    }

    /// Joins what another process recorded.
    pub fn merge(&mut self, other: Record) {
        self.attempts.extend(other.attempts);
        self.lives.extend(other.lives);
    }
}
