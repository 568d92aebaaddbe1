//! Indicator memory: what is known of each address, host and user from the last seven days of event time.
//!
//! Bounded: each kind keeps its most recently seen indicators, and counts those it had to forget.

use std::borrow::Borrow;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use hashlink::LinkedHashMap;
use serde::{Serialize, Serializer};
use veribus_core::{Family, Outcome, Text, Timestamp, VerificationEvent};

use crate::engine::Entity;

/// The rolling window in buckets of six hours: seven days.
const BUCKETS: usize = 28;
const BUCKET_NANOS: i64 = 6 * 3_600 * 1_000_000_000;

/// What lies so little before an alert's first event belongs to the same visit: it is neither an earlier sight
/// of the source nor an earlier alert.
pub(crate) const SAME_VISIT: Duration = Duration::from_secs(3_600);

/// What is known of the addresses, hosts and users that were seen.
#[derive(Debug)]
pub struct IndicatorMemory {
    ips: Kind<IpAddr>,
    hosts: Kind<Text>,
    users: Kind<Text>,
}

/// What the memory knew of the source of an event, before the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Seen {
    /// The source (or, without one, the user) was not in memory.
    pub first_seen: bool,
    /// The event is a successful authentication, and no other of this source is in the window.
    pub first_success: bool,
    /// Failures of this source within the window.
    pub prior_failures: u32,
    /// When it was first seen; `None` if this is the first time.
    pub since: Option<Timestamp>,
    /// Risk of the last alert on it within the window, with the time of the event that gave it.
    pub scored: Option<(Timestamp, u8)>,
    /// The same of the visit before: what came earlier than an hour before that event.
    pub scored_before: Option<(Timestamp, u8)>,
}

/// One indicator with what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Indicator {
    /// The address, host name or account.
    pub value: String,
    /// `ip`, `host` or `user`.
    pub kind: &'static str,
    /// Earliest event.
    #[serde(serialize_with = "as_rfc3339")]
    pub first_seen: Timestamp,
    /// Latest event.
    #[serde(serialize_with = "as_rfc3339")]
    pub last_seen: Timestamp,
    /// Events in the seven days that end with its latest one.
    pub count: u64,
    /// Failures among them.
    pub failures: u64,
    /// Risk of the last alert on it; 0 if there was none.
    pub last_score: u8,
}

#[derive(Debug)]
struct Kind<K> {
    records: LinkedHashMap<K, Record>,
    evicted: u64,
}

#[derive(Debug)]
struct Record {
    first_seen: Timestamp,
    last_seen: Timestamp,
    last_score: u8,
    scored: Option<(Timestamp, u8)>,
    scored_before: Option<(Timestamp, u8)>,
    succeeded: Option<Timestamp>,
    /// Bucket number of the newest event.
    head: i64,
    events: [u32; BUCKETS],
    failures: [u32; BUCKETS],
}

impl IndicatorMemory {
    /// A memory of at most `indicators_max` indicators of each kind.
    pub(crate) fn new() -> Self {
        IndicatorMemory { ips: Kind::new(), hosts: Kind::new(), users: Kind::new() }
    }

    /// Notes `event` and answers what was known before it.
    pub(crate) fn observe(&mut self, event: &VerificationEvent, indicators_max: usize) -> Seen {
        let Some(actor) = &event.actor else { return Seen::default() };
        let user = actor.name.as_ref().map(|name| self.users.note(name, event, indicators_max));
        let host = actor.host.as_ref().map(|host| self.hosts.note(host, event, indicators_max));
        let ip = actor.ip.as_ref().map(|ip| self.ips.note(ip, event, indicators_max));
        ip.or(host).or(user).unwrap_or_default()
    }

    /// Notes that an alert on `entity` has this risk.
    pub(crate) fn note_score(&mut self, entity: &Entity, risk: u8, time: Timestamp) {
        let record = match entity.kind.as_str() {
            "ip" => entity.value.parse().ok().and_then(|ip: IpAddr| self.ips.records.get_mut(&ip)),
            "host" => self.hosts.records.get_mut(entity.value.as_str()),
            "user" => self.users.records.get_mut(entity.value.as_str()),
            _ => None,
        };
        if let Some(record) = record {
            if record.scored.is_some_and(|(then, _)| then < time.saturating_sub(SAME_VISIT)) {
                record.scored_before = record.scored;
            }
            (record.last_score, record.scored) = (risk, Some((time, risk)));
        }
    }

    /// Every indicator, highest score first, then most events.
    pub fn indicators(&self) -> Vec<Indicator> {
        let ips = self.ips.records.iter().map(|(ip, r)| r.indicator("ip", ip.to_string()));
        let hosts = self.hosts.records.iter().map(|(host, r)| r.indicator("host", host.to_string()));
        let users = self.users.records.iter().map(|(user, r)| r.indicator("user", user.to_string()));
        let mut all: Vec<Indicator> = ips.chain(hosts).chain(users).collect();
        let rank = |i: &Indicator| (std::cmp::Reverse((i.last_score, i.count)), i.kind);
        all.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value)));
        all
    }

    /// Indicators held now.
    pub fn len(&self) -> usize {
        self.ips.records.len() + self.hosts.records.len() + self.users.records.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Indicators forgotten to stay within the bound.
    pub fn evicted(&self) -> u64 {
        self.ips.evicted + self.hosts.evicted + self.users.evicted
    }
}

impl<K: Eq + Hash> Kind<K> {
    fn new() -> Self {
        Kind { records: LinkedHashMap::new(), evicted: 0 }
    }

