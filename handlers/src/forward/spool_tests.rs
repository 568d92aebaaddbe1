//! What a spool keeps through crashes, damage, full disks and failing ones.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use veribus_core::fs::{DirEntry, Fs, FsFile, Locking, OpenHow, Space};
use veribus_core::{
    Account, EventId, InstanceId, LaneMark, LossReason, Rng, Source, SystemClock, SystemRng, Timestamp,
};

use super::adopt::adopt;
use super::disk::Disk;
use super::error::ForwardError;
use super::reader::{Reader, loss};
use super::settings::SpoolSettings;
use super::spool::{Encoded, Room, Spool, SpoolState};

const INSTANCE: InstanceId = InstanceId(42);

/// A disk that fails when told to.
#[derive(Debug, Default)]
struct Failing {
    syncs: Arc<AtomicU64>,
    sync_fails: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn FsFile>,
    syncs: Arc<AtomicU64>,
    sync_fails: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
    poisoned: AtomicBool,
}

impl FsFile for FailingFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.append(bytes)
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, into)
    }
    fn sync_data(&self) -> io::Result<()> {
        assert!(!self.poisoned.load(Ordering::SeqCst), "a file that failed to sync is never synced again");
        if self.sync_fails.swap(false, Ordering::SeqCst) {
            self.poisoned.store(true, Ordering::SeqCst);
            return Err(io::Error::other("input/output error"));
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.file.sync_data()
    }
    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.file.truncate(bytes)
    }
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
}

