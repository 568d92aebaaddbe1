//! FM-09, FM-10: files of a spool are altered, cut, lengthened, swapped, doubled and deleted between two lives; the next
//! one starts, sends what is whole, names what is not, and takes nothing for what it is not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use veribus_faults::{SPOOL, Service, Tier, abreast, ledger_line};
use veribus_testkit::oracle::{Found, Key, Violation};
use veribus_testkit::{Choices, Seed};

/// A service that has left a spool: all of it confirmed, nothing sent.
fn left_behind(seed: Seed, number: u64, segment_bytes: u64) -> Service {
    let mut service = Service::new(seed, number);
    (service.segment_bytes, service.body_bytes) = (segment_bytes, 120);
    service.collector.set(false, false);
    let mut life = service.start().expect("on a well disk it always starts");
    for _ in 0..12 {
        service.give(&mut life);
        service.flush(&mut life);
    }
    life.fs.kill();
    drop(life);
    service
}

fn segments(service: &Service) -> Vec<PathBuf> {
    let files = service.disk.files().into_iter().map(|(path, _)| path);
    files.filter(|path| path.extension().is_some_and(|ending| ending == "seg")).collect()
}

/// What was confirmed and is not there, and which of it a loss record names.
fn missing(confirmed: &BTreeSet<Key>, found: &Found) -> (BTreeSet<Key>, BTreeSet<Key>) {
    let stored: BTreeSet<Key> = found.stored.iter().map(|stored| stored.key).collect();
    let missing: BTreeSet<Key> = confirmed.difference(&stored).copied().collect();
    let is_named = |key: &&Key| {
        found.lost.iter().any(|lost| {
            (lost.instance, lost.lane) == (key.instance, key.lane)
                && (lost.first..=lost.last).contains(&key.seq)
                && lost.reason == "spool_corrupt"
        })
    };
    let named = missing.iter().filter(is_named).copied().collect();
    (missing, named)
}

/// All rules but that everything is there.
fn but_for_what_is_missing(service: &Service, found: &Found) -> Vec<Violation> {
    service.violations(found).into_iter().filter(|violation| violation.rule() != 'a').collect()
}

#[test]
fn fm_09_a_flipped_bit_in_any_file_costs_one_event_at_most_and_the_loss_is_named() {
    let seed = Seed::from_env();
    println!("{seed}");
    let flips = Tier::from_env().of(300, 30_000);
    let flip = |number| {
        // One segment: its last record is the only one that no other record names.
        let mut service = left_behind(seed, number, 1 << 20);
        let files = service.disk.files();
        let weights: u64 = files.iter().map(|(_, bytes)| (*bytes).min(64 << 10)).sum();
        let mut at = service.choices.below(weights);
        let file = files.into_iter().find(|(_, bytes)| {
            let bytes = (*bytes).min(64 << 10);
            let is_here = at < bytes;
            at = at.saturating_sub(bytes);
            is_here
        });
        service.disk.flip_bit(&file.expect("one of them").0, &mut service.choices);
        let confirmed = service.confirmed();
        let found = service.settle();
        service.held(&but_for_what_is_missing(&service, &found));
        let (missing, named) = missing(&confirmed, &found);
        assert!(missing.len() <= 1, "{}: one flip, {missing:?} are gone", service.seed);
        let last = confirmed.last();
        let explained = missing.iter().all(|key| named.contains(key) || Some(key) == last);
        assert!(explained, "{}: {missing:?} are gone and nobody says so", service.seed);
        (missing.len(), missing.len() - named.len())
    };
    let add = |sum: &mut (usize, usize), one: (usize, usize)| *sum = (sum.0 + one.0, sum.1 + one.1);
    let (lost, unnamed) = abreast(flips, flip, add);
    assert!(lost > 0, "some flips hit an event");
    let done = format!("{flips} flips, {lost} events lost, {unnamed} of them the last and found as a hole");
    println!("{}", ledger_line("FM-09", done, seed));
}

