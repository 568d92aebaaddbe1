//! What else a request may carry: a compressed body, a parcel's id, fields of a newer sender; nothing of it is lost.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use support_collector::{Running, request};
use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, Value, VerificationEvent, event};

const MSGPACK: &str = "application/vnd.veribus.v1+msgpack";

fn start() -> (tempfile::TempDir, Running) {
    let temp = tempfile::tempdir().unwrap();
    let running = Running::start(&temp.path().join("data"));
    (temp, running)
}

fn login(seq: u64) -> VerificationEvent {
    let id = EventId::new(InstanceId(1), 1, seq);
    event::authentication("login").failure().actor("alice").into_event(id, Timestamp::now()).unwrap()
}

fn batch(events: impl IntoIterator<Item = u64>) -> Batch {
    let events = events.into_iter().map(login).collect();
    Batch { source: Source::new("tests"), instance: Some(InstanceId(1)), events, ..Batch::default() }
}

fn msgpack(batch: &Batch) -> Vec<u8> {
    let mut body = Vec::new();
    batch.encode_msgpack(&mut body).unwrap();
    body
}

fn post(collector: &Running, more: &str, body: &[u8]) -> (u16, Json) {
    let token = &collector.token;
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: {MSGPACK}\r\n{more}");
    request(&collector.address, "POST", "/v1/events", &headers, body).unwrap()
}

#[test]
fn bad_24_a_packed_body_is_taken_and_a_bomb_is_not() {
    let (_temp, collector) = start();
    let zstd = "content-encoding: zstd\r\n";
    let packed = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
    let (status, receipt) = post(&collector, zstd, &packed(&msgpack(&batch(1..=1_000))));
    assert_eq!((status, &receipt["accepted"]), (200, &json!(1_000)), "{receipt}");
    let refusals = [
        (zstd, packed(&vec![0; 64 << 20]), 413, "HTTP_EXPANDED_TOO_LARGE"),
        (zstd, packed(&vec![0; 10 << 20]), 413, "HTTP_RATIO"),
        (zstd, packed(b"x")[..5].to_vec(), 400, "HTTP_ENCODING_CORRUPT"),
        ("content-encoding: gzip\r\n", b"x".to_vec(), 415, "HTTP_CONTENT_ENCODING"),
        ("content-encoding: br\r\n", b"x".to_vec(), 415, "HTTP_CONTENT_ENCODING"),
        ("content-encoding: zstd, zstd\r\n", packed(&packed(b"x")), 415, "HTTP_CONTENT_ENCODING"),
        (
            "content-encoding: zstd\r\ncontent-encoding: zstd\r\n",
            packed(&packed(b"x")),
            415,
            "HTTP_CONTENT_ENCODING",
        ),
    ];
    for (headers, body, status, code) in refusals {
        let answer = post(&collector, headers, &body);
        assert_eq!((answer.0, &answer.1["error"]["code"]), (status, &json!(code)), "{headers}");
    }
    let (status, receipt) = post(&collector, zstd, &packed(&msgpack(&batch([1_001]))));
    assert_eq!((status, &receipt["accepted"]), (200, &json!(1)), "{receipt}");
    let waiting =
        || serde_json::from_str::<Json>(&collector.get("/v1/status").1).unwrap()["queue_bytes"] != 0;
    let began = Instant::now();
    while waiting() {
        assert!(began.elapsed() < Duration::from_secs(5), "what was paid for is given back");
    }
}

#[test]
fn the_answer_names_the_parcel_that_it_is_about() {
    let (_temp, collector) = start();
    let id = "000000000000feed0000000000000007";
    let (status, receipt) = post(&collector, &format!("veribus-parcel: {id}\r\n"), &msgpack(&batch([1])));
    assert_eq!((status, &receipt["parcel"]), (200, &json!(id)), "{receipt}");
    let (_, receipt) = post(&collector, "", &msgpack(&batch([2])));
    assert_eq!(receipt.get("parcel"), None);
    let (status, answer) = post(&collector, "veribus-parcel: seven\r\n", &msgpack(&batch([3])));
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("PARCEL_INVALID")));
}

#[test]
fn fields_of_a_newer_sender_are_stored_and_shown() {
    let (_temp, collector) = start();
    let mut newer = batch([1]);
    let of_source = Value::Map([("region", "eu")].into_iter().collect());
    newer.extra = [("source", of_source), ("priority", 3_i64.into())].into_iter().collect();
    assert_eq!(post(&collector, "", &msgpack(&newer)).0, 200);
    assert_eq!(post(&collector, "", &msgpack(&batch([2]))).0, 200);
    let found = collector.json(&["search", "--json"]);
    let unknown: Vec<_> =
        found["events"].as_array().unwrap().iter().map(|e| e["source"].get("unknown")).collect();
    assert_eq!(unknown.len(), 2);
    let expected = json!({"source": {"region": "eu"}, "priority": 3});
    assert!(unknown.contains(&Some(&expected)) && unknown.contains(&None), "{found}");
}
