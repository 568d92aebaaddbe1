//! A service on a simulated disk with a forwarder and a model collector: its lives, what it gave, and the verdict.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use veribus_core::{
    EventHandler, EventId, InstanceId, Source, SystemClock, Timestamp, VerificationEvent, event,
};
use veribus_handlers::forward::{ForwardHandler, SpoolSettings};
use veribus_testkit::oracle::{
    Answer, Class, Content, Found, Key, Order, Record, Rules, Tag, Violation, judge,
};
use veribus_testkit::sim_fs::{SimDisk, SimFs, SimRng};
use veribus_testkit::{Choices, Seed};

use crate::model::{ModelCollector, ModelRoute};

/// Where its spools are.
pub const SPOOL: &str = "/spool";
/// How long the last life has to deliver what was confirmed, a fresh event among it.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// One service on one disk.
#[derive(Debug)]
pub struct Service {
    /// What all of it follows from.
    pub seed: Seed,
    /// How many went before it.
    pub number: u64,
    /// Its own.
    pub choices: Choices,
    /// Its disk.
    pub disk: SimDisk,
    /// Where it sends to.
    pub collector: ModelCollector,
    /// Bytes of a segment.
    pub segment_bytes: u64,
    /// Bytes of an event's body, at most.
    pub body_bytes: u64,
    record: Record,
    lives: u32,
}

/// One life: its numbers, and what was given since the last flush.
pub struct Life {
    /// The disk as its process sees it.
    pub fs: SimFs,
    handler: ForwardHandler,
    stream: u32,
    next: u64,
    given: Vec<(Tag, Key)>,
}

impl Service {
    /// The one of this number; the first has the seed itself, so that a seed that is shown runs it again alone.
    pub fn new(seed: Seed, number: u64) -> Self {
        let seed = if number == 0 { seed } else { seed.nth(number) };
        let mut choices = seed.choices();
        let routes = [ModelRoute::InOrder, ModelRoute::SideBySide, ModelRoute::Broker];
        let route = *choices.one(&routes);
        Service {
            seed,
            number,
            disk: SimDisk::new(seed.nth(1)),
            collector: ModelCollector::new(seed.nth(2), route),
            record: Record::default(),
            segment_bytes: choices.within(1..17) * 1024,
            body_bytes: 300,
            choices,
            lives: 0,
        }
    }

    /// Starts a life; `None` if its disk does not let it.
    pub fn start(&mut self) -> Option<Life> {
        self.lives += 1;
        let settings = SpoolSettings {
            bytes_max: 1 << 20,
            reserve_bytes: 8 << 10,
            segment_bytes: self.segment_bytes,
            ..SpoolSettings::new(SPOOL)
        };
        let rng = SimRng::new(self.seed.nth(100 + u64::from(self.lives)));
        let builder = ForwardHandler::builder(self.collector.factory(), Source::new("simulated"))
            .spool(settings)
            .batch_events(50)
            .linger(Duration::ZERO)
            .compress_from(None)
            .close_within(Duration::ZERO)
            .back_off(Duration::from_millis(1), Duration::from_millis(2));
        let builder = match self.collector.route() {
            ModelRoute::Broker => builder.receipt_timeout(Duration::from_millis(5)),
            ModelRoute::InOrder | ModelRoute::SideBySide => builder,
        };
        let fs = self.disk.process();
        let handler = builder.on(Arc::new(fs.clone()), Arc::new(SystemClock), Arc::new(rng)).build().ok()?;
        Some(Life { fs, handler, stream: self.lives, next: 0, given: Vec::new() })
    }

