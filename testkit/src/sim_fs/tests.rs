//! What the simulated disk keeps, what it may lose, and that it loses all of that some time.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use veribus_core::fs::{Fs, Locking, OpenHow};

use super::*;

const LOG: &str = "/spool/log";

fn log() -> &'static Path {
    Path::new(LOG)
}

/// A disk with a directory that survives, and a process.
fn disk(seed: u64) -> (SimDisk, SimFs) {
    let disk = SimDisk::new(Seed(seed));
    let fs = disk.process();
    fs.create_dir(Path::new("/spool")).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    (disk, fs)
}

/// Everything that a power loss leaves of `act` over many seeds: the log's content, or none.
fn outcomes(act: impl Fn(&SimDisk, &SimFs)) -> BTreeSet<Option<Vec<u8>>> {
    let outcome = |seed| {
        let (disk, fs) = disk(seed);
        act(&disk, &fs);
        disk.power_loss();
        disk.read(log())
    };
    (0..400).map(outcome).collect()
}

#[test]
fn what_was_synced_in_a_synced_directory_always_survives() {
    let left = outcomes(|_, fs| {
        let file = fs.open(log(), OpenHow::CreateNew).unwrap();
        file.append(b"ab").unwrap();
        file.sync_data().unwrap();
        fs.sync_dir(Path::new("/spool")).unwrap();
    });
    assert_eq!(left, BTreeSet::from([Some(b"ab".to_vec())]));
}

#[test]
fn a_new_name_may_vanish_until_its_directory_is_synced() {
    let left = outcomes(|_, fs| {
        let file = fs.open(log(), OpenHow::CreateNew).unwrap();
        file.append(b"ab").unwrap();
        file.sync_data().unwrap();
    });
    assert_eq!(left, BTreeSet::from([None, Some(b"ab".to_vec())]));
}

#[test]
fn of_unsynced_bytes_any_part_survives_with_zeroes_between() {
    let left = outcomes(|_, fs| {
        let file = fs.open(log(), OpenHow::CreateNew).unwrap();
        fs.sync_dir(Path::new("/spool")).unwrap();
        file.append(b"a").unwrap();
        file.append(b"b").unwrap();
    });
    let expected: [&[u8]; 7] = [b"", b"a", b"\0", b"ab", b"a\0", b"\0b", b"\0\0"];
    assert_eq!(left, expected.into_iter().map(|bytes| Some(bytes.to_vec())).collect());
}

#[test]
fn an_unsynced_rename_and_unlink_may_not_have_happened() {
    let make = |fs: &SimFs| {
        for (name, content) in [(LOG, b"old"), ("/spool/new", b"new")] {
            let file = fs.open(Path::new(name), OpenHow::CreateNew).unwrap();
            file.append(content).unwrap();
            file.sync_data().unwrap();
        }
        fs.sync_dir(Path::new("/spool")).unwrap();
    };
    let left = outcomes(|_, fs| {
        make(fs);
        fs.rename(Path::new("/spool/new"), log()).unwrap();
    });
    assert_eq!(left, BTreeSet::from([Some(b"old".to_vec()), Some(b"new".to_vec())]));
    let left = outcomes(|_, fs| {
        make(fs);
        fs.unlink(log()).unwrap();
    });
    assert_eq!(left, BTreeSet::from([Some(b"old".to_vec()), None]));
    let left = outcomes(|_, fs| {
        make(fs);
        fs.unlink(log()).unwrap();
        fs.sync_dir(Path::new("/spool")).unwrap();
    });
    assert_eq!(left, BTreeSet::from([None]));
}

#[test]
fn a_failed_sync_loses_bytes_that_a_later_sync_does_not_bring_back() {
    let left = outcomes(|disk, fs| {
        let file = fs.open(log(), OpenHow::CreateNew).unwrap();
        fs.sync_dir(Path::new("/spool")).unwrap();
        file.append(b"a").unwrap();
        disk.faults(|faults| faults.failing_syncs = 1);
        assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
        file.append(b"b").unwrap();
        file.sync_data().unwrap();
        assert_eq!(disk.read(log()).unwrap(), b"ab", "the page cache shows it");
    });
    assert_eq!(left, BTreeSet::from([Some(b"ab".to_vec()), Some(b"\0b".to_vec())]));
}

