//! FM-05 to FM-08 on a simulated disk: power loss, kills, full and failing disks, deaths in recovery; what the forwarder
//! confirmed reaches the collector, unaltered, once and in order, also on a way whose parcels overtake each other.
//!
//! The forwarder has a thread of its own, so a seed repeats the faults and the disk, not the interleaving.

use std::sync::Arc;
use std::time::Duration;

use veribus_core::{
    EventHandler, EventId, InstanceId, Source, SystemClock, Timestamp, VerificationEvent, event,
};
use veribus_faults::{ModelCollector, ModelRoute, Tier, ledger_line};
use veribus_handlers::forward::{ForwardHandler, SpoolSettings};
use veribus_testkit::oracle::{Answer, Class, Content, Key, Order, Record, Rules, Tag, judge};
use veribus_testkit::sim_fs::{Death, SimDisk, SimFs, SimRng};
use veribus_testkit::{Choices, Seed};

const SPOOL: &str = "/spool";
/// How long the last life has to deliver what was confirmed, a fresh event among it.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// One sequence of lives of one service on one disk.
struct Run {
    seed: Seed,
    /// How many went before it.
    number: u64,
    choices: Choices,
    disk: SimDisk,
    collector: ModelCollector,
    record: Record,
    segment_bytes: u64,
    lives: u32,
    deaths: u64,
}

/// One life: its numbers, and what was given since the last flush.
struct Life {
    stream: u32,
    next: u64,
    given: Vec<(Tag, Key)>,
}

impl Run {
    /// The one of this number; the first has the seed itself, so that a seed that is shown runs it again alone.
    fn new(seed: Seed, number: u64) -> Self {
        let seed = if number == 0 { seed } else { seed.nth(number) };
        let mut choices = seed.choices();
        let disk = SimDisk::new(seed.nth(1));
        let routes = [ModelRoute::InOrder, ModelRoute::SideBySide, ModelRoute::Broker];
        let route = *choices.one(&routes);
        Run {
            seed,
            number,
            disk,
            collector: ModelCollector::new(seed.nth(2), route),
            record: Record::default(),
            segment_bytes: choices.within(1..17) * 1024,
            choices,
            lives: 0,
            deaths: 0,
        }
    }

    fn forwarder(&mut self, fs: &SimFs) -> Option<ForwardHandler> {
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
        builder.on(Arc::new(fs.clone()), Arc::new(SystemClock), Arc::new(rng)).build().ok()
    }

    /// Gives the forwarder some events; those that it does not take will never be confirmed.
    fn give(&mut self, life: &mut Life, handler: &mut ForwardHandler) {
        let instance = InstanceId(1000 + u64::from(life.stream));
        let mut batch: Vec<Arc<VerificationEvent>> = Vec::new();
        for _ in 0..self.choices.within(1..9) {
            life.next += 1;
            let tag = Tag { stream: life.stream, number: life.next };
            let content = Content::of(tag, self.choices.below(300) as usize);
            self.record.attempt(tag, Class::Durable, content.digest());
            let text = tag.to_string();
            let event = event::authentication(content.action.as_str())
                .actor(&content.actor)
                .attribute("tag", text.as_str())
                .attribute("body", content.body.as_str());
            let id = EventId::new(instance, 0, life.next);
            batch.push(Arc::new(event.into_event(id, Timestamp::now()).expect("within limits")));
            life.given.push((tag, Key { instance: instance.0, lane: 0, seq: life.next }));
        }
        if handler.handle(&batch).is_err() {
            life.given.clear();
        }
    }

    /// What was given since the last flush is confirmed if this one succeeds.
    fn flush(&mut self, life: &mut Life, handler: &mut ForwardHandler) {
        let kept = handler.flush().is_ok();
        for (tag, key) in life.given.drain(..).filter(|_| kept) {
            self.record.answer(tag, Answer::Confirmed(key));
        }
    }

    fn break_something(&mut self) {
        let choices = &mut self.choices;
        match choices.below(8) {
            0 => self.disk.faults(|faults| faults.room = Some(choices.below(64 * 1024))),
            1 => self.disk.faults(|faults| faults.failing_syncs = 1 + choices.below(3)),
            2 => self.disk.faults(|faults| faults.short_writes = 300),
            3 => self.disk.faults(|faults| faults.interrupts = 100),
            4 => self.disk.faults(|faults| faults.heal()),
            5 => self.collector.set(true, choices.chance(1, 2)),
            6 => self.collector.set(false, false),
            _ => {
                let how = *choices.one(&[Death::Kill, Death::Power]);
                self.disk.die_after(1 + choices.below(40), how);
            }
        }
    }