impl Fs for Failing {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.create_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        Disk.list(dir)
    }
    fn open(&self, path: &Path, how: OpenHow) -> io::Result<Box<dyn FsFile>> {
        let file = Disk.open(path, how)?;
        let (syncs, sync_fails, full) = (self.syncs.clone(), self.sync_fails.clone(), self.full.clone());
        Ok(Box::new(FailingFile { file, syncs, sync_fails, full, poisoned: AtomicBool::new(false) }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }
    fn unlink(&self, path: &Path) -> io::Result<()> {
        Disk.unlink(path)
    }
    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.remove_dir(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Locking> {
        Disk.lock(path)
    }
    fn space(&self, dir: &Path) -> io::Result<Space> {
        Disk.space(dir)
    }
}

fn small(root: &Path) -> SpoolSettings {
    SpoolSettings { reserve_bytes: 4096, segment_bytes: 1024, ..SpoolSettings::new(root) }
}

fn create(settings: SpoolSettings, fs: Arc<dyn Fs>) -> Result<Spool, ForwardError> {
    Spool::create(settings, Source::new("orders"), fs, Arc::new(SystemClock), &SystemRng)
}

fn spool(root: &Path) -> Spool {
    create(small(root), Arc::new(Disk)).expect("a spool")
}

fn events(numbers: std::ops::RangeInclusive<u64>) -> Encoded {
    let mut events = Encoded::default();
    for seq in numbers {
        events.ids.push(EventId::new(INSTANCE, 1, seq));
        events.durable.push(true);
        events.bytes.extend_from_slice(format!("event {seq:06}").as_bytes());
        events.ends.push(events.bytes.len());
    }
    events
}

/// Everything from the cursor on: sequences, and sequences lost with their reasons. Frees it if told to.
fn drain(spool: &Spool, accounts: bool, free: bool) -> (Vec<u64>, Vec<(u64, LossReason)>) {
    let (mut seen, mut lost) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(spool, accounts);
    while let Some(chunk) = reader.next(spool, 7, 1 << 20).expect("readable") {
        assert_eq!(chunk.instance, INSTANCE);
        assert_eq!(chunk.source.service, "orders");
        seen.extend(chunk.ids.iter().map(|id| id.seq()));
        lost.extend(chunk.losses.iter().map(|loss| (loss.first_seq, loss.reason)));
        if free {
            spool.release(chunk.end, chunk.covered);
        }
    }
    (seen, lost)
}

/// The process is gone: its lock is free, its files are as they were.
fn dies(spool: Spool) {
    drop(spool);
}

fn orphan(of: &Spool) -> Spool {
    let mut orphans = adopt(of, &BTreeSet::new());
    assert!(orphans.set_aside.is_empty(), "{:?}", orphans.set_aside);
    assert_eq!(orphans.spools.len(), 1);
    orphans.spools.remove(0)
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn what_was_appended_is_read_in_order_and_freed_by_receipts_alone() {
    let root = tempfile::tempdir().expect("a folder");
    let spool = spool(root.path());
    for begin in (1..=100).step_by(10) {
        spool.append(&events(begin..=begin + 9)).expect("appends");
    }
    spool.sync().expect("syncs");
    let files = segments(&spool.dir).len();
    assert!(files > 3, "{files} segments");
    assert_eq!(drain(&spool, false, false).0, (1..=100).collect::<Vec<_>>());
    assert_eq!((segments(&spool.dir).len(), spool.health().pending), (files, 100));
    assert_eq!(drain(&spool, false, true).0.len(), 100);
    assert_eq!((segments(&spool.dir).len(), spool.health().pending), (1, 0));
}

#[test]
fn a_dead_process_spool_is_sent_under_its_own_identity_and_removed() {
    let root = tempfile::tempdir().expect("a folder");
    let old = spool(root.path());
    old.append(&events(1..=50)).expect("appends");
    let account = Account {
        instance: INSTANCE,
        losses: vec![loss(1 << 48 | 60, LossReason::QueueFull, Timestamp::from_seconds(1))],
        lanes: vec![LaneMark { lane: 1, next_seq: 61 }],
    };
    old.append_account(&account, Room::Plenty).expect("appends");
    let dir = old.dir.clone();
    dies(old);
    let new = spool(root.path());
    let orphan = orphan(&new);
    assert_eq!(orphan.dir, dir);
    let (seen, lost) = drain(&orphan, true, true);
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
    assert_eq!(lost, [(60, LossReason::QueueFull)]);
    orphan.remove();
    assert!(!dir.exists());
}

#[test]
fn a_living_process_keeps_its_spool() {
    let root = tempfile::tempdir().expect("a folder");
    let (first, second) = (spool(root.path()), spool(root.path()));
    assert!(adopt(&second, &BTreeSet::new()).spools.is_empty());
    let Locking::Held(pid) = Disk.lock(&first.dir.join("lock")).expect("readable") else {
        panic!("the lock is taken");
    };
    assert_eq!(pid, Some(std::process::id()));
}

#[test]
fn what_was_receipted_before_a_crash_is_not_needed_again() {
    let root = tempfile::tempdir().expect("a folder");
    let old = spool(root.path());
    old.append(&events(1..=100)).expect("appends");
    let mut reader = Reader::new(&old, false);
    let chunk = reader.next(&old, 60, 1 << 20).expect("readable").expect("a chunk");
    old.release(chunk.end, chunk.covered);
    old.save_cursor();
    let rest: Vec<u64> = (chunk.ids.len() as u64 + 1..=100).collect();
    dies(old);
    let new = spool(root.path());
    assert_eq!(drain(&orphan(&new), true, true).0, rest);
}

#[test]
fn every_place_a_crash_can_tear_the_last_segment_leaves_the_records_before() {
    let root = tempfile::tempdir().expect("a folder");
    let old = spool(root.path());
    old.append(&events(1..=5)).expect("appends");
    let dir = old.dir.clone();
    dies(old);
    let path = segments(&dir).pop().expect("a segment");
    let whole = std::fs::read(&path).expect("readable");
    let record = super::record::OVERHEAD + "event 000001".len();
    for cut in (0..=whole.len()).rev() {
        std::fs::write(&path, &whole[..cut]).expect("writes");
        let new = spool(root.path());
        let (seen, _) = drain(&orphan(&new), true, false);
        let records = whole.len() - 5 * record;
        let left = if cut < records { 0 } else { (cut - records) / record };
        assert_eq!(seen, (1..=left as u64).collect::<Vec<_>>(), "cut at {cut}");
        new.remove();
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_at_most_one_event_and_names_it() {
    let root = tempfile::tempdir().expect("a folder");
    let old = spool(root.path());
    old.append(&events(1..=5)).expect("appends");
    let dir = old.dir.clone();
    dies(old);
    let path = segments(&dir).pop().expect("a segment");
    let whole = std::fs::read(&path).expect("readable");
    let last = whole.len() - super::record::OVERHEAD - "event 000001".len();
    let new = spool(root.path());
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bytes).expect("writes");
        let (mut seen, lost) = drain(&orphan(&new), true, false);
        seen.extend(lost.iter().map(|(seq, _)| *seq));
        seen.sort_unstable();
        // The header of the last record is all that nothing behind it names.
        let expected = if at >= last && seen.len() == 4 { 4 } else { 5 };
        assert_eq!(seen, (1..=expected).collect::<Vec<_>>(), "byte {at}");
        assert!(lost.len() <= 1 && lost.iter().all(|(_, reason)| *reason == LossReason::SpoolCorrupt));
    }
}

#[test]
fn a_newer_format_is_set_aside_and_named() {
    let root = tempfile::tempdir().expect("a folder");
    let old = spool(root.path());
    old.append(&events(1..=5)).expect("appends");
    let dir = old.dir.clone();
    dies(old);
    let path = segments(&dir).pop().expect("a segment");
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&path, &bytes).expect("writes");
    let new = spool(root.path());
    let orphans = adopt(&new, &BTreeSet::new());
    assert!(orphans.spools.is_empty());
    assert!(orphans.set_aside[0].contains("format 2"), "{:?}", orphans.set_aside);
    assert_eq!(std::fs::read(&path).expect("untouched"), bytes);
}

#[test]
fn a_file_of_another_spool_is_never_sent() {
    let root = tempfile::tempdir().expect("a folder");
    let (one, two) = (spool(root.path()), spool(root.path()));
    one.append(&events(1..=5)).expect("appends");
    two.append(&events(11..=15)).expect("appends");
    let (from, to) = (segments(&one.dir).remove(0), segments(&two.dir).remove(0));
    let dir = two.dir.clone();
    dies(two);
    std::fs::copy(from, &to).expect("copies");
    let new = spool(root.path());
    let orphan = orphan(&new);
    assert_eq!(orphan.dir, dir);
    assert_eq!(drain(&orphan, true, true), (vec![], vec![]));
}

#[test]
fn a_failed_sync_gives_the_segment_up_and_loses_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let disk = Failing::default();
    let fails = disk.sync_fails.clone();
    let old = create(SpoolSettings { segment_bytes: 1 << 20, ..small(root.path()) }, Arc::new(disk))
        .expect("a spool");
    old.append(&events(1..=5)).expect("appends");
    old.sync().expect("syncs");
    old.append(&events(6..=9)).expect("appends");
    fails.store(true, Ordering::SeqCst);
    old.sync().expect("written again into a new segment");
    assert_eq!(segments(&old.dir).len(), 2);
    assert_eq!(drain(&old, false, false).0, (1..=9).collect::<Vec<_>>());
    old.append(&events(10..=12)).expect("appends");
    old.sync().expect("syncs");
    // Of what was given up some may have reached the disk: 6 has not, 7 to 9 have, and must not overtake it.
    let (dir, given_up) = (old.dir.clone(), segments(&old.dir).remove(0));
    let mut bytes = std::fs::read(&given_up).expect("readable");
    let at = bytes.windows(12).position(|text| text == b"event 000006").expect("it was written");
    bytes[at - 20..at].fill(0);
    std::fs::write(&given_up, bytes).expect("writes");
    dies(old);
    let orphan = orphan(&spool(root.path()));
    assert_eq!(drain(&orphan, false, true), ((1..=12).collect(), vec![]));
    assert_eq!(orphan.dir, dir);
}

#[test]
fn where_nothing_can_be_written_again_the_sync_fails_until_it_can() {
    let root = tempfile::tempdir().expect("a folder");
    let disk = Failing::default();
    let (fails, full) = (disk.sync_fails.clone(), disk.full.clone());
    let spool = create(small(root.path()), Arc::new(disk)).expect("a spool");
    spool.append(&events(1..=3)).expect("appends");
    fails.store(true, Ordering::SeqCst);
    full.store(true, Ordering::SeqCst);
    assert!(spool.sync().is_err());
    assert_eq!(spool.health().state, SpoolState::Full);
    assert!(spool.sync().is_err(), "a second call is no success either");
    full.store(false, Ordering::SeqCst);
    spool.sync().expect("there is room again");
    assert_eq!(drain(&spool, false, false).0, [1, 2, 3]);
}

#[test]
fn a_full_disk_is_capacity_and_passes() {
    let root = tempfile::tempdir().expect("a folder");
    let disk = Failing::default();
    let full = disk.full.clone();
    let spool = create(small(root.path()), Arc::new(disk)).expect("a spool");
    spool.append(&events(1..=3)).expect("appends");
    full.store(true, Ordering::SeqCst);
    let refused = spool.append(&events(4..=6)).expect_err("no room");
    assert!(refused.is_capacity(), "{refused}");
    assert_eq!(spool.health().state, SpoolState::Full);
    full.store(false, Ordering::SeqCst);
    spool.append(&events(7..=8)).expect("there is room again");
    assert_eq!(spool.health().state, SpoolState::Normal);
    assert_eq!(drain(&spool, false, false).0, [1, 2, 3, 7, 8]);
}

#[test]
fn at_its_ceiling_a_spool_refuses_events_and_still_takes_the_explanation() {
    let root = tempfile::tempdir().expect("a folder");
    let settings = SpoolSettings { bytes_max: 12 << 10, ..small(root.path()) };
    let spool = create(settings, Arc::new(Disk)).expect("a spool");
    let mut taken = 0;
    let refused = loop {
        match spool.append(&events(taken + 1..=taken + 1)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, ForwardError::SpoolFull { .. }), "{refused}");
    assert!(spool.health().bytes <= 12 << 10);
    let lost = loss(1 << 48 | (taken + 1), LossReason::SpoolFull, Timestamp::from_seconds(1));
    let account = Account { instance: INSTANCE, losses: vec![lost], lanes: vec![] };
    let no_room = spool.append_account(&account, Room::Plenty);
    assert!(matches!(no_room, Err(ForwardError::SpoolFull { .. })), "{no_room:?}");
    spool.append_account(&account, Room::Reserve).expect("the reserve takes it");
    let (seen, lost) = drain(&spool, true, true);
    assert_eq!((seen.len() as u64, lost), (taken, vec![(taken + 1, LossReason::SpoolFull)]));
    spool.append(&events(taken + 2..=taken + 2)).expect("there is room again");
    assert_eq!(spool.health().state, SpoolState::Normal);
}

#[test]
fn one_sync_serves_all_who_wait() {
    let root = tempfile::tempdir().expect("a folder");
    let disk = Failing::default();
    let syncs = disk.syncs.clone();
    let spool = create(SpoolSettings { segment_bytes: 8 << 20, ..small(root.path()) }, Arc::new(disk))
        .expect("a spool");
    std::thread::scope(|scope| {
        for lane in 0..16_u16 {
            let spool = &spool;
            scope.spawn(move || {
                for seq in 1..=50 {
                    let mut event = events(seq..=seq);
                    event.ids[0] = EventId::new(INSTANCE, lane, seq);
                    spool.append(&event).expect("appends");
                    spool.sync().expect("syncs");
                }
            });
        }
    });
    assert_eq!(drain(&spool, false, false).0.len(), 800);
    let syncs = syncs.load(Ordering::SeqCst);
    assert!(syncs < 800, "{syncs} syncs for 800 waits");
}

#[test]
fn files_are_their_owners_alone_and_no_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let root = tempfile::tempdir().expect("a folder");
    let spool = spool(root.path());
    spool.append(&events(1..=1)).expect("appends");
    let mode = |path: &Path| std::fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&spool.dir), 0o700);
    for entry in std::fs::read_dir(&spool.dir).expect("a directory") {
        assert_eq!(mode(&entry.expect("an entry").path()), 0o600);
    }
    let link = root.path().join("link");
    symlink(root.path(), &link).expect("a link");
    assert!(create(small(&link), Arc::new(Disk)).is_err());
    let open = root.path().join("open");
    std::fs::create_dir(&open).expect("a folder");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("changes");
    let refused = create(small(&open), Arc::new(Disk)).expect_err("others may write there");
    assert!(std::error::Error::source(&refused).expect("a cause").to_string().contains("chmod"));
}

