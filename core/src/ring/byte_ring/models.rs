//! What loom proves of this very code: every interleaving of a writer and a reader, of growth, of close, of register.
//!
//! The bytes are watched cell by cell (`segment::Shadow`), so a hand-over that some interleaving leaves unordered
//! fails, as does a segment that is lost. Run by `cargo xtask test`; by hand:
//! `RUSTFLAGS='--cfg loom' cargo test -p veribus-core --lib models`, in a target directory of its own.

use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::{sync::Arc, thread};

use super::super::barrier;
use super::{Budget, Reader, Writer, between};

/// Switches of threads that nothing asked for, in one run. More find nothing that five do not, and take minutes.
const PREEMPTIONS: usize = 5;

/// Walks every interleaving of a model within [`PREEMPTIONS`].
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(model);
}

/// Writes one number; whether there was room.
fn push(writer: &mut Writer, number: u32) -> bool {
    let Some(room) = writer.reserve(4, 0) else { return false };
    room.copy_from_slice(&number.to_ne_bytes());
    writer.commit();
    true
}

/// Reads what is there and gives the room back.
fn drain(reader: &mut Reader, into: &mut Vec<u32>) {
    reader.refresh();
    while let Some(payload) = reader.peek() {
        into.push(u32::from_ne_bytes([payload[0], payload[1], payload[2], payload[3]]));
        reader.advance();
    }
    reader.release();
}

#[test]
fn every_record_is_read_once_or_counted_as_refused() {
    check(|| {
        let (mut writer, mut reader) = between(32, 32, &Budget::default());
        let sender = thread::spawn(move || (0..6).filter(|n| !push(&mut writer, *n)).collect::<Vec<u32>>());
        let mut read = Vec::new();
        drain(&mut reader, &mut read);
        drain(&mut reader, &mut read);
        let refused = sender.join().expect("the sender ends");
        drain(&mut reader, &mut read);
        assert!(read.is_sorted(), "in order");
        let mut all = [read, refused].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5], "each once, read or refused");
    });
}

#[test]
fn a_ring_grows_and_shrinks_while_it_is_drained() {
    check(|| {
        let (mut writer, mut reader) = between(32, 64, &Budget::default());
        let memory = writer.memory();
        let sender = thread::spawn(move || {
            let written = (0..6).filter(|n| push(&mut writer, *n)).collect::<Vec<u32>>();
            writer.shrink();
            assert!(push(&mut writer, 6), "there is always room in a new segment");
            written
        });
        let mut read = Vec::new();
        drain(&mut reader, &mut read);
        drain(&mut reader, &mut read);
        assert_eq!(sender.join().expect("the sender ends"), [0, 1, 2, 3, 4, 5], "64 bytes hold them all");
        drain(&mut reader, &mut read);
        assert_eq!(read, [0, 1, 2, 3, 4, 5, 6]);
        assert!(
            [40, 80].contains(&memory.bytes()),
            "one segment is left, whether or not it had to grow again"
        );
    });
}

#[test]
fn a_reader_that_goes_early_leaves_a_writer_with_sound_memory() {
    check(|| {
        let (mut writer, mut reader) = between(32, 64, &Budget::default());
        let sender = thread::spawn(move || (0..6).filter(|n| push(&mut writer, *n)).count());
        drain(&mut reader, &mut Vec::new());
        drop(reader);
        assert_eq!(sender.join().expect("the sender ends"), 6);
    });
}

/// The publisher's flags as `bus::lane` has them; the barrier and the ring are the product's own.
#[test]
fn what_a_publisher_was_told_is_in_is_read_before_close_ends() {
    check(|| {
        let (mut writer, mut reader) = between(32, 32, &Budget::default());
        let inside = Arc::new(AtomicBool::new(false));
        let closed = Arc::new(AtomicBool::new(false));
        let (mark, open) = (inside.clone(), closed.clone());
        let publisher = thread::spawn(move || {
            let publish = |n: &u32| {
                mark.store(true, Ordering::Relaxed);
                barrier::light();
                let accepted = !open.load(Ordering::Relaxed) && push(&mut writer, *n);
                mark.store(false, Ordering::Release);
                accepted
            };
            (0..2).filter(publish).count()
        });
        closed.store(true, Ordering::SeqCst);
        barrier::heavy();
        while inside.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let mut read = Vec::new();
        drain(&mut reader, &mut read);
        assert_eq!(publisher.join().expect("the publisher ends"), read.len(), "accepted means delivered");
    });
}

/// The dispatcher's loop in small: a command is obeyed after one more pass, and the ledger is read meanwhile.
#[test]
fn a_handler_gets_what_is_published_after_it_was_registered_and_the_ledger_never_contradicts() {
    check(|| {
        let (mut writer, mut reader) = between(32, 32, &Budget::default());
        let accepted = Arc::new(AtomicU64::new(0));
        let (asked, given) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let since = Arc::new(crate::bus::Since::default());

        let ledger = (accepted.clone(), given.clone(), since.clone());
        let dispatcher = {
            let (asked, given, since) = (asked.clone(), given.clone(), since.clone());
            thread::spawn(move || {
                let (mut dispatched, mut attached) = (0, false);
                while dispatched < 2 || !attached {
                    let register = asked.load(Ordering::Acquire);
                    let mut read = Vec::new();
                    drain(&mut reader, &mut read);
                    dispatched += read.len() as u64;
                    if attached {
                        given.fetch_add(read.len() as u64, Ordering::Release);
                    } else if register {
                        since.attach(dispatched);
                        attached = true;
                    }
                    thread::yield_now();
                }
            })
        };
        let mut publish = |n| {
            accepted.store(accepted.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            assert!(push(&mut writer, n));
        };
        publish(1);
        asked.store(true, Ordering::Release);
        while since.accepted_since(1).is_none() {
            thread::yield_now();
        }
        publish(2);
        let (accepted, given, since) = ledger;
        let seen = given.load(Ordering::Acquire);
        let whole = since.accepted_since(accepted.load(Ordering::Acquire));
        assert_eq!(whole, Some(1), "one event is this handler's, whatever was published before");
        assert!(seen <= 1);
        dispatcher.join().expect("the dispatcher ends");
        assert_eq!(given.load(Ordering::Acquire), 1, "and it got that one");
    });
}
