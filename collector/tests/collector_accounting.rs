//! The books of every producer: what is not stored is lost with a reason, on its way, or a gap that is said aloud once.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use support_collector::Running;
use veribus_core::{
    Batch, EventId, InstanceId, LaneMark, LossReason, LossRecord, Source, Timestamp, VerificationEvent, event,
};

const INSTANCE: InstanceId = InstanceId(0xfeed);
const HEX: &str = "000000000000feed";

fn start() -> (tempfile::TempDir, Running) {
    let temp = tempfile::tempdir().unwrap();
    let running = Running::start(&temp.path().join("data"));
    (temp, running)
}

fn login(seq: u64) -> VerificationEvent {
    let id = EventId::new(INSTANCE, 3, seq);
    event::authentication("login").success().actor("alice").into_event(id, Timestamp::now()).unwrap()
}

fn batch(seqs: impl IntoIterator<Item = u64>) -> Batch {
    let events = seqs.into_iter().map(login).collect();
    Batch { source: Source::new("orders"), instance: Some(INSTANCE), events, ..Batch::default() }
}

fn lost(reason: LossReason, first_seq: u64, last_seq: u64) -> LossRecord {
    let (first_at, last_at) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
    LossRecord { lane: 3, reason, first_seq, last_seq, count: last_seq - first_seq + 1, first_at, last_at }
}

fn send(collector: &Running, batch: &Batch) -> Json {
    let mut body = Vec::new();
    batch.encode_msgpack(&mut body).unwrap();
    let (status, receipt) = collector.post("application/msgpack", &body);
    assert_eq!(status, 200, "{receipt}");
    receipt
}

fn books(collector: &Running) -> Json {
    let (status, text) = collector.get(&format!("/v1/accounting?instance={HEX}"));
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Json>(&text).unwrap()["producers"][0].clone()
}

/// Waits until `wanted` of the books holds.
fn until(collector: &Running, wanted: impl Fn(&Json) -> bool) -> Json {
    let began = Instant::now();
    loop {
        let books = books(collector);
        if wanted(&books) {
            return books;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{books}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn found(collector: &Running, action: &str) -> Vec<Json> {
    let found = collector.json(&["search", &format!("action:{action}"), "--json"]);
    found["events"].as_array().unwrap().clone()
}

#[test]
fn a_hole_with_a_reason_is_a_loss_and_no_gap() {
    let (_temp, collector) = start();
    let mut sent = batch((1..=4).chain(8..=9));
    sent.losses = vec![lost(LossReason::QueueFull, 5, 7)];
    sent.lanes = vec![LaneMark { lane: 3, next_seq: 12 }];
    send(&collector, &sent);
    assert_eq!(send(&collector, &sent)["duplicates"], 6, "a parcel that comes again changes nothing");
    let held = books(&collector);
    assert_eq!(held["service"], "orders");
    assert_eq!((&held["received"], &held["stored"], &held["duplicates"]), (&json!(12), &json!(6), &json!(6)));
    assert_eq!((&held["lost"], &held["pending"]), (&json!({"queue_full": 3}), &json!(2)), "{held}");
    let metrics = collector.get("/metrics").1;
    assert!(metrics.contains("veribus_collector_losses_total{reason=\"queue_full\"} 3\n"), "{metrics}");
    // Losses alone, without an event.
    let mut rest = batch([]);
    rest.losses = vec![lost(LossReason::CloseDeadline, 10, 11)];
    send(&collector, &rest);
    let held = books(&collector);
    assert_eq!(held["lost"], json!({"queue_full": 3, "close_deadline": 2}));
    assert_eq!((&held["pending"], &held["missing"]), (&json!(0), &json!(0)));
}

#[test]
fn an_unexplained_hole_is_said_once_and_closed_when_it_is_filled() {
    let (_temp, collector) = start();
    send(&collector, &batch((1..=3).chain(6..=9)));
    assert_eq!(books(&collector)["pending"], 2);
    let held = until(&collector, |books| books["missing"] == 2);
    assert_eq!(held["pending"], 0);
    send(&collector, &batch([10]));
    let gap = found(&collector, "veribus.gap");
    assert_eq!(gap.len(), 1, "{gap:?}");
    assert_eq!(gap[0]["event"]["target"]["name"], HEX);
    assert_eq!(
        gap[0]["event"]["attributes"],
        json!({"lane": 3, "missing": 2, "first_seq": 4, "last_seq": 5})
    );
    let alerts = collector.json(&["alerts", "list", "--json"]);
    assert!(!alerts["alerts"].as_array().unwrap().is_empty(), "it is an alert");
    let shown = collector.veribus(&["accounting", "--instance", HEX]);
    assert_eq!(shown.status.code(), Some(1), "something is missing");
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("lane 3: 4 to 5: unexplained"), "{text}");
    send(&collector, &batch([4, 5]));
    until(&collector, |books| books["missing"] == 0 && books["pending"] == 0);
    let began = Instant::now();
    while found(&collector, "veribus.gap.closed").len() != 1 {
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(found(&collector, "veribus.gap").len(), 1, "said once");
    assert_eq!(collector.veribus(&["accounting"]).status.code(), Some(0));
}

#[test]
fn a_gap_is_not_forgotten_by_a_restart_and_not_said_again() {
    let (temp, collector) = start();
    let mut sent = batch(1..=3);
    sent.lanes = vec![LaneMark { lane: 3, next_seq: 6 }];
    send(&collector, &sent);
    collector.kill();
    let collector = Running::start(&temp.path().join("data"));
    until(&collector, |books| books["missing"] == 2);
    collector.kill();
    let collector = Running::start(&temp.path().join("data"));
    let mut next = batch([7]);
    next.lanes = vec![LaneMark { lane: 3, next_seq: 8 }];
    send(&collector, &next);
    until(&collector, |books| books["missing"] == 3);
    let gaps = found(&collector, "veribus.gap");
    let missing: Vec<&Json> = gaps.iter().map(|gap| &gap["event"]["attributes"]["missing"]).collect();
    assert_eq!(missing.len(), 2, "the restart said nothing, the third number did: {gaps:?}");
}

#[test]
fn bad_50_a_loss_record_of_numbers_never_given_is_suspicious_and_the_books_balance() {
    let (_temp, collector) = start();
    let mut sent = batch(1..=5);
    sent.lanes = vec![LaneMark { lane: 3, next_seq: 6 }];
    sent.losses = vec![lost(LossReason::SpoolFull, 100, 1_000_000), lost(LossReason::Expired, 2, 3)];
    send(&collector, &sent);
    let held = books(&collector);
    assert_eq!((&held["suspicious"], &held["stored"], &held["lost"]), (&json!(2), &json!(5), &json!({})));
    assert_eq!((&held["pending"], &held["missing"]), (&json!(0), &json!(0)));
}

#[test]
fn a_sender_that_vouches_for_no_numbers_has_no_gaps() {
    let (_temp, collector) = start();
    let mut sent = batch([70, 90]);
    sent.instance = None;
    send(&collector, &sent);
    assert_eq!(books(&collector)["pending"], 0);
    assert_eq!(books(&collector)["service"], Json::Null);
}