#[test]
fn a_ceiling_beyond_the_disk_is_refused_with_the_numbers() {
    let root = tempfile::tempdir().expect("a folder");
    let settings = SpoolSettings { bytes_max: u64::MAX, ..small(root.path()) };
    let refused = create(settings, Arc::new(Disk)).expect_err("too much");
    assert!(refused.to_string().contains(&u64::MAX.to_string()), "{refused}");
}

#[test]
fn a_directory_that_is_taken_is_not_used_twice() {
    #[derive(Debug)]
    struct Same(AtomicU64);
    impl Rng for Same {
        fn bits(&self) -> u64 {
            self.0.fetch_add(1, Ordering::SeqCst) / 2
        }
    }
    let root = tempfile::tempdir().expect("a folder");
    let make = |rng: &Same| {
        let (fs, clock) = (Arc::new(Disk), Arc::new(SystemClock));
        Spool::create(small(root.path()), Source::new("orders"), fs, clock, rng).expect("a spool")
    };
    let (one, two) = (make(&Same(AtomicU64::new(0))), make(&Same(AtomicU64::new(0))));
    assert_eq!((one.id, two.id), (0, 1));
}

#[test]
fn a_check_counts_what_waits_and_what_is_damaged_and_changes_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let old = spool(root.path());
    old.append(&events(1..=5)).expect("appends");
    let dir = old.dir.clone();
    dies(old);
    let check = || super::check(&Disk, root.path()).expect("a directory").remove(0);
    let sound = check();
    assert_eq!((sound.segments, sound.pending, sound.tail_bytes, sound.damaged_bytes), (1, 5, 0, 0));
    assert!(sound.is_sound() && sound.path == dir);
    let path = segments(&dir).pop().expect("a segment");
    let mut bytes = std::fs::read(&path).expect("readable");
    let record = super::record::OVERHEAD + "event 000001".len();
    let third = bytes.len() - 3 * record;
    bytes[third] ^= 1;
    bytes.extend_from_slice(b"torn");
    std::fs::write(&path, &bytes).expect("writes");
    let damaged = check();
    assert_eq!((damaged.pending, damaged.tail_bytes, damaged.damaged_bytes), (4, 4, record as u64));
    assert!(!damaged.is_sound());
    assert_eq!(std::fs::read(&path).expect("readable"), bytes);
}
