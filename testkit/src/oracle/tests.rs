//! The oracle against histories made by hand: one that is fine, and each rule broken.

use std::time::Duration;

use super::*;

const INSTANCE: u64 = 0xfeed;

fn key(seq: u64) -> Key {
    Key { instance: INSTANCE, lane: 3, seq }
}

fn tag(number: u64) -> Tag {
    Tag { stream: 1, number }
}

fn digest(number: u64) -> u64 {
    Content::of(tag(number), 40).digest()
}

fn stored(seq: u64, number: u64) -> Stored {
    Stored { key: key(seq), event: Some((tag(number), digest(number))) }
}

fn lost(first: u64, last: u64, count: u64, reason: &str) -> Lost {
    Lost { instance: INSTANCE, lane: 3, first, last, count, reason: reason.to_owned() }
}

/// Six attempts: 1 and 2 confirmed, 3 accepted, 4 dropped (number 4), 5 rejected, 6 accepted (number 5).
fn history() -> (Record, Found) {
    let mut record = Record::default();
    record.life(INSTANCE, 1, 2);
    for number in 1..=6 {
        let class = if number <= 2 { Class::Durable } else { Class::Buffered };
        record.attempt(tag(number), class, digest(number));
    }
    record.answer(tag(1), Answer::Confirmed(key(1)));
    record.answer(tag(2), Answer::Confirmed(key(2)));
    record.answer(tag(3), Answer::Accepted(key(3)));
    record.answer(tag(4), Answer::Dropped(Some(key(4)), "queue_full".to_owned()));
    record.answer(tag(5), Answer::Rejected("EVT_TOO_LARGE".to_owned()));
    record.answer(tag(6), Answer::Accepted(key(5)));
    record.closed(INSTANCE, Ledger { attempted: 6, accepted: 4, dropped: 1, rejected: 1 });
    let found = Found {
        stored: vec![stored(1, 1), stored(2, 2), stored(3, 3)],
        lost: vec![lost(4, 4, 1, "queue_full")],
        pending: vec![key(5)],
        fresh: Some(Duration::from_secs(1)),
        ..Found::default()
    };
    (record, found)
}

fn rules() -> Rules {
    Rules::default().alive_within(Duration::from_secs(10))
}

/// What the oracle says after `change` was made to a history that is fine.
fn after(change: impl FnOnce(&mut Record, &mut Found)) -> Vec<Violation> {
    let (mut record, mut found) = history();
    change(&mut record, &mut found);
    judge(&record, &found, &rules())
}

#[test]
fn a_history_without_a_fault_passes() {
    assert_eq!(after(|_, _| ()), vec![]);
}

#[test]
fn rule_a_a_confirmed_event_that_is_nowhere_is_found() {
    let said = after(|_, found| _ = found.stored.remove(1));
    assert_eq!(said, [Violation::ConfirmedMissing(tag(2), key(2)), Violation::Vanished(key(2))]);
    let said = after(|_, found| {
        found.stored.remove(1);
        found.lost.push(lost(2, 2, 1, "spool_corrupt"));
    });
    assert_eq!(
        said,
        [Violation::ConfirmedMissing(tag(2), key(2))],
        "a reason does not excuse a broken promise"
    );
    let said = after(|_, found| {
        found.stored.remove(1);
        found.pending.push(key(2));
    });
    assert_eq!(said, [], "pending is kept");
}

#[test]
fn rule_b_a_second_copy_is_found_under_the_same_and_under_another_identity() {
    assert_eq!(after(|_, found| found.stored.push(stored(3, 3))), [Violation::StoredTwice(key(3))]);
    let said = after(|_, found| {
        found.pending.clear();
        found.stored.push(stored(5, 3));
    });
    assert!(said.contains(&Violation::AttemptStoredTwice(tag(3), key(3), key(5))), "{said:?}");
}

#[test]
fn rule_c_another_content_another_identity_and_an_invention_are_found() {
    let said = after(|_, found| found.stored[2].event = Some((tag(3), 1)));
    assert_eq!(said, [Violation::Altered(tag(3), key(3))]);
    let said = after(|_, found| found.stored[2] = stored(3, 6));
    assert_eq!(said, [Violation::OtherIdentity(tag(6), key(5), key(3))]);
    let said = after(|_, found| found.stored[2] = stored(3, 77));
    assert_eq!(said, [Violation::Invented(tag(77), key(3))]);
}

#[test]
fn rule_d_an_event_stored_before_an_earlier_one_is_found() {
    assert_eq!(after(|_, found| found.stored.swap(1, 2)), [Violation::OutOfOrder(key(3), key(2))]);
    let (record, mut found) = history();
    found.stored.swap(1, 2);
    let numbered = Rules { order: Order::Numbered, ..rules() };
    assert_eq!(judge(&record, &found, &numbered), [], "their numbers are in order");
}

