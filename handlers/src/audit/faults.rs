//! The disk fills, breaks and takes half of what it is given; the log stays exact.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use veribus_core::{EventHandler, EventId, HandlerError, InstanceId, Timestamp, VerificationEvent, event};

use super::storage::{Disk, Place, SegmentFile, Storage};
use super::{AuditLogger, SyncPolicy, verify};

/// What the disk does next; shared by all files on it.
#[derive(Debug, Default)]
struct Faults {
    /// Bytes that still fit.
    room: Mutex<Option<u64>>,
    /// At most so many bytes a write.
    bite: AtomicU64,
    /// So many syncs fail.
    bad_syncs: AtomicU64,
    /// So many cuts fail.
    bad_cuts: AtomicU64,
    /// So many heads cannot be written.
    bad_heads: AtomicU64,
}

fn spend(counter: &AtomicU64) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

#[derive(Debug)]
struct BrokenDisk(Arc<Faults>);

#[derive(Debug)]
struct BrokenFile {
    file: Box<dyn SegmentFile>,
    faults: Arc<Faults>,
    failed_sync: bool,
}

impl SegmentFile for BrokenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.failed_sync, "nothing is written to a file whose sync failed");
        let mut length = bytes.len() as u64;
        match self.faults.bite.load(Ordering::SeqCst) {
            0 => {}
            bite => length = length.min(bite),
        }
        let mut room = self.faults.room.lock().expect("unpoisoned");
        if let Some(room) = room.as_mut() {
            if *room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            length = length.min(*room);
            *room -= length;
        }
        self.file.append(&bytes[..length as usize])
    }

    fn sync(&mut self) -> io::Result<()> {
        assert!(!self.failed_sync, "a file whose sync failed is never synced again");
        if spend(&self.faults.bad_syncs) {
            self.failed_sync = true;
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        if spend(&self.faults.bad_cuts) {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        let before = self.file.place()?.bytes;
        if let Some(room) = self.faults.room.lock().expect("unpoisoned").as_mut() {
            *room += before - bytes;
        }
        self.file.cut(bytes)
    }

    fn place(&self) -> io::Result<Place> {
        self.file.place()
    }
}

impl Storage for BrokenDisk {
    fn open(&self, path: &Path, new: bool) -> io::Result<Box<dyn SegmentFile>> {
        let file = Disk.open(path, new)?;
        Ok(Box::new(BrokenFile { file, faults: Arc::clone(&self.0), failed_sync: false }))
    }

    fn replace(&self, path: &Path, through: &Path, bytes: &[u8], _sync: bool) -> io::Result<()> {
        if spend(&self.0.bad_heads) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Disk.replace(path, through, bytes, false)
    }

    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
}

fn logins(from: u64, count: u64) -> Vec<Arc<VerificationEvent>> {
    let login =
        |n| event::authentication("login").failure().actor("alice").into_event(id(n), Timestamp::default());
    (from..from + count).map(|n| Arc::new(login(n).expect("valid"))).collect()
}

fn id(n: u64) -> EventId {
    EventId::new(InstanceId(7), 1, n)
}

struct Rig {
    folder: tempfile::TempDir,
    faults: Arc<Faults>,
    logger: AuditLogger,
}

impl Rig {
    fn new(segment_bytes: u64) -> Rig {
        let folder = tempfile::tempdir().expect("a folder");
        let faults = Arc::new(Faults::default());
        let builder = AuditLogger::builder(folder.path().join("audit.log"));
        let mut builder = builder.sync(SyncPolicy::EveryBatch).rotate_at_bytes(segment_bytes);
        builder.storage = Arc::new(BrokenDisk(Arc::clone(&faults)));
        let logger = builder.open().expect("opens");
        Rig { folder, faults, logger }
    }

    /// Closes the log and answers the sequence numbers in it, in order; it must verify.
    fn sequence(self) -> Vec<u64> {
        let Rig { folder, logger, .. } = self;
        drop(logger);
        let path = folder.path().join("audit.log");
        let report = verify(&path).expect("readable");
        assert!(report.is_spotless(), "{report:?}");
        let text: String =
            report.segments.iter().map(|path| std::fs::read_to_string(path).expect("UTF-8")).collect();
        let ids = text.lines().filter_map(|line| line.split_once("\"ev\":{\"id\":\""));
        ids.map(|(_, rest)| rest[..32].parse::<EventId>().expect("an id").seq()).collect()
    }
}

fn done(result: Result<(), HandlerError>) -> usize {
    match result {
        Err(HandlerError::Retry { done, .. }) => done,
        other => panic!("expected a retry, got {other:?}"),
    }
}

#[test]
fn a_full_disk_leaves_no_half_line_and_resumes_by_itself() {
    let mut rig = Rig::new(u64::MAX);
    rig.logger.handle(&logins(1, 5)).expect("taken");
    *rig.faults.room.lock().expect("unpoisoned") = Some(700);
    let batch = logins(6, 10);
    for _ in 0..3 {
        assert_eq!(done(rig.logger.handle(&batch)), 0);
        assert_eq!(rig.faults.room.lock().expect("unpoisoned").expect("limited"), 700);
    }
    assert_eq!(rig.logger.status().lines, 6);
    *rig.faults.room.lock().expect("unpoisoned") = None;
    rig.logger.handle(&batch).expect("taken");
    assert_eq!(rig.sequence(), (1..16).collect::<Vec<_>>());
}

#[test]
fn a_half_line_that_cannot_be_cut_at_once_is_cut_before_the_next() {
    let mut rig = Rig::new(u64::MAX);
    rig.faults.bad_cuts.store(2, Ordering::SeqCst);
    *rig.faults.room.lock().expect("unpoisoned") = Some(100);
    let batch = logins(1, 3);
    assert_eq!(done(rig.logger.handle(&batch)), 0);
    *rig.faults.room.lock().expect("unpoisoned") = None;
    assert_eq!(done(rig.logger.handle(&batch)), 0, "the cut fails once more");
    rig.logger.handle(&batch).expect("taken");
    assert_eq!(rig.sequence(), [1, 2, 3]);
}

#[test]
fn writes_of_one_byte_at_a_time_make_the_same_log() {
    let mut rig = Rig::new(2048);
    rig.faults.bite.store(1, Ordering::SeqCst);
    for batch in logins(1, 20).chunks(4) {
        rig.logger.handle(batch).expect("taken");
    }
    assert_eq!(rig.sequence(), (1..21).collect::<Vec<_>>());
}

#[test]
fn after_a_failed_sync_a_new_segment_says_which_lines_are_in_doubt() {
    let mut rig = Rig::new(u64::MAX);
    rig.logger.handle(&logins(1, 2)).expect("taken");
    rig.faults.bad_syncs.store(1, Ordering::SeqCst);
    assert_eq!(done(rig.logger.handle(&logins(3, 2))), 2, "written, but not known to be on the disk");
    rig.logger.handle(&logins(5, 2)).expect("taken");
    let status = rig.logger.status();
    assert_eq!((status.incidents, status.rotations), (1, 1));
    let text = std::fs::read_to_string(rig.logger.path()).expect("UTF-8");
    assert!(
        text.lines().next().expect("a line").contains("\"cause\":\"sync_failed\",\"unsynced_from\":3"),
        "{text}"
    );
    assert_eq!(rig.sequence(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_head_that_cannot_be_written_is_written_later() {
    let mut rig = Rig::new(u64::MAX);
    rig.faults.bad_heads.store(2, Ordering::SeqCst);
    assert_eq!(done(rig.logger.handle(&logins(1, 2))), 2);
    assert!(rig.logger.flush().is_err());
    rig.logger.flush().expect("written");
    assert_eq!(rig.logger.status().synced_lines, 3);
    assert_eq!(rig.sequence(), [1, 2]);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Batch(u64),
    Flush,
    Room(Option<u64>),
    Bite(u64),
    BadSync,
    BadCut,
    BadHead,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..9).prop_map(Step::Batch),
        1 => Just(Step::Flush),
        1 => proptest::option::of(0_u64..3000).prop_map(Step::Room),
        1 => (0_u64..200).prop_map(Step::Bite),
        1 => Just(Step::BadSync),
        1 => Just(Step::BadCut),
        1 => Just(Step::BadHead),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// A handler's word is exact: what it says it took is in the log once, in order, whatever the disk did.
    #[test]
    fn no_event_is_lost_or_doubled_by_a_bad_disk(steps in proptest::collection::vec(any_step(), 1..60)) {
        let mut rig = Rig::new(2048);
        let mut taken = 0;
        for step in steps {
            match step {
                Step::Batch(events) => {
                    let batch = logins(taken + 1, events);
                    taken += match rig.logger.handle(&batch) {
                        Ok(()) => events,
                        Err(HandlerError::Retry { done, .. }) => done as u64,
                        Err(error) => panic!("{error}"),
                    };
                }
                Step::Flush => drop(rig.logger.flush()),
                Step::Room(room) => *rig.faults.room.lock().expect("unpoisoned") = room,
                Step::Bite(bytes) => rig.faults.bite.store(bytes, Ordering::SeqCst),
                Step::BadSync => rig.faults.bad_syncs.store(1, Ordering::SeqCst),
                Step::BadCut => rig.faults.bad_cuts.store(1, Ordering::SeqCst),
                Step::BadHead => rig.faults.bad_heads.store(1, Ordering::SeqCst),
            }
        }
        // The disk is well again; what was left half done is mended by the next flushes.
        *rig.faults.room.lock().expect("unpoisoned") = None;
        for _ in 0..4 {
            drop(rig.logger.flush());
        }
        rig.logger.flush().expect("a well disk");
        prop_assert_eq!(rig.sequence(), (1..=taken).collect::<Vec<_>>());
    }
}