#[test]
fn a_killed_process_leaves_what_it_wrote_and_frees_its_lock() {
    let (disk, fs) = disk(1);
    let file = fs.open(log(), OpenHow::CreateNew).unwrap();
    file.append(b"ab").unwrap();
    let Locking::Taken(lock) = fs.lock(Path::new("/spool/lock")).unwrap() else { panic!("nobody holds it") };
    let other = disk.process();
    assert!(matches!(other.lock(Path::new("/spool/lock")).unwrap(), Locking::Held(Some(_))));
    fs.kill();
    assert!(file.append(b"c").is_err());
    assert!(fs.list(Path::new("/spool")).is_err());
    let taken = other.lock(Path::new("/spool/lock")).unwrap();
    drop(lock);
    assert!(matches!(disk.process().lock(Path::new("/spool/lock")).unwrap(), Locking::Held(_)));
    drop(taken);
    assert_eq!(disk.read(log()).unwrap(), b"ab");
}

#[test]
fn a_planned_death_comes_in_the_middle_of_the_chosen_operation() {
    let mut lengths = BTreeSet::new();
    for seed in 0..200 {
        let (disk, fs) = disk(seed);
        let file = fs.open(log(), OpenHow::CreateNew).unwrap();
        disk.die_after(2, Death::Kill);
        file.append(b"abc").unwrap();
        assert!(file.append(b"defg").is_err());
        assert!(!fs.is_alive());
        lengths.insert(disk.read(log()).unwrap().len());
    }
    assert_eq!(lengths, BTreeSet::from([3, 4, 5, 6]), "nothing or a part of it was written");
}

#[test]
fn a_full_disk_takes_what_fits_and_has_room_again_after_an_unlink() {
    let (disk, fs) = disk(1);
    disk.faults(|faults| faults.room = Some(10));
    let file = fs.open(log(), OpenHow::CreateNew).unwrap();
    assert_eq!(file.append(&[1; 8]).unwrap(), 8);
    assert_eq!(file.append(&[2; 8]).unwrap(), 2);
    assert_eq!(file.append(&[3; 8]).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.allocate(11).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(fs.space(Path::new("/spool")).unwrap().available, 0);
    fs.unlink(log()).unwrap();
    let file = fs.open(log(), OpenHow::CreateNew).unwrap();
    file.allocate(10).unwrap();
    assert_eq!(disk.used(), 10);
}

#[test]
fn short_writes_interrupts_and_errors_come_as_often_as_asked() {
    let (disk, fs) = disk(1);
    let file = fs.open(log(), OpenHow::CreateNew).unwrap();
    disk.faults(|faults| {
        faults.short_writes = 500;
        faults.interrupts = 200;
        faults.errors = vec![(Operation::Rename, 1000, 30)];
    });
    let (mut short, mut interrupted) = (0, 0);
    for _ in 0..1000 {
        match file.append(&[0; 10]) {
            Ok(length) => short += u32::from(length < 10),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Interrupted);
                interrupted += 1;
            }
        }
    }
    assert!((300..500).contains(&short) && (120..280).contains(&interrupted), "{short} {interrupted}");
    disk.faults(|faults| faults.interrupts = 0);
    let renamed = fs.rename(log(), Path::new("/spool/other"));
    assert_eq!(renamed.unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
}

#[test]
fn the_same_seed_makes_the_same_disk() {
    let run = |seed| {
        let (disk, fs) = disk(seed);
        let file = fs.open(log(), OpenHow::CreateNew).unwrap();
        fs.sync_dir(Path::new("/spool")).unwrap();
        for n in 0..50_u8 {
            file.append(&[n; 100]).unwrap();
        }
        disk.power_loss();
        disk.read(log())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
