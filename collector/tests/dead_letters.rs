//! What cannot be read blocks nobody, is kept with its bytes and the reason, and can be tried again.

#![allow(clippy::unwrap_used)]

mod support_broker;
mod support_collector;

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use support_broker::{Brand, Broker, Sender, soon, stored};
use support_collector::Running;

const GARBAGE: &[u8] = b"\x1b[2Jthis is no batch";

fn collector(data: &Path, broker: &Broker) -> Running {
    let arguments = broker.arguments();
    Running::start_with(data, &[&arguments[0], &arguments[1]])
}

fn letters(collector: &Running) -> u64 {
    let status: serde_json::Value = serde_json::from_str(&collector.get("/v1/status").1).unwrap();
    status["dead_letters"]["letters"].as_u64().unwrap()
}

fn garbage_is_a_dead_letter(brand: Brand) {
    let Some(broker) = Broker::start(brand) else { return };
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let running = collector(&data, &broker);
    let (mut bad, mut good) = (broker.sender(), broker.sender());
    let garbage = bad.raw(GARBAGE);
    bad.send_once(&garbage);
    let began = Instant::now();
    (0..10).for_each(|_| good.send_new(20));
    good.finish();
    assert_eq!(good.receipted(), (200, 0, 0));
    let is_still_tried = letters(&running) == 0;
    assert!(
        is_still_tried || began.elapsed() < Duration::from_secs(3),
        "nobody waits for it: {:?}",
        began.elapsed()
    );
    soon("it is set aside", || letters(&running) == 1);
    assert!(bad.hears_nothing(), "it may have been damaged on the way: its sender keeps it");

    let listed = running.json(&["deadletters", "list", "--json"]);
    let letter = &listed["dead_letters"][0];
    assert_eq!((letter["deliveries"].as_u64(), letter["parcels"].as_u64()), (Some(5), Some(1)), "{letter}");
    assert_eq!((letter["origin"].as_str(), letter["bytes"].as_u64()), (Some(&*broker.url()), Some(20)));
    assert_eq!(letter["parcel"], garbage.id.to_string());
    assert!(letter["code"].as_str().unwrap().len() > 3 && letter["reason"].is_string(), "{letter}");
    let id = letter["id"].to_string();
    assert_eq!(running.veribus(&["deadletters", "show", &id, "--raw"]).stdout, GARBAGE);
    let shown = running.veribus(&["deadletters", "show", &id]).stdout;
    assert!(!shown.contains(&0x1b) && String::from_utf8_lossy(&shown).contains("|.[2Jthis is no b|"));
    let status = running.veribus(&["status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&status.stdout).contains("1 dead letter"), "{status:?}");
    let metrics = running.get("/metrics").1;
    assert!(metrics.contains("veribus_collector_dead_letters 1"), "{metrics}");
    assert!(metrics.contains("result=\"dead\"} 1"), "{metrics}");
    assert_eq!(running.json(&["accounting", "--json"])["dead_letters"]["letters"], 1);

    // The same from the same sender under another id: it was not damaged, it is meant.
    let again = bad.raw(GARBAGE);
    bad.send_once(&again);
    soon("its sender is told", || {
        bad.listen(Duration::from_millis(100));
        bad.receipts.contains_key(&again.id)
    });
    assert_eq!(bad.receipts[&again.id].refused.len(), 1_000, "all of it, however much it was");
    assert_eq!(letters(&running), 1, "and is still one letter");

    running.kill();
    let running = collector(&data, &broker);
    assert_eq!(letters(&running), 1, "it outlives the process");
    let tried = running.veribus(&["deadletters", "redrive", "--all", "--json"]);
    assert_eq!(tried.status.code(), Some(1), "it is still no batch");
    let tried: serde_json::Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(tried["redriven"][0]["code"], letter["code"]);
    assert_eq!(letters(&running), 1);
    good.judged(&[&data]);
}

#[test]
fn what_cannot_be_read_from_nats_is_a_dead_letter_and_blocks_nobody() {
    garbage_is_a_dead_letter(Brand::Nats);
}

#[test]
fn what_cannot_be_read_from_redis_is_a_dead_letter_and_blocks_nobody() {
    garbage_is_a_dead_letter(Brand::Redis);
}

#[test]
fn a_letter_that_this_version_can_read_is_stored_by_redrive_and_gone() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    assert_eq!(Running::start(&data).stop(), Some(0));
    let mut sender = Sender::nowhere();
    let parcel = sender.parcel(30);
    // As an older collector left it, which did not know how to read it.
    let database = Connection::open(data.join("events.db")).unwrap();
    let columns = "hash, origin, parcel, code, reason, media_type, encoding, deliveries, parcels, first_at, last_at, bytes, body";
    let insert = format!(
        "INSERT INTO dead_letters ({columns}) VALUES (x'00', 'nats://x', ?1, 'X', 'y', 'application/msgpack', ?2, 5, 1, 7, 7, ?3, ?4)"
    );
    let body = &*parcel.body;
    let encoding = parcel.compression.as_str();
    database.execute(&insert, params![parcel.id.to_string(), encoding, body.len() as i64, body]).unwrap();
    drop(database);
    let running = Running::start(&data);
    assert_eq!(letters(&running), 1);
    let done = running.json(&["deadletters", "redrive", "1", "--json"]);
    let expected = serde_json::json!({
        "redriven": [{"id": 1, "accepted": 30, "duplicates": 0, "rejected": 0, "removed": true}]
    });
    assert_eq!(done, expected);
    assert_eq!(letters(&running), 0);
    let again = running.veribus(&["deadletters", "redrive", "1"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stdout).contains("DEAD_LETTER_UNKNOWN"), "{again:?}");
    assert_eq!(running.stop(), Some(0));
    assert_eq!(stored(&[&data], sender.instance).len(), 30);
}

#[test]
fn retention_takes_dead_letters_too_and_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    assert_eq!(Running::start(&data).stop(), Some(0));
    let database = Connection::open(data.join("events.db")).unwrap();
    let insert = "INSERT INTO dead_letters (hash, origin, code, reason, media_type, encoding, deliveries, parcels, first_at, last_at, bytes, body) VALUES (x'00', 'o', 'X', 'y', 'm', 'e', 5, 1, 7, 7, 1, x'00')";
    database.execute(insert, []).unwrap();
    drop(database);
    let running = Running::start(&data);
    let pruned = running.json(&["prune", "--dead-letters", "--days=30", "--json"]);
    assert_eq!((pruned["rows"].as_u64(), pruned["what"].as_str()), (Some(1), Some("dead-letters")));
    assert_eq!(letters(&running), 0);
}