/// What somebody does to files, each with what it may cost: the segments whose events may be gone.
fn edit(service: &mut Service, other: &[(PathBuf, Vec<u8>)]) -> (&'static str, Vec<PathBuf>) {
    let segments = segments(service);
    let Service { disk, choices, .. } = service;
    let one = choices.one(&segments).clone();
    let dir = one.parent().expect("in a spool").to_owned();
    let cut = |choices: &mut Choices, bytes: &[u8]| choices.below(bytes.len() as u64 + 1) as usize;
    let of_one = vec![one.clone()];
    match choices.below(12) {
        0 => {
            disk.edit(&one, |bytes| bytes.truncate(cut(choices, bytes)));
            ("cut short", of_one)
        }
        1 => {
            disk.edit(&one, |bytes| bytes.resize(bytes.len() + 1 + choices.below(5_000) as usize, 0xa5));
            ("made longer", Vec::new())
        }
        2 => {
            disk.edit(&one, |bytes| {
                let from = cut(choices, bytes);
                bytes[from..].fill(0);
            });
            ("filled with zeroes", of_one)
        }
        3 => {
            let bytes = disk.read(&one).expect("it is there");
            disk.put(&dir.join(format!("{:016x}.seg", 100 + choices.below(9))), &bytes);
            ("doubled under another number", Vec::new())
        }
        4 => {
            let two = choices.one(&segments).clone();
            let (first, second) = (disk.read(&one).expect("there"), disk.read(&two).expect("there"));
            disk.put(&one, &second);
            disk.put(&two, &first);
            ("swapped with another", vec![one, two])
        }
        5 => {
            disk.remove(&one);
            ("deleted", of_one)
        }
        6 => {
            disk.edit(&one, |bytes| bytes.splice(..0, [0; 7]).for_each(drop));
            ("shifted", of_one)
        }
        7 => {
            let cursor = vec![0xff; 24 * (1 + choices.below(9) as usize)];
            disk.put(&dir.join("cursor"), &cursor);
            ("given a cursor of rubbish", Vec::new())
        }
        8 => {
            let (path, bytes) = choices.one(other);
            disk.put(&dir.join(path.file_name().expect("a file")), bytes);
            ("overwritten by another host's", segments)
        }
        9 => {
            for name in ["notes.txt", "0000000000000001.seg.bak", "zz.seg"] {
                disk.put(&dir.join(name), b"who put this here");
            }
            ("joined by strangers", Vec::new())
        }
        10 => {
            disk.edit(&one, Vec::clear);
            ("emptied", of_one)
        }
        _ => {
            disk.put(
                Path::new(SPOOL).join("00000000000000ff").join("0000000000000001.seg").as_path(),
                b"veribusS",
            );
            ("joined by a spool without a lock", Vec::new())
        }
    }
}

#[test]
fn fm_10_cut_doubled_swapped_or_deleted_files_cost_what_they_held_and_nothing_is_taken_for_anothers() {
    let seed = Seed::from_env();
    println!("{seed}");
    let edits = Tier::from_env().of(100, 10_000);
    // Another host's spool, whose events this service must never send as its own.
    let other = left_behind(seed.nth(1 << 40), 0, 4096);
    let read = |path: PathBuf| other.disk.read(&path).map(|bytes| (path, bytes));
    let others: Vec<(PathBuf, Vec<u8>)> = segments(&other).into_iter().filter_map(read).collect();
    let edit_one = |number| {
        let mut service = left_behind(seed, number, 2048);
        let confirmed = service.confirmed();
        let (what, may_be_gone) = edit(&mut service, &others);
        let found = service.settle();
        service.held(&but_for_what_is_missing(&service, &found));
        let (missing, _) = missing(&confirmed, &found);
        // A segment holds at most so many of the smallest events.
        let most = may_be_gone.len() * 2048 / 100;
        assert!(
            missing.len() <= most,
            "{}: {what}: {} of {} are gone",
            service.seed,
            missing.len(),
            confirmed.len()
        );
        BTreeSet::from([what])
    };
    let kinds = abreast(edits, edit_one, |kinds: &mut BTreeSet<&str>, mut one| kinds.append(&mut one));
    let done = format!("{edits} edits of {} kinds", kinds.len());
    println!("{}", ledger_line("FM-10", done, seed));
}
