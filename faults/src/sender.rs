//! A sender that keeps a batch until it is answered 2xx, and records for the oracle what it sent and what was said.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, event};
use veribus_testkit::oracle::{Answer, Class, Content, Key, Record, Tag};

use crate::http;

/// Events of one batch.
const EVENTS: u64 = 20;
/// Bytes of an event's body.
const BODY_BYTES: usize = 60;

/// Where a collector, or the proxy before it, takes batches.
#[derive(Debug, Clone)]
pub struct Target {
    /// Of its HTTP port.
    pub address: SocketAddr,
    /// What it wants to see.
    pub token: String,
}

impl Target {
    /// Asks it to delete all events, however new; how many it says have gone, `None` if it does not say.
    pub fn prune_events(&self, patience: Duration) -> Option<u64> {
        let body = br#"{"what": "events", "before": "2100-01-01T00:00:00Z"}"#;
        let (status, answer) = http::post(self.address, "/v1/prune", &self.token, body, patience).ok()?;
        let report: serde_json::Value = serde_json::from_str(&answer).ok().filter(|_| status == 200)?;
        report["rows"].as_u64()
    }
}

/// A batch that was not answered yet.
#[derive(Debug, Clone)]
struct Unanswered {
    body: Vec<u8>,
    tags: Vec<(Tag, Key)>,
}

/// Sends events of one lane, one batch after the other.
#[derive(Debug, Clone)]
pub struct Sender {
    instance: InstanceId,
    stream: u32,
    next: u64,
    unanswered: Option<Unanswered>,
    /// All that was answered, to be sent again; kept only if asked for.
    kept: Option<Vec<Unanswered>>,
    record: Record,
    patience: Duration,
    /// Sends whose answer never came or was not 2xx.
    pub failures: u64,
    /// Events that the collector had before.
    pub duplicates: u64,
}

impl Sender {
    /// A sender whose events have tags of `stream`; waits so long for an answer.
    pub fn new(stream: u32, patience: Duration) -> Self {
        let instance = InstanceId::random();
        let mut record = Record::default();
        record.life(instance.0, stream, stream + 1);
        Sender {
            instance,
            stream,
            next: 1,
            unanswered: None,
            kept: None,
            record,
            patience,
            failures: 0,
            duplicates: 0,
        }
    }

    /// Keeps what it sends, for [`Sender::send_all_again`].
    pub fn keeping(mut self) -> Self {
        self.kept = Some(Vec::new());
        self
    }

    /// Sends again everything that was kept; how many of its events the collector says that it knew.
    pub fn send_all_again(&mut self, target: &Target) -> u64 {
        let (kept, before) = (self.kept.take().unwrap_or_default(), self.duplicates);
        for batch in kept {
            self.unanswered = Some(batch);
            self.send(target);
        }
        self.duplicates - before
    }

    /// What it sent and heard.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Sends until told to stop.
    pub fn run(&mut self, target: &Target, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if !self.send(target) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// Sends the batch that waits, or a new one; whether it was answered 2xx.
    ///
    /// # Panics
    /// If the collector refuses it for good: nothing that this sender makes may be refused.
    pub fn send(&mut self, target: &Target) -> bool {
        let batch = self.unanswered.take().unwrap_or_else(|| self.make());
        match http::post(target.address, "/v1/events", &target.token, &batch.body, self.patience) {
            Ok((200, receipt)) => {
                assert!(receipt.contains("\"rejected\":[]"), "{receipt}");
                let number = |field: &str| {
                    let digits = receipt.split_once(field).map_or("", |(_, rest)| rest);
                    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
                    digits[..end].parse::<u64>().unwrap_or(0)
                };
                self.duplicates += number("\"duplicates\":");
                for (tag, key) in &batch.tags {
                    self.record.answer(*tag, Answer::Confirmed(*key));
                }
                self.kept.iter_mut().for_each(|kept| kept.push(batch.clone()));
                true
            }
            Ok((408 | 429 | 500..=599, _)) | Err(_) => {
                self.failures += 1;
                self.unanswered = Some(batch);
                false
            }
            Ok((status, answer)) => panic!("{status} {answer}"),
        }
    }

    /// After the faults: what waits is sent, then one fresh batch; how long the fresh one took, if it arrived within
    /// `limit`.
    pub fn settle(&mut self, target: &Target, limit: Duration) -> Option<Duration> {
        let began = Instant::now();
        while began.elapsed() < limit {
            let was_waiting = self.unanswered.is_some();
            if self.send(target) && !was_waiting {
                return Some(began.elapsed());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// Sends a batch that was answered before once more, as a broker that repeats does; whether it was answered.
    pub fn make_and_repeat(&mut self, target: &Target, times: u64) -> bool {
        let batch = self.unanswered.take().unwrap_or_else(|| self.make());
        (0..=times).all(|_| {
            self.unanswered = Some(batch.clone());
            self.send(target)
        })
    }

    fn make(&mut self) -> Unanswered {
        let mut tags = Vec::new();
        let events = (self.next..self.next + EVENTS).map(|number| {
            let tag = Tag { stream: self.stream, number };
            let content = Content::of(tag, BODY_BYTES);
            let key = Key { instance: self.instance.0, lane: 3, seq: number };
            self.record.attempt(tag, Class::Durable, content.digest());
            tags.push((tag, key));
            let text = tag.to_string();
            event::authentication(content.action.as_str())
                .failure()
                .actor(&content.actor)
                .attribute("tag", text.as_str())
                .attribute("body", content.body.as_str())
                .into_event(EventId::new(self.instance, 3, number), Timestamp::now())
                .expect("within limits")
        });
        let (source, instance) = (Source::new("fault-sender"), Some(self.instance));
        let batch = Batch { source, instance, events: events.collect(), ..Batch::default() };
        self.next += EVENTS;
        let mut body = Vec::new();
        batch.encode_json(&mut body).expect("a batch of our own");
        Unanswered { body, tags }
    }
}