    /// Gives the forwarder some events; those that it does not take will never be confirmed. Their identities.
    ///
    /// # Panics
    /// If an event of ours is beyond a limit.
    pub fn give(&mut self, life: &mut Life) -> Vec<Key> {
        let instance = InstanceId(1000 + u64::from(life.stream));
        let (mut batch, mut keys): (Vec<Arc<VerificationEvent>>, _) = (Vec::new(), Vec::new());
        for _ in 0..self.choices.within(1..9) {
            life.next += 1;
            let tag = Tag { stream: life.stream, number: life.next };
            let content = Content::of(tag, self.choices.below(self.body_bytes) as usize);
            self.record.attempt(tag, Class::Durable, content.digest());
            let text = tag.to_string();
            let event = event::authentication(content.action.as_str())
                .actor(&content.actor)
                .attribute("tag", text.as_str())
                .attribute("body", content.body.as_str());
            let id = EventId::new(instance, 0, life.next);
            batch.push(Arc::new(event.into_event(id, Timestamp::now()).expect("within limits")));
            let key = Key { instance: instance.0, lane: 0, seq: life.next };
            life.given.push((tag, key));
            keys.push(key);
        }
        if life.handler.handle(&batch).is_err() {
            life.given.clear();
        }
        keys
    }

    /// What was given since the last flush is confirmed if this one succeeds.
    pub fn flush(&mut self, life: &mut Life) {
        let kept = life.handler.flush().is_ok();
        for (tag, key) in life.given.drain(..).filter(|_| kept) {
            self.record.answer(tag, Answer::Confirmed(key));
        }
    }

    /// Every identity that was confirmed.
    pub fn confirmed(&self) -> BTreeSet<Key> {
        let kept = |(_, attempt): (_, &veribus_testkit::oracle::Attempt)| match attempt.answer {
            Some(Answer::Confirmed(key)) => Some(key),
            _ => None,
        };
        self.record.attempts().filter_map(kept).collect()
    }

    /// The faults end: a last life delivers what is left in all spools, and a fresh event. What is stored then.
    ///
    /// # Panics
    /// If it does not start, if the fresh event is not confirmed, or if it is not done with all in time.
    pub fn settle(&mut self) -> Found {
        self.disk.live_on();
        self.disk.faults(|faults| faults.heal());
        // Some brokers go on forgetting: then everything is sent again until it is there.
        let forgets = self.collector.route() == ModelRoute::Broker && self.choices.chance(1, 8);
        self.collector.set(true, forgets);
        let mut life = self.start().expect("on a well disk it always starts");
        let fresh = self.give(&mut life);
        self.flush(&mut life);
        assert!(fresh.iter().all(|key| self.confirmed().contains(key)), "{}: it is alive", self.seed);
        assert!(self.collector.wait_for(&fresh, ALIVE_WITHIN), "{}: a fresh event arrives", self.seed);
        let (until, watch) = (Instant::now() + ALIVE_WITHIN, life.handler.watch());
        let is_done = || {
            let health = watch.health();
            let is_empty = health.spool.is_some_and(|spool| spool.pending == 0);
            is_empty && health.looked && health.adopted == 0 && health.in_flight == 0
        };
        while !is_done() {
            assert!(Instant::now() < until, "{}: not done in time: {:?}", self.seed, watch.health());
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(life);
        self.collector.found()
    }

    /// What of the rules is broken by what was `found`.
    ///
    /// Numbers that died in memory are the collector's to find, so rule e is for the real one. What a broker forgot is
    /// stored behind what it delivered meanwhile.
    pub fn violations(&self, found: &Found) -> Vec<Violation> {
        let order = match self.collector.route() {
            ModelRoute::Broker => Order::Numbered,
            ModelRoute::InOrder | ModelRoute::SideBySide => Order::Stored,
        };
        let rules = Rules { order, ..Rules::default() };
        let mut violations = judge(&self.record, found, &rules);
        violations.retain(|violation| violation.rule() != 'e');
        violations
    }

    /// Holds what was `found` to the rules.
    ///
    /// # Panics
    /// If one is broken; names the seed and the first violations.
    pub fn held(&self, violations: &[Violation]) {
        let shown: Vec<String> = violations.iter().take(5).map(ToString::to_string).collect();
        assert!(
            violations.is_empty(),
            "{}, after {} sequences: {} violations\n{}",
            self.seed,
            self.number,
            violations.len(),
            shown.join("\n")
        );
    }
}

impl Life {
    /// What was given and not flushed is not waited for.
    pub fn forget_given(&mut self) {
        self.given.clear();
    }
}
