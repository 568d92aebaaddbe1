//! How many events a second are committed over HTTP, load generator included. Run by hand:
//! `cargo test --release -p veribus-collector --test collector_throughput -- --ignored --nocapture`.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::time::Instant;

use support_collector::Running;
use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, VerificationEvent, event};

const SENDERS: u64 = 4;
const BATCHES_PER_SENDER: u64 = 100;
const EVENTS_PER_BATCH: u64 = 1_000;

/// An event of the usual size: about 250 bytes of MessagePack, one failure in 50, as people log in.
fn sample(sender: u64, seq: u64) -> VerificationEvent {
    let actor = format!("user-{}", seq % 5_000);
    let (ip, session) = ([10, sender as u8, (seq >> 8) as u8, seq as u8], format!("session-{seq:016x}"));
    let draft = event::authentication("login")
        .actor(&actor)
        .source_ip(ip.into())
        .target("orders-api")
        .target_kind("service")
        .method("password")
        .reason("checked against the directory")
        .attribute("session", session.as_str())
        .attribute("user_agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
        .attribute("attempt", seq);
    let draft = if seq.is_multiple_of(50) { draft.failure() } else { draft.success() };
    let id = EventId::new(InstanceId(1_000 + sender), 1, seq);
    draft.into_event(id, Timestamp::from_nanos(1_800_000_000_000_000_000 + seq as i64 * 1_000_000)).unwrap()
}

fn bodies(sender: u64) -> Vec<Vec<u8>> {
    let body = |batch: u64| {
        let first = batch * EVENTS_PER_BATCH + 1;
        let events = (first..first + EVENTS_PER_BATCH).map(|seq| sample(sender, seq)).collect();
        let instance = Some(InstanceId(1_000 + sender));
        let batch = Batch { source: Source::new("load"), instance, events, ..Batch::default() };
        let mut body = Vec::new();
        batch.encode_msgpack(&mut body).unwrap();
        body
    };
    (0..BATCHES_PER_SENDER).map(body).collect()
}

#[test]
#[ignore = "a measurement, for a quiet machine and a release build"]
fn throughput_over_http() {
    let temp =
        tempfile::tempdir_in(std::env::var("VERIBUS_TEST_DIR").unwrap_or_else(|_| "/tmp".into())).unwrap();
    let collector = Running::start(&temp.path().join("data"));
    let all: Vec<Vec<Vec<u8>>> = (0..SENDERS).map(bodies).collect();
    let bytes: usize = all.iter().flatten().map(Vec::len).sum();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for bodies in &all {
            let collector = &collector;
            scope.spawn(move || {
                for body in bodies {
                    let (status, receipt) = collector.post("application/msgpack", body);
                    assert_eq!(
                        (status, receipt["accepted"].as_u64()),
                        (200, Some(EVENTS_PER_BATCH)),
                        "{receipt}"
                    );
                }
            });
        }
    });
    let (events, took) = (SENDERS * BATCHES_PER_SENDER * EVENTS_PER_BATCH, began.elapsed());
    println!(
        "{events} events, {} bytes each, committed in {took:.2?}: {:.0} events/s",
        bytes as u64 / events,
        events as f64 / took.as_secs_f64()
    );
    let began = Instant::now();
    assert_eq!(collector.stop(), Some(0));
    println!("stopped, trail complete, {:.2?} later", began.elapsed());
}
