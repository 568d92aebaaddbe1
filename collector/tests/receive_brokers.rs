//! What comes through NATS or Redis is stored once and receipted after the commit, whoever is killed meanwhile.

#![allow(clippy::unwrap_used)]

mod support_broker;
mod support_collector;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support_broker::{Brand, Broker, soon, stored};
use support_collector::{Running, VERIBUS};

fn collector(data: &Path, broker: &Broker) -> Running {
    let arguments = broker.arguments();
    Running::start_with(data, &[&arguments[0], &arguments[1]])
}

fn status(collector: &Running) -> serde_json::Value {
    serde_json::from_str(&collector.get("/v1/status").1).unwrap()
}

fn stored_once_and_receipted(brand: Brand) {
    let Some(broker) = Broker::start(brand) else { return };
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let collector = collector(&data, &broker);
    let mut sender = broker.sender();
    let parcels: Vec<_> = (0..20).map(|_| sender.parcel(50)).collect();
    parcels.iter().for_each(|parcel| sender.send(parcel.clone()));
    sender.finish();
    assert_eq!(sender.receipted(), (1_000, 0, 0));
    parcels.iter().for_each(|parcel| sender.send(parcel.clone()));
    sender.finish();
    assert_eq!(sender.receipted(), (0, 1_000, 0), "a replay changes nothing and is counted");
    let status = status(&collector);
    assert_eq!(status["receiving"][0]["origin"], broker.url());
    assert_eq!(status["receiving"][0]["receiving"], true);
    let books = collector.json(&["accounting", "--json", "--instance", &sender.instance.to_string()]);
    let of = |name: &str| books["producers"][0][name].as_u64().unwrap();
    assert_eq!(
        ["received", "stored", "duplicates", "pending", "missing"].map(of),
        [2_000, 1_000, 1_000, 0, 0]
    );
    assert_eq!(collector.stop(), Some(0));
    sender.judged(&[&data]);
}

#[test]
fn what_comes_through_nats_is_stored_once_and_receipted() {
    stored_once_and_receipted(Brand::Nats);
}

#[test]
fn what_comes_through_redis_is_stored_once_and_receipted() {
    stored_once_and_receipted(Brand::Redis);
}

/// Kills collectors in the middle of a stream; `kill` is how.
fn ended_while_receiving(brand: Brand, kill: fn(Running)) {
    let Some(broker) = Broker::start(brand) else { return };
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let mut sender = broker.sender();
    for round in 0..4 {
        let collector = collector(&data, &broker);
        let before = sender.receipts.len();
        while sender.receipts.len() < before + 10 + round {
            sender.send_new(40);
            sender.listen(Duration::from_millis(3));
        }
        kill(collector);
    }
    let collector = collector(&data, &broker);
    sender.finish();
    assert_eq!(collector.stop(), Some(0));
    sender.judged(&[&data]);
}

#[test]
fn kill_9_while_receiving_from_nats_loses_nothing_and_stores_nothing_twice() {
    ended_while_receiving(Brand::Nats, Running::kill);
}

#[test]
fn kill_9_while_receiving_from_redis_loses_nothing_and_stores_nothing_twice() {
    ended_while_receiving(Brand::Redis, Running::kill);
}

#[test]
fn a_collector_that_is_told_to_stop_settles_what_it_has_in_hand() {
    for brand in [Brand::Nats, Brand::Redis] {
        ended_while_receiving(brand, |collector| assert_eq!(collector.stop(), Some(0)));
    }
}

/// Everything that the broker had is gone, while parcels come and go, five times.
fn wiped_while_running(brand: Brand) {
    let Some(mut broker) = Broker::start(brand) else { return };
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let collector = collector(&data, &broker);
    let mut sender = broker.sender();
    for round in 0..5 {
        let before = sender.receipts.len();
        while sender.receipts.len() < before + 5 {
            sender.send_new(40);
            sender.listen(Duration::from_millis(2));
        }
        // In the broker, unreceipted.
        (0..=round).for_each(|_| sender.send_new(40));
        broker.server.kill();
        broker.server.wipe();
        broker.server.restart().unwrap();
    }
    sender.finish();
    assert_eq!(collector.stop(), Some(0));
    sender.judged(&[&data]);
}

