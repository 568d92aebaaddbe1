//! FM-01: a publishing service is killed at random moments; what it was told is kept, sent by its next life, and stored
//! once and in order.

use std::time::{Duration, Instant};

use veribus_faults::{Collector, Publisher, Tier, held_to, ledger_line};
use veribus_testkit::Seed;
use veribus_testkit::oracle::Rules;

const COLLECTOR: &str = env!("CARGO_BIN_EXE_fault-collector");
const PUBLISHER: &str = env!("CARGO_BIN_EXE_fault-publisher");
/// Rule f: how soon a fresh event must be stored.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// A publisher that sends to `collector` over HTTP.
fn publisher(folder: &std::path::Path, collector: &Collector) -> Publisher {
    let target = collector.target().expect("it listens");
    let mut publisher = Publisher::new(PUBLISHER, folder, format!("http://{}", target.address));
    publisher.options.push(format!("token={}", target.token));
    publisher
}

#[test]
fn fm_01_a_publisher_killed_at_random_moments_loses_and_doubles_nothing_it_was_told() {
    let seed = Seed::from_env();
    println!("{seed}");
    let (mut choices, kills) = (seed.choices(), Tier::from_env().of(50, 500));
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(COLLECTOR, &folder.path().join("data"));
    let mut publisher = publisher(folder.path(), &collector);
    for _ in 0..kills {
        publisher.start();
        std::thread::sleep(Duration::from_micros(choices.below(60_000)));
        publisher.kill();
    }
    let left_behind = publisher.segments().len();
    publisher.start();
    let (code, took) = publisher.stop();
    assert_eq!(
        (code, publisher.segments()),
        (Some(0), Vec::new()),
        "the last life sends what all others left"
    );
    let data = collector.data().to_owned();
    assert_eq!(collector.stop(), Some(0));
    let record = publisher.record();
    held_to(&Rules::default().alive_within(ALIVE_WITHIN), &record, &data, Some(took));
    assert!(record.confirmed() > 0, "something was confirmed between the kills");
    assert!(left_behind > 0, "some were killed with events on disk");
    let done = format!(
        "{kills} kills, {} confirmed, {left_behind} segments left to the last life",
        record.confirmed()
    );
    println!("{}", ledger_line("FM-01", done, seed));
}

#[test]
fn a_publisher_whose_collector_is_away_says_by_its_exit_code_that_events_stay_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(COLLECTOR, &folder.path().join("data"));
    let mut publisher = publisher(folder.path(), &collector);
    collector.kill();
    publisher.start();
    let until = Instant::now() + ALIVE_WITHIN;
    while publisher.segments().is_empty() {
        assert!(Instant::now() < until, "it publishes");
        std::thread::sleep(Duration::from_millis(2));
    }
    let (code, _) = publisher.stop();
    assert_eq!(code, Some(3));
    assert!(!publisher.segments().is_empty());
}
