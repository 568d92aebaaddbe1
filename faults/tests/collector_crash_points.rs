//! FM-03, FM-04, FM-06: the collector dies at, or is refused, each system call that matters, also while it recovers.
//!
//! strace chooses the call from outside; without it the tests say that they are skipped.

use std::path::Path;
use std::time::Duration;

use veribus_faults::{Collector, Injection, Sender, Tier, held_to, ledger_line, strace_is_there};
use veribus_testkit::Seed;
use veribus_testkit::oracle::Rules;

const COLLECTOR: &str = env!("CARGO_BIN_EXE_fault-collector");
const ALIVE_WITHIN: Duration = Duration::from_secs(10);
/// Batches of the scripted scenario.
const BATCHES: usize = 6;
/// Batches of the one with a failing disk: more calls than a start makes, so that the failures come under load.
const BATCHES_FAILING: usize = 40;
/// Calls that fail, how, and from which count on in a thread: a start needs fewer.
const FAILURES: [(&str, &str, u64, u64); 3] = [
    ("fsync", "error=EIO", 13, 30),
    ("pwrite64", "error=ENOSPC", 60, 150),
    ("pwrite64", "error=EIO", 60, 150),
];
/// Calls at which a process is killed, and the highest count at which that is tried.
const POINTS: [(&str, u64); 7] = [
    ("fsync", 4),
    ("fdatasync", 12),
    ("pwrite64", 40),
    ("write", 20),
    ("rename,renameat,renameat2", 3),
    ("unlink,unlinkat", 3),
    ("ftruncate", 3),
];

/// The scripted scenario: some batches while it lives, then the order to stop. Whether the process died by itself.
fn scenario(mut collector: Collector, sender: &mut Sender, batches: usize) -> bool {
    if let Some(target) = collector.target().cloned() {
        for _ in 0..batches {
            sender.send(&target);
        }
        if collector.is_running() {
            // Under strace the order goes to strace, which passes it on by dying; a kill is just as good here.
            collector.kill();
            return false;
        }
    }
    true
}

/// Undisturbed again: everything is stored once, and a fresh event arrives.
fn recovers(data: &Path, mut sender: Sender) {
    let collector = Collector::start(COLLECTOR, data);
    let fresh = sender.settle(collector.target().expect("it listens"), ALIVE_WITHIN);
    assert_eq!(collector.stop(), Some(0));
    held_to(&Rules::default().alive_within(ALIVE_WITHIN), sender.record(), data, fresh);
}

/// Points spread over all counts of a call, in random order of calls.
fn points(seed: Seed, runs: u64) -> Vec<Injection> {
    let mut choices = seed.choices();
    let mut all: Vec<Injection> = POINTS
        .into_iter()
        .flat_map(|(call, last)| {
            (1..=last).map(move |nth| Injection { call, nth, what: "signal=KILL", and_later: false })
        })
        .collect();
    for at in (1..all.len()).rev() {
        all.swap(at, choices.below(at as u64 + 1) as usize);
    }
    let runs = usize::try_from(runs).expect("few").min(all.len());
    all.truncate(runs);
    all
}

#[test]
fn fm_03_and_04_death_at_any_call_and_again_in_recovery_loses_and_doubles_nothing() {
    if !strace_is_there() {
        println!("skipped: strace is not there, no crash point can be chosen");
        return;
    }
    let seed = Seed::from_env();
    println!("{seed}");
    let runs = Tier::from_env().of(30, 1_000);
    let mut choices = seed.nth(1).choices();
    let (mut died, mut in_recovery, mut tried) = (0, 0, 0);
    for point in points(seed, runs) {
        tried += 1;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut sender = Sender::new(1, Duration::from_secs(5));
        died +=
            u32::from(scenario(Collector::start_injected(COLLECTOR, &data, &point), &mut sender, BATCHES));
        for _ in 0..choices.below(4) {
            let (call, last) = *choices.one(&POINTS);
            let again = Injection { call, nth: 1 + choices.below(last.min(8)), ..point };
            in_recovery += u32::from(scenario(
                Collector::start_injected(COLLECTOR, &data, &again),
                &mut sender,
                BATCHES,
            ));
        }
        recovers(&data, sender);
    }
    assert!(died > 0, "some of the points were reached");
    let done = format!("{tried} points, {died} reached, {in_recovery} deaths in a later start");
    println!("{}", ledger_line("FM-03, FM-04 (collector)", done, seed));
}

#[test]
fn fm_06_a_collector_whose_disk_fails_confirms_nothing_that_is_not_stored() {
    if !strace_is_there() {
        println!("skipped: strace is not there, no call can be made to fail");
        return;
    }
    let seed = Seed::from_env();
    println!("{seed}");
    let mut choices = seed.choices();
    let runs = Tier::from_env().of(12, 200);
    let mut refused = 0;
    for _ in 0..runs {
        let (call, what, first, last) = *choices.one(&FAILURES);
        let injection =
            Injection { call, nth: choices.within(first..last), what, and_later: choices.chance(1, 2) };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut sender = Sender::new(1, Duration::from_secs(5));
        let collector = Collector::start_injected(COLLECTOR, &data, &injection);
        scenario(collector, &mut sender, BATCHES_FAILING);
        refused += sender.failures;
        recovers(&data, sender);
    }
    assert!(refused > 0, "the failures were felt");
    let done = format!("{runs} runs with EIO or ENOSPC, {refused} batches refused");
    println!("{}", ledger_line("FM-06 (collector)", done, seed));
}
