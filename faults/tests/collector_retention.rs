//! C13: the collector dies while it deletes old events; each small transaction happened or did not, and what is deleted
//! is still known when it comes again.
//!
//! strace chooses the call from outside; without it the test says that it is skipped.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use veribus_faults::{Collector, Injection, Sender, Tier, abreast, ledger_line, strace_is_there};
use veribus_testkit::Seed;
use veribus_testkit::oracle::{Key, read_store};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_fault-collector");
const PATIENCE: Duration = Duration::from_secs(30);
/// More than two transactions of the deletion, 20 events each.
const BATCHES: u64 = 230;
/// Events that one transaction of it deletes.
const AT_ONCE: usize = 2_000;
/// Calls at which it is killed, and from which to which count: most of them are made by the deletion.
const POINTS: [(&str, u64, u64); 3] = [("pwrite64", 1, 90), ("fdatasync", 1, 10), ("fsync", 1, 3)];

/// The events of the sender that are left; the file is whole.
fn left(data: &Path, all: &BTreeSet<Key>) -> Vec<Key> {
    let found = read_store(data).expect("the store can be read and is whole");
    found.stored.iter().map(|stored| stored.key).filter(|key| all.contains(key)).collect()
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "the folder is copied");
}

/// Whether the trail is whole and has what was deleted.
fn trail_is_whole(data: &Path) -> bool {
    let trail = data.join("audit").join("audit.log");
    let verified = Command::new(COLLECTOR).args(["audit", "verify", "--quiet"]).arg(&trail).output();
    verified.is_ok_and(|output| output.status.success())
}

#[test]
fn c13_a_collector_that_dies_while_it_deletes_has_deleted_by_whole_transactions_and_forgets_nothing() {
    if !strace_is_there() {
        println!("skipped: strace is not there, no crash point can be chosen");
        return;
    }
    let seed = Seed::from_env();
    println!("{seed}");
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    let collector = Collector::start(COLLECTOR, &full);
    let mut sender = Sender::new(1, PATIENCE).keeping();
    for _ in 0..BATCHES {
        assert!(sender.send(collector.target().expect("it listens")));
    }
    assert_eq!(collector.stop(), Some(0));
    let all: BTreeSet<Key> = read_store(&full).unwrap().stored.iter().map(|stored| stored.key).collect();
    assert_eq!(all.len() as u64, sender.record().confirmed() as u64);
    let one = |number: u64| {
        let mut choices = seed.nth(number).choices();
        let data = folder.path().join(number.to_string());
        copy(&full, &data);
        let (mut deleting, mut before) = (0, all.len());
        for _ in 0..choices.within(1..4) {
            let (call, first, last) = *choices.one(&POINTS);
            let nth = choices.within(first..last + 1);
            let injection = Injection { call, nth, what: "signal=KILL", and_later: false };
            let collector = Collector::start_injected(COLLECTOR, &data, &injection);
            let asked = collector.target().map(|target| target.prune_events(PATIENCE));
            collector.kill();
            deleting += u64::from(asked == Some(None));
            let keys = left(&data, &all);
            assert!(
                keys.is_empty() || (before - keys.len()).is_multiple_of(AT_ONCE),
                "{number}: {}",
                keys.len()
            );
            assert!(keys.iter().eq(all.iter().skip(all.len() - keys.len())), "{number}: the oldest go first");
            before = keys.len();
        }
        let collector = Collector::start(COLLECTOR, &data);
        let target = collector.target().expect("it listens");
        assert!(target.prune_events(PATIENCE) >= Some(before as u64), "{number}: the rest goes");
        let known = sender.clone().send_all_again(target);
        assert_eq!(known, all.len() as u64, "{number}: what was deleted is known");
        assert_eq!(collector.stop(), Some(0));
        assert_eq!(left(&data, &all), [], "{number}: and does not come back");
        assert!(trail_is_whole(&data), "{number}: the trail");
        std::fs::remove_dir_all(&data).unwrap();
        deleting
    };
    let points = Tier::from_env().of(12, 200);
    let deleting = abreast(points, one, |sum, one| *sum += one);
    assert!(deleting > 0, "some deaths came while it deleted");
    println!("{}", ledger_line("C13", format!("{points} points, {deleting} deaths while it deleted"), seed));
}
