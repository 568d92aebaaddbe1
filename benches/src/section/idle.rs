//! What does a bus cost that has nothing to do?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::Case as _;
use crate::case::veribus::Publish;
use crate::machine;
use crate::measure::Plan;
use crate::sample::Sample;
use crate::turn::{Figure, Turn};

const COLUMNS: &[Column] = &[column(Figure::CpuPercent, "% of a core", 3)];

/// How long everything may come to rest before it is watched.
const SETTLE: Duration = Duration::from_millis(50);

pub(super) const SECTION: Section = Section {
    name: "idle",
    title: "An idle bus",
    method: "Processor time of the whole process by the system's own clock for it, while nothing is published. The \
        system counts small slices coarsely; compare the rows.",
    tables: &[Table { title: "Processor time, % of one core", columns: COLUMNS }],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry { name: "veribus", title: "veribus: 4 handlers, nothing published", role: Role::Subject, run: bus },
    Entry { name: "waker", title: "a thread that wakes each 5 ms", role: Role::Floor, run: waker },
    Entry { name: "asleep", title: "a thread that sleeps", role: Role::Floor, run: watch },
];

fn bus(plan: &Plan) -> Result<Turn, String> {
    let mut case = Publish::to_handlers(4)?;
    // One event, so that every thread is running and this thread has its ring.
    case.once(&Sample::all()[0]);
    let turn = watch(plan)?;
    Ok(turn.with_ledger(case.finish(1)?))
}

fn waker(plan: &Plan) -> Result<Turn, String> {
    let stop = Arc::<AtomicBool>::default();
    let asked = stop.clone();
    let waker = thread::spawn(move || {
        while !asked.load(Ordering::Relaxed) {
            thread::park_timeout(Duration::from_millis(5));
        }
    });
    let turn = watch(plan);
    stop.store(true, Ordering::Relaxed);
    waker.join().map_err(|_| "the waker panicked")?;
    turn
}

/// Sleeps, and says what the process used meanwhile.
fn watch(plan: &Plan) -> Result<Turn, String> {
    thread::sleep(SETTLE);
    let (Some(before), began) = (machine::processor_time(), Instant::now()) else {
        return Ok(Turn::skipped("this system does not tell a process's processor time"));
    };
    thread::sleep(plan.idle);
    let used = machine::processor_time().unwrap_or(before).saturating_sub(before);
    let percent = 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64();
    Ok(Turn::of([(Figure::CpuPercent, percent)]))
}
