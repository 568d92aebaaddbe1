//! FM-02, FM-26, FM-20: a collector is killed, stopped and sent everything again, and the oracle has nothing to say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use veribus_faults::{Collector, Sender, Tier, abreast, held_to, ledger_line};
use veribus_testkit::Seed;
use veribus_testkit::oracle::{Record, Rules};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_fault-collector");
/// Rule f: how soon a fresh event must be stored.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);
/// Kills of one round of FM-02.
const KILLS: u64 = 25;

fn senders() -> Vec<Sender> {
    (1..=2).map(|stream| Sender::new(stream, Duration::from_secs(5))).collect()
}

fn joined(senders: &[Sender]) -> Record {
    let mut record = Record::default();
    senders.iter().for_each(|sender| record.merge(sender.record().clone()));
    record
}

/// Lets the senders work while `disturb` goes on.
fn under_load(senders: &mut [Sender], collector: &Collector, disturb: impl FnOnce()) {
    let (stop, target) = (AtomicBool::new(false), collector.target().expect("it listens").clone());
    std::thread::scope(|scope| {
        for sender in senders {
            let (stop, target) = (&stop, &target);
            scope.spawn(move || sender.run(target, stop));
        }
        disturb();
        stop.store(true, Ordering::Relaxed);
    });
}

/// What waits arrives, a fresh event too, and all rules hold.
fn settles(senders: &mut [Sender], collector: Collector) {
    let target = collector.target().expect("it listens").clone();
    let fresh: Option<Duration> = senders
        .iter_mut()
        .map(|sender| sender.settle(&target, ALIVE_WITHIN))
        .try_fold(Duration::ZERO, |all, one| Some(all.max(one?)));
    let data = collector.data().to_owned();
    assert_eq!(collector.stop(), Some(0));
    held_to(&Rules::default().alive_within(ALIVE_WITHIN), &joined(senders), &data, fresh);
}

#[test]
fn fm_02_a_collector_killed_at_random_moments_loses_and_doubles_nothing() {
    let seed = Seed::from_env();
    println!("{seed}");
    // A store that has grown takes longer to start: each round has its own.
    let rounds = Tier::from_env().of(2, 20);
    let round = |number: u64| {
        let (mut choices, folder) = (seed.nth(number).choices(), tempfile::tempdir().unwrap());
        let mut senders = senders();
        for _ in 0..KILLS {
            let collector = Collector::start(COLLECTOR, &folder.path().join("data"));
            let moment = Duration::from_micros(choices.below(80_000));
            let (stop, target) = (AtomicBool::new(false), collector.target().expect("it listens").clone());
            std::thread::scope(|scope| {
                for sender in &mut senders {
                    let (stop, target) = (&stop, &target);
                    scope.spawn(move || sender.run(target, stop));
                }
                std::thread::sleep(moment);
                collector.kill();
                stop.store(true, Ordering::Relaxed);
            });
        }
        let collector = Collector::start(COLLECTOR, &folder.path().join("data"));
        settles(&mut senders, collector);
        (joined(&senders).confirmed(), senders.iter().map(|sender| sender.duplicates).sum())
    };
    let add = |sum: &mut (usize, u64), one: (usize, u64)| *sum = (sum.0 + one.0, sum.1 + one.1);
    let (confirmed, duplicates) = abreast(rounds, round, add);
    assert!(confirmed > 0, "something was confirmed between the kills");
    let kills = rounds * KILLS;
    let done = format!("{kills} kills, {confirmed} confirmed, {duplicates} duplicates removed");
    println!("{}", ledger_line("FM-02", done, seed));
}

#[test]
fn fm_26_a_collector_that_is_stopped_for_a_while_goes_on_as_if_nothing_had_been() {
    let seed = Seed::from_env();
    println!("{seed}");
    let (stops, pause) = Tier::from_env().of((10, Duration::from_millis(300)), (20, Duration::from_secs(30)));
    let folder = tempfile::tempdir().unwrap();
    // Shorter than the pause: the senders give up waiting and send again what the collector has read already.
    let mut senders: Vec<Sender> = (1..=2).map(|stream| Sender::new(stream, pause / 2)).collect();
    let collector = Collector::start(COLLECTOR, &folder.path().join("data"));
    let mut choices = seed.choices();
    under_load(&mut senders, &collector, || {
        for _ in 0..stops {
            std::thread::sleep(Duration::from_millis(choices.within(10..60)));
            collector.signal("-STOP");
            std::thread::sleep(pause);
            collector.signal("-CONT");
        }
    });
    let failures: u64 = senders.iter().map(|sender| sender.failures).sum();
    settles(&mut senders, collector);
    assert!(failures > 0, "the pauses were felt");
    let done = format!("{stops} stops of {pause:?}, {failures} sends given up");
    println!("{}", ledger_line("FM-26", done, seed));
}

#[test]
fn fm_20_what_is_sent_again_any_number_of_times_is_stored_once() {
    let seed = Seed::from_env();
    println!("{seed}");
    let (mut choices, batches) = (seed.choices(), Tier::from_env().of(300, 5_000));
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(COLLECTOR, &folder.path().join("data"));
    let target = collector.target().expect("it listens").clone();
    let mut senders = senders();
    for _ in 0..batches {
        let sender = choices.below(2) as usize;
        assert!(senders[sender].make_and_repeat(&target, choices.below(3)));
    }
    let duplicates: u64 = senders.iter().map(|sender| sender.duplicates).sum();
    settles(&mut senders, collector);
    assert!(duplicates > 0);
    let done = format!("{batches} batches repeated 0 to 2 times, {duplicates} duplicates removed");
    println!("{}", ledger_line("FM-20", done, seed));
}
