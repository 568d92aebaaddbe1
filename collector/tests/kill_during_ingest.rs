//! What was answered 2xx survives `kill -9` at any moment, and nothing is stored twice.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use support_collector::{Running, request};
use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, event};

const KILLS: usize = 50;
const SENDERS: usize = 2;
const EVENTS_PER_BATCH: u64 = 20;

/// xorshift64*: small, seeded, good enough to choose moments.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

/// A sender that keeps a batch until it is answered 2xx, as a spool does.
struct Sender {
    instance: InstanceId,
    next: u64,
    unanswered: Option<Vec<u8>>,
    acknowledged: u64,
    duplicates: u64,
}

impl Sender {
    /// Sends until the collector is gone.
    fn run(&mut self, address: &str, token: &str, killed: &AtomicBool) {
        while !killed.load(Ordering::Relaxed) {
            let batch = self.unanswered.take().unwrap_or_else(|| self.new_batch());
            let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
            match request(address, "POST", "/v1/events", &headers, &batch) {
                Ok((200, receipt)) => {
                    assert_eq!(receipt["rejected"], serde_json::json!([]), "{receipt}");
                    let duplicates = receipt["duplicates"].as_u64().unwrap();
                    assert_eq!(receipt["accepted"].as_u64().unwrap() + duplicates, EVENTS_PER_BATCH);
                    self.duplicates += duplicates;
                    self.acknowledged = self.next - 1;
                }
                Ok((503, _)) | Err(_) => self.unanswered = Some(batch),
                Ok((status, answer)) => panic!("{status} {answer}"),
            }
        }
    }

    fn new_batch(&mut self) -> Vec<u8> {
        let events = (self.next..self.next + EVENTS_PER_BATCH).map(|seq| {
            let id = EventId::new(self.instance, 3, seq);
            let actor = format!("user-{seq}");
            event::authentication("login").failure().actor(&actor).into_event(id, Timestamp::now()).unwrap()
        });
        let (source, instance) = (Source::new("kill-test"), Some(self.instance));
        let batch = Batch { source, instance, events: events.collect(), ..Batch::default() };
        self.next += EVENTS_PER_BATCH;
        let mut body = Vec::new();
        batch.encode_json(&mut body).unwrap();
        body
    }
}

/// The sequence numbers that are stored, by instance, read by SQLite itself.
fn stored(data: &Path) -> BTreeMap<u64, Vec<u64>> {
    let database = Connection::open(data.join("events.db")).unwrap();
    let mut find = database.prepare("SELECT id FROM events ORDER BY ingest").unwrap();
    let mut by_instance: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for id in find.query_map([], |row| row.get::<_, [u8; 16]>(0)).unwrap() {
        let id = EventId::from_bits(u128::from_be_bytes(id.unwrap()));
        by_instance.entry(id.instance().0).or_default().push(id.seq());
    }
    by_instance
}

/// Everything acknowledged is there once, in order, without holes; what is more was sent and not answered.
fn check(data: &Path, senders: &[Sender]) {
    let stored = stored(data);
    for sender in senders {
        let found = stored.get(&sender.instance.0).cloned().unwrap_or_default();
        let last = found.len() as u64;
        assert_eq!(found, (1..=last).collect::<Vec<_>>(), "once, in order, no holes");
        assert!(last >= sender.acknowledged, "{} acknowledged, {last} stored", sender.acknowledged);
        assert!(last < sender.next, "nothing is stored that was not sent");
    }
}

/// Every stored event has exactly one line in the audit trail, in the order of storing.
fn check_trail(data: &Path) {
    let mut lines: Vec<String> = Vec::new();
    for line in std::fs::read_to_string(data.join("audit/audit.log")).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        lines.extend(line["ev"]["id"].as_str().map(str::to_owned));
    }
    let database = Connection::open(data.join("events.db")).unwrap();
    let mut find = database.prepare("SELECT lower(hex(id)) FROM events ORDER BY ingest").unwrap();
    let events: Vec<String> = find.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let distinct: BTreeSet<&String> = lines.iter().collect();
    assert_eq!(distinct.len(), lines.len(), "no line twice");
    assert_eq!(lines, events);
    let report = veribus_handlers::audit::verify(data.join("audit/audit.log")).unwrap();
    assert!(report.is_intact(), "{:?}", report.first_bad);
}

#[test]
fn fifty_kills_lose_nothing_answered_and_store_nothing_twice() {
    let seed = std::env::var("VERIBUS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| InstanceId::random().0 | 1);
    println!("VERIBUS_TEST_SEED={seed}");
    let mut random = Random(seed);
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let mut senders: Vec<Sender> = (0..SENDERS)
        .map(|_| Sender {
            instance: InstanceId::random(),
            next: 1,
            unanswered: None,
            acknowledged: 0,
            duplicates: 0,
        })
        .collect();
    for _ in 0..KILLS {
        let collector = Running::start(&data);
        check(&data, &senders);
        let (killed, moment) = (AtomicBool::new(false), Duration::from_micros(random.below(120_000)));
        let (address, token) = (collector.address.clone(), collector.token.clone());
        std::thread::scope(|scope| {
            for sender in &mut senders {
                let (address, token, killed) = (&address, &token, &killed);
                scope.spawn(move || sender.run(address, token, killed));
            }
            std::thread::sleep(moment);
            collector.kill();
            killed.store(true, Ordering::Relaxed);
        });
    }
    let collector = Running::start(&data);
    check(&data, &senders);
    assert_eq!(collector.stop(), Some(0));
    check_trail(&data);
    let sum = |of: fn(&Sender) -> u64| senders.iter().map(of).sum::<u64>();
    println!(
        "{KILLS} kills: {} events answered, {} were duplicates",
        sum(|s| s.acknowledged),
        sum(|s| s.duplicates)
    );
    assert!(sum(|s| s.acknowledged) > 0, "the test did send");
}
