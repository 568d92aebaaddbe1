//! How much memory does a publishing thread take, and an event that waits?

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use veribus::{Interest, VerificationEventBus};

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::Case as _;
use crate::case::veribus::{Counter, Publish, Publisher, settle};
use crate::machine::resident_bytes;
use crate::measure::{BURST, Plan};
use crate::sample::Sample;
use crate::turn::{Figure, Turn};

const COLUMNS: &[Column] = &[
    column(Figure::BytesGrown, "process grew by, bytes each", 0),
    column(Figure::BytesTold, "the bus says, bytes each", 0),
    column(Figure::MibGrown, "process grew by, MiB in all", 1),
    column(Figure::MibTold, "the bus says, MiB in all", 1),
];

const MIB: f64 = (1 << 20) as f64;

/// Stack of a thread that only publishes; the rest of the default is never touched.
const STACK_BYTES: usize = 256 * 1024;

pub(super) const SECTION: Section = Section {
    name: "memory",
    title: "Memory",
    method: "1,000 threads (fewer in a test) are alive before and after, so that their stacks do not count; between the \
        two they publish. Growth is of the process's resident memory, in which what the allocator keeps is counted too. \
        An event that waits is one in the full queue of a handler that blocks.",
    tables: &[Table { title: "Each thread, each waiting event", columns: COLUMNS }],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry {
        name: "threads_once",
        title: "veribus: a thread that published 1 event",
        role: Role::Subject,
        run: |plan| threads(1, plan),
    },
    Entry {
        name: "threads_burst",
        title: "veribus: a thread that published bursts, 1,024 events in all",
        role: Role::Subject,
        run: |plan| threads(4 * BURST, plan),
    },
    Entry {
        name: "threads_alone",
        title: "nothing: a thread that does not publish",
        role: Role::Floor,
        run: |plan| threads(0, plan),
    },
    Entry {
        name: "queued",
        title: "veribus: an event in the queue of a blocked handler",
        role: Role::Subject,
        run: queued,
    },
];

/// Lets threads publish `events` each, and weighs the process around it.
fn threads(events: usize, plan: &Plan) -> Result<Turn, String> {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Counter(Interest::all())));
    let meet = Arc::new(Barrier::new(plan.threads + 1));
    let mut alive = Vec::with_capacity(plan.threads);
    for _ in 0..plan.threads {
        let (publisher, meet) = (Publisher(bus.clone()), meet.clone());
        let publish = move || {
            let samples = Sample::all();
            touch();
            meet.wait(); // alive
            meet.wait(); // weighed
            for (at, sample) in samples.iter().cycle().take(events).enumerate() {
                if at % BURST == BURST - 1 {
                    thread::sleep(Duration::from_millis(5));
                }
                publisher.once(sample);
            }
            meet.wait(); // published
            meet.wait(); // weighed again
        };
        let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(publish);
        alive.push(thread.map_err(|error| format!("no more threads after {}: {error}", alive.len()))?);
    }
    meet.wait();
    let before = resident_bytes();
    meet.wait();
    meet.wait();
    let (after, told) = (resident_bytes(), bus.health().ring_bytes);
    meet.wait();
    alive.into_iter().for_each(|thread| drop(thread.join()));
    let ledger = settle(&bus, (plan.threads * events) as u64)?;
    let (Some(before), Some(after)) = (before, after) else {
        return Ok(Turn::skipped("this system does not tell a process's memory").with_ledger(ledger));
    };
    let (grown, threads) = (after.saturating_sub(before) as f64, plan.threads as f64);
    let turn = Turn::of([
        (Figure::BytesGrown, grown / threads),
        (Figure::BytesTold, told as f64 / threads),
        (Figure::MibTold, told as f64 / MIB),
        (Figure::MibGrown, grown / MIB),
    ]);
    Ok(turn.with_ledger(ledger))
}

/// Uses some of the stack that publishing will use, so that the first weighing has it.
#[inline(never)]
fn touch() {
    let mut stack = [0_u8; 16 * 1024];
    std::hint::black_box(&mut stack);
}

/// Fills the queue of a handler that blocks.
fn queued(_plan: &Plan) -> Result<Turn, String> {
    // The first one makes what a process has once; the second one is weighed.
    let warm = Publish::blocked()?;
    let before = resident_bytes();
    let full = Publish::blocked()?;
    let after = resident_bytes();
    let waiting = full.health().handlers.iter().map(|handler| handler.queued).sum::<u64>().max(1);
    let ledger = full.finish(0)?.and(warm.finish(0)?);
    let (Some(before), Some(after)) = (before, after) else {
        return Ok(Turn::skipped("this system does not tell a process's memory").with_ledger(ledger));
    };
    let grown = after.saturating_sub(before) as f64;
    let turn = Turn::of([(Figure::BytesGrown, grown / waiting as f64), (Figure::MibGrown, grown / MIB)]);
    Ok(turn.with_ledger(ledger))
}