    fn note<Q>(&mut self, key: &Q, event: &VerificationEvent, max: usize) -> Seen
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K>,
    {
        if let Some(record) = self.records.to_back(key) {
            return record.note(event);
        }
        let mut record = Record::new(event.time);
        let seen = Seen { first_seen: true, since: None, ..record.note(event) };
        self.records.insert(key.to_owned(), record);
        while self.records.len() > max.max(1) {
            self.records.pop_front();
            self.evicted += 1;
        }
        seen
    }
}

impl Record {
    fn new(time: Timestamp) -> Self {
        Record {
            first_seen: time,
            last_seen: time,
            last_score: 0,
            scored: None,
            scored_before: None,
            succeeded: None,
            head: bucket(time),
            events: [0; BUCKETS],
            failures: [0; BUCKETS],
        }
    }

    fn note(&mut self, event: &VerificationEvent) -> Seen {
        let time = event.time;
        let authenticated = event.family() == Family::Authentication && event.outcome == Outcome::Success;
        let recent = |then: Timestamp| bucket(then) > bucket(time) - BUCKETS as i64;
        let seen = Seen {
            first_seen: false,
            first_success: authenticated && !self.succeeded.is_some_and(recent),
            prior_failures: self.failures.iter().fold(0, |sum, n| sum.saturating_add(*n)),
            since: Some(self.first_seen),
            scored: self.scored.filter(|(then, _)| recent(*then)),
            scored_before: self.scored_before.filter(|(then, _)| recent(*then)),
        };
        if authenticated {
            self.succeeded = self.succeeded.max(Some(time));
        }
        self.first_seen = self.first_seen.min(time);
        self.last_seen = self.last_seen.max(time);
        self.count(bucket(time), event.outcome == Outcome::Failure);
        seen
    }

    /// Counts one event of this bucket; the window moves on with the newest, and what is older is not in it.
    fn count(&mut self, bucket: i64, failed: bool) {
        let slot = |bucket: i64| bucket.rem_euclid(BUCKETS as i64) as usize;
        if bucket > self.head {
            let passed = (bucket - self.head).min(BUCKETS as i64);
            for gone in bucket - passed + 1..=bucket {
                (self.events[slot(gone)], self.failures[slot(gone)]) = (0, 0);
            }
            self.head = bucket;
        }
        if bucket > self.head - BUCKETS as i64 {
            let at = slot(bucket);
            self.events[at] = self.events[at].saturating_add(1);
            self.failures[at] = self.failures[at].saturating_add(failed.into());
        }
    }

    fn indicator(&self, kind: &'static str, value: String) -> Indicator {
        Indicator {
            value,
            kind,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            count: self.events.iter().map(|n| u64::from(*n)).sum(),
            failures: self.failures.iter().map(|n| u64::from(*n)).sum(),
            last_score: self.last_score,
        }
    }
}

fn bucket(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(BUCKET_NANOS)
}

/// RFC 3339 with nanoseconds, as everywhere in veribus.
pub(crate) fn as_rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use veribus_core::{EventId, event};

    const DAY: i64 = 86_400;

    fn login(memory: &mut IndicatorMemory, ip: &str, seconds: i64, passed: bool) -> Seen {
        let draft = event::authentication("login").outcome(passed.into()).source_ip(ip.parse().unwrap());
        let event = draft.into_event(EventId::from_bits(1), Timestamp::from_seconds(seconds)).unwrap();
        memory.observe(&event, 3)
    }

    #[test]
    fn the_first_time_and_the_first_success_are_told_from_later_ones() {
        let mut memory = IndicatorMemory::new();
        let first = login(&mut memory, "203.0.113.1", 0, false);
        assert_eq!((first.first_seen, first.first_success, first.prior_failures), (true, false, 0));
        let success = login(&mut memory, "203.0.113.1", 1, true);
        assert_eq!((success.first_seen, success.first_success, success.prior_failures), (false, true, 1));
        assert!(!login(&mut memory, "203.0.113.1", 2, true).first_success);
        assert!(
            login(&mut memory, "203.0.113.1", 8 * DAY, true).first_success,
            "the first in seven days again"
        );
    }

    #[test]
    fn the_window_rolls_and_a_jump_back_does_not_grow_it() {
        let mut memory = IndicatorMemory::new();
        let count = |memory: &IndicatorMemory| memory.indicators()[0].count;
        for hour in 0..24 * 14 {
            login(&mut memory, "203.0.113.1", hour * 3_600, false);
        }
        assert_eq!(count(&memory), 7 * 24);
        login(&mut memory, "203.0.113.1", 0, false);
        assert_eq!(count(&memory), 7 * 24, "older than the window");
        login(&mut memory, "203.0.113.1", 13 * DAY, false);
        assert_eq!(count(&memory), 7 * 24 + 1);
        login(&mut memory, "203.0.113.1", 300 * DAY, false);
        assert_eq!(count(&memory), 1);
        assert_eq!(memory.indicators()[0].first_seen, Timestamp::from_seconds(0));
    }

    #[test]
    fn the_least_recently_seen_is_forgotten_and_counted() {
        let mut memory = IndicatorMemory::new();
        for ip in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.1", "203.0.113.4"] {
            login(&mut memory, ip, 0, false);
        }
        let mut left: Vec<String> = memory.indicators().into_iter().map(|i| i.value).collect();
        left.sort();
        assert_eq!(left, ["203.0.113.1", "203.0.113.3", "203.0.113.4"]);
        assert_eq!((memory.len(), memory.evicted()), (3, 1));
    }
}