#[test]
fn rule_d_numbers_given_against_the_publish_order_are_found() {
    let said = after(|record, found| {
        record.answer(tag(2), Answer::Confirmed(key(3)));
        record.answer(tag(3), Answer::Accepted(key(2)));
        found.stored[1] = stored(2, 3);
        found.stored[2] = stored(3, 2);
    });
    assert_eq!(said, [Violation::NumberedOutOfOrder(tag(2), tag(3))]);
}

#[test]
fn rule_e_a_number_that_vanished_is_found() {
    assert_eq!(after(|_, found| found.pending.clear()), [Violation::Vanished(key(5))]);
    assert_eq!(after(|_, found| found.lost.clear()), [Violation::Vanished(key(4))]);
    let marked = after(|_, found| _ = found.marks.insert((INSTANCE, 3), 8));
    assert_eq!(marked, [Violation::Vanished(key(6)), Violation::Vanished(key(7))]);
}

#[test]
fn rule_e_losses_that_contradict_what_is_there_are_found() {
    let said = after(|_, found| found.lost.push(lost(3, 3, 1, "queue_full")));
    assert_eq!(said, [Violation::LostAndFound(key(3), "queue_full".to_owned())]);
    let said = after(|_, found| found.lost[0] = lost(3, 5, 2, "queue_full"));
    assert_eq!(said, [Violation::Miscounted(key(0), 2, 1)]);
    assert_eq!(after(|_, found| found.lost[0] = lost(3, 5, 1, "queue_full")), [], "coalesced");
}

#[test]
fn rule_e_a_hole_without_a_reason_is_only_excused_after_a_kill() {
    let said = after(|_, found| found.lost[0] = lost(4, 4, 1, Found::UNEXPLAINED));
    assert_eq!(said, [Violation::Unexplained(key(4))]);
    let (mut record, mut found) = history();
    record.life(INSTANCE, 1, 2);
    found.lost[0] = lost(4, 4, 1, Found::UNEXPLAINED);
    let lenient = Rules { unexplained_after_kill: true, ..rules() };
    assert_eq!(judge(&record, &found, &lenient), []);
    assert_eq!(judge(&record, &found, &rules()), [Violation::Unexplained(key(4))]);
}

#[test]
fn rule_e_a_bus_that_counts_otherwise_and_a_drop_that_was_stored_are_found() {
    let ledger = Ledger { attempted: 6, accepted: 5, dropped: 0, rejected: 1 };
    let said = after(|record, _| record.closed(INSTANCE, ledger));
    assert_eq!(said, [Violation::Ledger("accepted", 5, 4), Violation::Ledger("dropped", 0, 1)]);
    let said = after(|_, found| {
        found.lost.clear();
        found.stored.push(stored(4, 4));
    });
    assert_eq!(said, [Violation::DroppedAndStored(tag(4), key(4))]);
}

#[test]
fn rule_f_a_system_that_does_not_come_back_is_found() {
    let limit = Duration::from_secs(10);
    assert_eq!(after(|_, found| found.fresh = None), [Violation::NotAlive(None, limit)]);
    let late = Some(Duration::from_secs(11));
    assert_eq!(after(|_, found| found.fresh = late), [Violation::NotAlive(late, limit)]);
}

#[test]
fn each_violation_names_its_rule() {
    let said = after(|_, found| _ = found.stored.remove(0));
    assert!(
        said.iter().all(|violation| violation.to_string().starts_with(&format!("({}) ", violation.rule())))
    );
}

#[test]
fn a_journal_gives_the_same_record_and_a_cut_line_is_left_out() {
    let mut file = Vec::new();
    let mut journal = JournalWriter::new(&mut file);
    let (record, found) = history();
    journal.life(INSTANCE, 1, 2).unwrap();
    for (tag, attempt) in record.attempts() {
        journal.attempt(tag, attempt.class, attempt.digest).unwrap();
        journal.answer(tag, attempt.answer.as_ref().unwrap()).unwrap();
    }
    journal.closed(INSTANCE, Ledger { attempted: 6, accepted: 4, dropped: 1, rejected: 1 }).unwrap();
    let text = String::from_utf8(file).unwrap() + "try 1.7 dura";
    let read = JournalReader::read(&text).unwrap();
    assert_eq!(read.attempts().collect::<Vec<_>>(), record.attempts().collect::<Vec<_>>());
    assert_eq!(judge(&read, &found, &rules()), []);
    assert!(!read.was_killed(INSTANCE));
    let error = JournalReader::read("life 1 1 2\nok nonsense\n").unwrap_err();
    assert_eq!((error.number, error.line.as_str()), (2, "ok nonsense"));
}