#[test]
fn a_nats_that_forgets_everything_five_times_loses_no_event() {
    wiped_while_running(Brand::Nats);
}

#[test]
fn a_redis_that_forgets_everything_five_times_loses_no_event() {
    wiped_while_running(Brand::Redis);
}

#[test]
fn two_collectors_share_the_parcels_of_a_group() {
    for brand in [Brand::Nats, Brand::Redis] {
        let Some(broker) = Broker::start(brand) else { continue };
        let temp = tempfile::tempdir().unwrap();
        let (one, two) = (temp.path().join("one"), temp.path().join("two"));
        let collectors = [collector(&one, &broker), collector(&two, &broker)];
        let mut sender = broker.sender();
        soon("both take a share", || {
            (0..20).for_each(|_| sender.send_new(10));
            sender.finish();
            [&one, &two].iter().all(|data| !stored(&[data], sender.instance).is_empty())
        });
        collectors.into_iter().for_each(|collector| assert_eq!(collector.stop(), Some(0)));
        sender.judged(&[&one, &two]);
    }
}

#[test]
fn a_broker_that_is_not_there_is_said_and_waited_for() {
    for brand in [Brand::Nats, Brand::Redis] {
        let Some(mut broker) = Broker::start(brand) else { continue };
        broker.server.kill();
        let temp = tempfile::tempdir().unwrap();
        let data = temp.path().join("data");
        let collector = collector(&data, &broker);
        let status = || status(&collector);
        soon("it is said", || status()["receiving"][0]["error"] == "UNREACHABLE");
        assert!(status()["receiving"][0]["failures"].as_u64() < Some(50), "it is no hot loop: {}", status());
        let told = collector.veribus(&["status"]);
        assert_eq!(told.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&told.stdout).contains("not receiving from"), "{told:?}");
        assert!(
            collector.get("/metrics").1.contains("veribus_collector_receiving{origin=\""),
            "in the metrics"
        );
        assert_eq!(collector.get("/readyz").0, 200, "HTTP is taken all the same");
        broker.server.restart().unwrap();
        let mut sender = broker.sender();
        sender.send_new(5);
        sender.finish();
        assert_eq!(sender.receipted(), (5, 0, 0));
        soon("it is said that it works", || status()["receiving"][0]["receiving"] == true);
        assert_eq!(status()["receiving"][0]["error"], serde_json::Value::Null);
        assert_eq!(collector.veribus(&["status"]).status.code(), Some(0));
    }
}

#[test]
fn bad_49_a_key_of_another_type_is_named() {
    let Some(broker) = Broker::start(Brand::Redis) else { return };
    let port = broker.server.address().port().to_string();
    let set = Command::new("redis-cli").args(["-p", &port, "set", "veribus:events", "x"]).output();
    let Ok(_) = set else { return eprintln!("skipped: no redis-cli") };
    let temp = tempfile::tempdir().unwrap();
    let collector = collector(&temp.path().join("data"), &broker);
    let status = || status(&collector);
    soon("it is said", || status()["receiving"][0]["error"] == "UNSAFE");
    let message = status()["receiving"][0]["message"].to_string();
    assert!(message.contains("REDIS_WRONGTYPE") && message.contains("`veribus:events`"), "{message}");
}

#[test]
fn an_address_that_cannot_be_used_ends_with_2_and_shows_no_secret() {
    let temp = tempfile::tempdir().unwrap();
    for (option, url, expected) in [
        ("--nats", "redis://:hunter2@127.0.0.1", "--nats takes an address that begins with `tls://`"),
        ("--redis", "hunter2", "--redis takes an address that begins with `rediss://`"),
        ("--nats", "nats://alice:hunter2@192.0.2.1", "tls"),
        ("--redis", "redis://127.0.0.1?passwrd=hunter2", "did you mean `password`?"),
        ("--redis", "redis://127.0.0.1?password_file=/nowhere/secret", "password_file"),
    ] {
        let data = temp.path().join("data");
        let output = Command::new(VERIBUS)
            .args(["collector", "--data"])
            .arg(&data)
            .args([option, url])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(!data.exists(), "nothing was begun");
    }
}
