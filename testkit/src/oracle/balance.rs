//! Rule e: every number that was given is accounted for once, and the bus counted what we counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::Key;
use super::found::{Found, Lost};
use super::judge::Rules;
use super::record::{Answer, Class, Record};
use super::violation::Violation;

type LaneName = (u64, u16);

/// What is known of one lane.
#[derive(Default)]
struct Lane<'a> {
    /// Stored or pending.
    there: BTreeSet<u64>,
    losses: Vec<&'a Lost>,
    /// The highest number that was given.
    top: u64,
}

pub(super) fn books_balance(record: &Record, found: &Found, rules: &Rules, violations: &mut Vec<Violation>) {
    for (name, lane) in lanes(record, found) {
        let lenient = rules.unexplained_after_kill && record.was_killed(name.0);
        lane_balances(name, &lane, lenient, violations);
    }
    dropped_is_gone(record, found, violations);
    ledgers_agree(record, violations);
}

/// Collects by lane what is known of the instances that are ours; others have no record to be held to.
fn lanes<'a>(record: &Record, found: &'a Found) -> BTreeMap<LaneName, Lane<'a>> {
    let ours: BTreeSet<u64> = record
        .lives()
        .map(|(instance, _)| instance)
        .chain(record.attempts().filter_map(|(_, a)| a.answer.as_ref()?.key()).map(|key| key.instance))
        .collect();
    let mut lanes: BTreeMap<LaneName, Lane<'a>> = BTreeMap::new();
    let mut given = |instance: u64, number: u16, seq: u64| {
        let lane = lanes.entry((instance, number)).or_default();
        lane.top = lane.top.max(seq);
    };
    for (_, attempt) in record.attempts() {
        let Some(key) = attempt.answer.as_ref().and_then(Answer::key) else { continue };
        // A kill takes what was in memory alone, and nobody can know of the numbers above the last that got out.
        let died_in_memory = attempt.class == Class::Buffered && record.was_killed(key.instance);
        if !died_in_memory {
            given(key.instance, key.lane, key.seq);
        }
    }
    let there = || found.stored.iter().map(|s| s.key).chain(found.pending.iter().copied());
    there().for_each(|key| given(key.instance, key.lane, key.seq));
    found.lost.iter().for_each(|lost| given(lost.instance, lost.lane, lost.last));
    found.marks.iter().for_each(|((instance, lane), next)| given(*instance, *lane, next.saturating_sub(1)));
    for key in there() {
        lanes.entry((key.instance, key.lane)).or_default().there.insert(key.seq);
    }
    for lost in &found.lost {
        lanes.entry((lost.instance, lost.lane)).or_default().losses.push(lost);
    }
    lanes.retain(|(instance, _), _| ours.contains(instance));
    lanes
}

fn lane_balances(name: LaneName, lane: &Lane<'_>, lenient: bool, violations: &mut Vec<Violation>) {
    let key = |seq| Key { instance: name.0, lane: name.1, seq };
    let covering = |seq: u64| lane.losses.iter().find(|lost| (lost.first..=lost.last).contains(&seq));
    let mut missing = 0;
    let mut uncovered = 0;
    for seq in (1..=lane.top).filter(|seq| !lane.there.contains(seq)) {
        missing += 1;
        match covering(seq) {
            None => {
                uncovered += 1;
                violations.push(Violation::Vanished(key(seq)));
            }
            Some(lost) if lost.reason == Found::UNEXPLAINED && !lenient => {
                violations.push(Violation::Unexplained(key(seq)));
            }
            Some(_) => {}
        }
    }
    let mut contradicted = false;
    for lost in lane.losses.iter().filter(|lost| lost.count == lost.last - lost.first + 1) {
        for seq in lane.there.range(lost.first..=lost.last) {
            contradicted = true;
            violations.push(Violation::LostAndFound(key(*seq), lost.reason.clone()));
        }
    }
    let said: u64 = lane.losses.iter().map(|lost| lost.count).sum();
    if said != missing - uncovered && !contradicted {
        violations.push(Violation::Miscounted(key(0), said, missing));
    }
}

/// Who was told `dropped` may rely on it.
fn dropped_is_gone(record: &Record, found: &Found, violations: &mut Vec<Violation>) {
    let by_tag: HashMap<_, _> =
        found.stored.iter().filter_map(|stored| Some((stored.event?.0, stored.key))).collect();
    for (tag, attempt) in record.attempts() {
        if let (Some(Answer::Dropped(..)), Some(key)) = (&attempt.answer, by_tag.get(&tag)) {
            violations.push(Violation::DroppedAndStored(tag, *key));
        }
    }
}

/// The bus's own counters, for lives that ended in order, against ours.
fn ledgers_agree(record: &Record, violations: &mut Vec<Violation>) {
    for (_, life) in record.lives() {
        let Some(ledger) = life.ledger else { continue };
        let (mut attempted, mut dropped, mut rejected) = (0, 0, 0);
        for (_, attempt) in
            record.attempts().filter(|(tag, _)| (life.streams.0..life.streams.1).contains(&tag.stream))
        {
            attempted += 1;
            match attempt.answer {
                Some(Answer::Dropped(..)) => dropped += 1,
                Some(Answer::Rejected(_)) => rejected += 1,
                _ => {}
            }
        }
        let accepted = attempted - dropped - rejected;
        let counts = [
            ("attempted", ledger.attempted, attempted),
            ("accepted", ledger.accepted, accepted),
            ("dropped", ledger.dropped, dropped),
            ("rejected", ledger.rejected, rejected),
        ];
        let differ = counts.into_iter().filter(|(_, bus, ours)| bus != ours);
        violations.extend(differ.map(|(what, bus, ours)| Violation::Ledger(what, bus, ours)));
    }
}
