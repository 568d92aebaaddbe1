//! The six rules, one function each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::balance;
use super::event::{Key, Tag};
use super::found::Found;
use super::record::{Answer, Record};
use super::violation::Violation;

/// In which order a lane's events must have been stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Each after those that were published before it.
    #[default]
    Stored,
    /// In any; their numbers alone must be in publish order. For ways on which somebody reorders on purpose.
    Numbered,
}

/// What a run is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How strict rule d is.
    pub order: Order,
    /// Rule e, for the numbers that a killed process gave and nobody recorded: whether holes may stay that were seen
    /// and could not be explained.
    pub unexplained_after_kill: bool,
    /// Rule f: how soon a fresh event must arrive; `None` where none is sent.
    pub alive_within: Option<Duration>,
}

impl Default for Rules {
    /// Strict in everything; no fresh event is expected.
    fn default() -> Self {
        Rules { order: Order::Stored, unexplained_after_kill: false, alive_within: None }
    }
}

impl Rules {
    /// Also asks for a fresh event within `limit`.
    pub const fn alive_within(mut self, limit: Duration) -> Self {
        self.alive_within = Some(limit);
        self
    }
}

/// Everything that the run broke, in the order of the rules; empty if nothing.
pub fn judge(record: &Record, found: &Found, rules: &Rules) -> Vec<Violation> {
    let mut violations = Vec::new();
    confirmed_is_kept(record, found, &mut violations);
    stored_once(found, &mut violations);
    stored_as_published(record, found, &mut violations);
    in_order(found, rules.order, &mut violations);
    balance::books_balance(record, found, rules, &mut violations);
    alive(found, rules, &mut violations);
    violations
}

/// Rule a.
fn confirmed_is_kept(record: &Record, found: &Found, violations: &mut Vec<Violation>) {
    let there: HashSet<Key> =
        found.stored.iter().map(|s| s.key).chain(found.pending.iter().copied()).collect();
    for (tag, attempt) in record.attempts() {
        if let Some(Answer::Confirmed(key)) = attempt.answer
            && !there.contains(&key)
        {
            violations.push(Violation::ConfirmedMissing(tag, key));
        }
    }
}

/// Rule b.
fn stored_once(found: &Found, violations: &mut Vec<Violation>) {
    let mut keys = HashSet::new();
    let mut tags: HashMap<Tag, Key> = HashMap::new();
    for stored in &found.stored {
        if !keys.insert(stored.key) {
            violations.push(Violation::StoredTwice(stored.key));
            continue;
        }
        let Some((tag, _)) = stored.event else { continue };
        if let Some(other) = tags.insert(tag, stored.key) {
            violations.push(Violation::AttemptStoredTwice(tag, other, stored.key));
        }
    }
}

/// Rule c.
fn stored_as_published(record: &Record, found: &Found, violations: &mut Vec<Violation>) {
    for stored in &found.stored {
        let Some((tag, digest)) = stored.event else { continue };
        let Some(attempt) = record.get(tag) else {
            violations.push(Violation::Invented(tag, stored.key));
            continue;
        };
        if attempt.digest != digest {
            violations.push(Violation::Altered(tag, stored.key));
        }
        if let Some(told) = attempt.answer.as_ref().and_then(Answer::key)
            && told != stored.key
        {
            violations.push(Violation::OtherIdentity(tag, told, stored.key));
        }
    }
}

/// Rule d.
fn in_order(found: &Found, order: Order, violations: &mut Vec<Violation>) {
    if order == Order::Stored {
        let mut highest: HashMap<(u64, u16), Key> = HashMap::new();
        for key in found.stored.iter().map(|stored| stored.key) {
            let top = highest.entry((key.instance, key.lane)).or_insert(key);
            if key < *top {
                violations.push(Violation::OutOfOrder(*top, key));
            } else {
                *top = key;
            }
        }
    }
    let numbered: BTreeMap<Key, Tag> =
        found.stored.iter().filter_map(|stored| Some((stored.key, stored.event?.0))).collect();
    let mut last: HashMap<(u64, u16, u32), Tag> = HashMap::new();
    for (key, tag) in numbered {
        let before = last.insert((key.instance, key.lane, tag.stream), tag);
        if let Some(before) = before.filter(|before| before.number > tag.number) {
            violations.push(Violation::NumberedOutOfOrder(tag, before));
        }
    }
}

/// Rule f.
fn alive(found: &Found, rules: &Rules, violations: &mut Vec<Violation>) {
    let Some(limit) = rules.alive_within else { return };
    if found.fresh.is_none_or(|took| took > limit) {
        violations.push(Violation::NotAlive(found.fresh, limit));
    }
}