    /// One life, from recovery to its end.
    fn live(&mut self) {
        if self.choices.chance(1, 3) {
            let how = *self.choices.one(&[Death::Kill, Death::Power]);
            self.disk.die_after(1 + self.choices.below(12), how); // in recovery, most likely
        }
        let fs = self.disk.process();
        if let Some(mut handler) = self.forwarder(&fs) {
            let mut life = Life { stream: self.lives, next: 0, given: Vec::new() };
            for _ in 0..self.choices.within(3..25) {
                match self.choices.below(6) {
                    0 => self.break_something(),
                    1 | 2 => self.flush(&mut life, &mut handler),
                    _ => self.give(&mut life, &mut handler),
                }
                if !fs.is_alive() {
                    break;
                }
            }
            self.deaths += u64::from(!fs.is_alive());
            fs.kill();
        }
        self.disk.live_on();
        if self.choices.chance(1, 2) {
            self.disk.power_loss();
        }
    }

    /// The faults end: all that was confirmed arrives, and an event of now too.
    fn heal_and_judge(mut self) -> (u64, usize) {
        self.disk.live_on();
        self.disk.faults(|faults| faults.heal());
        self.collector.set(true, false);
        let fs = self.disk.process();
        let mut handler = self.forwarder(&fs).expect("on a well disk it always starts");
        let mut life = Life { stream: self.lives, next: 0, given: Vec::new() };
        self.give(&mut life, &mut handler);
        self.flush(&mut life, &mut handler);
        let kept = |(_, attempt): (_, &veribus_testkit::oracle::Attempt)| match attempt.answer {
            Some(Answer::Confirmed(key)) => Some(key),
            _ => None,
        };
        let confirmed: Vec<Key> = self.record.attempts().filter_map(kept).collect();
        assert!(confirmed.iter().any(|key| key.instance == 1000 + u64::from(life.stream)), "it is alive");
        self.collector.wait_for(&confirmed, ALIVE_WITHIN);
        // Numbers that died in memory are the collector's to find, so rule e is for the real one.
        // What a broker forgot is stored behind what it delivered meanwhile.
        let order = match self.collector.route() {
            ModelRoute::Broker => Order::Numbered,
            ModelRoute::InOrder | ModelRoute::SideBySide => Order::Stored,
        };
        let rules = Rules { order, ..Rules::default() };
        let mut violations = judge(&self.record, &self.collector.found(), &rules);
        violations.retain(|violation| violation.rule() != 'e');
        let shown: Vec<String> = violations.iter().take(5).map(ToString::to_string).collect();
        assert!(
            violations.is_empty(),
            "{}, after {} sequences: {} violations\n{}",
            self.seed,
            self.number,
            violations.len(),
            shown.join("\n")
        );
        drop(handler);
        (self.deaths, confirmed.len())
    }
}

#[test]
fn fm_05_what_was_confirmed_survives_power_loss_full_disks_and_deaths_in_recovery() {
    let seed = Seed::from_env();
    println!("{seed}");
    let sequences = Tier::from_env().of(3_000, 50_000);
    let (mut deaths, mut confirmed) = (0, 0);
    for number in 0..sequences {
        let mut run = Run::new(seed, number);
        for _ in 0..run.choices.within(1..5) {
            run.live();
        }
        let (died, kept) = run.heal_and_judge();
        deaths += died;
        confirmed += kept;
    }
    let done =
        format!("{sequences} sequences, {deaths} deaths in the middle of a call, {confirmed} confirmed");
    println!("{}", ledger_line("FM-05, FM-06, FM-07, FM-08 (simulated)", done, seed));
}

#[test]
fn what_did_not_fit_and_is_counted_as_lost_does_not_come_back_behind_what_was_sent_after_it() {
    let seed = Seed::from_env();
    println!("{seed}");
    for number in 0..200 {
        let mut run = Run::new(seed, number);
        run.collector.set(true, false);
        let fs = run.disk.process();
        let mut handler = run.forwarder(&fs).expect("on a well disk it always starts");
        let mut life = Life { stream: run.lives, next: 0, given: Vec::new() };
        run.give(&mut life, &mut handler);
        run.flush(&mut life, &mut handler);
        let room = run.disk.used() + run.choices.within(1..3_000);
        run.disk.faults(|faults| faults.room = Some(room));
        run.give(&mut life, &mut handler);
        run.disk.faults(|faults| faults.heal());
        life.given.clear();
        run.give(&mut life, &mut handler);
        let after: Vec<Key> = life.given.iter().map(|(_, key)| *key).collect();
        assert!(run.collector.wait_for(&after, ALIVE_WITHIN), "it goes on when there is room again");
        run.disk.power_loss();
        drop(handler);
        run.heal_and_judge();
    }
}
