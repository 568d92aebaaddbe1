//! The whole way through a broker: a publishing service, the broker, a collector; disturbed, then held to all rules.

use std::path::Path;
use std::time::Duration;

use veribus_testkit::oracle::{Order, Rules};
use veribus_testkit::{Choices, Seed};

use crate::broker::{Broker, BrokerKind};
use crate::collector::Collector;
use crate::ledger::{held_to, ledger_line};
use crate::publisher::Publisher;

/// Rule f: how soon all that waits, and what was published last, must be stored.
const ALIVE_WITHIN: Duration = Duration::from_secs(20);

/// One thing that is done to the passage while events flow.
pub type Disturbance = (&'static str, fn(&mut Passage));

/// All that takes part.
#[derive(Debug)]
pub struct Passage {
    /// The broker.
    pub broker: Broker,
    /// The service.
    pub publisher: Publisher,
    /// The collector.
    pub collector: Collector,
    /// What is random.
    pub choices: Choices,
    folder: tempfile::TempDir,
}

impl Passage {
    /// Everything runs and events flow.
    ///
    /// # Errors
    /// Why the test is skipped: the broker is not installed.
    ///
    /// # Panics
    /// If a process of ours does not start.
    pub fn open(kind: BrokerKind, (collector, publisher): (&str, &str), seed: Seed) -> Result<Self, String> {
        let broker = Broker::start(kind).map_err(|why| format!("skipped: {why}"))?;
        let folder = tempfile::tempdir().expect("a folder");
        let url = broker.url(broker.server.address());
        let data = folder.path().join("data");
        let receive = format!("{url}?answer_timeout=500ms");
        let collector = Collector::start_with(collector, &data, &[broker.option(), &receive]);
        let mut publisher = Publisher::new(publisher, folder.path(), url);
        publisher.options.push("answer_timeout=500ms".to_owned());
        publisher.start();
        Ok(Passage { broker, publisher, collector, choices: seed.choices(), folder })
    }

    /// A moment of the test's own choice.
    pub fn pause(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.choices.within(5_000..most.as_micros() as u64))
    }

    /// A fault lasts that long: a random time up to `most`, which the seed chooses. Nothing is waited for.
    pub fn lasts(&mut self, most: Duration) {
        let time = self.pause(most);
        std::thread::sleep(time);
    }

    /// Does each of these `rounds` times, with events flowing between.
    pub fn disturb(&mut self, rounds: u64, disturbances: &[Disturbance]) {
        for _ in 0..rounds {
            for (_, disturb) in disturbances {
                self.lasts(Duration::from_millis(150));
                disturb(self);
            }
        }
    }

    /// The disturbances are over: all arrives, once, and the books balance. A line for the ledger.
    ///
    /// # Panics
    /// If a rule is broken.
    pub fn settle(mut self, fault: &str, done: &str, seed: Seed) -> String {
        let (code, took) = self.publisher.stop();
        let left = (code, self.publisher.segments());
        assert_eq!(
            left,
            (Some(0), Vec::new()),
            "everything is sent in {took:?}: exit code and segments left, {seed}"
        );
        let data = self.collector.data().to_owned();
        assert_eq!(self.collector.stop(), Some(0));
        let record = self.publisher.record();
        // What a broker lost is stored behind what it delivered meanwhile; numbers keep the order.
        let rules = Rules { order: Order::Numbered, ..Rules::default() }.alive_within(ALIVE_WITHIN);
        held_to(&rules, &record, &data, Some(took));
        assert!(record.confirmed() > 0, "something was confirmed");
        let done = format!(
            "{done}, {} confirmed, all stored {} ms after the end",
            record.confirmed(),
            took.as_millis()
        );
        ledger_line(&format!("{fault} ({})", self.broker.name()), done, seed)
    }

    /// Where the files of this test are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
