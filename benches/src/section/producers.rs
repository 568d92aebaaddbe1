//! What does it cost when two threads publish at once, and when nobody takes the events out in time? And does every
//! ledger still balance?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use quanta::Clock;
use veribus::{Interest, VerificationEventBus};

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::veribus::{Counter, Publisher, balance, settle};
use crate::case::{Case as _, disruptor, floor};
use crate::machine;
use crate::measure::{BURST, PAUSE, Plan, nanos};
use crate::sample::Sample;
use crate::statistics::{mean, percentile, sorted};
use crate::turn::{Figure, Ledger, Turn};

const BURSTS: &[Column] = &[
    column(Figure::Typical, "typical", 1),
    column(Figure::Mean, "mean", 1),
    column(Figure::P50, "p50", 0),
    column(Figure::P99, "p99", 0),
    column(Figure::P999, "p99.9", 0),
];

const FLAT: &[Column] = &[
    column(Figure::FlatP50, "p50", 0),
    column(Figure::FlatP999, "p99.9", 0),
    column(Figure::FlatRefused, "refused %", 1),
];

pub(super) const SECTION: Section = Section {
    name: "producers",
    title: "Two producers at once",
    method: "Producers on cores 0 and 1, the consumer where it fits: no core is left for it. Bursts begin together. \
        *Flat out* has no pauses: the far side is saturated and refuses what finds no room, which is a figure and no \
        error. The bus's ledger must balance exactly in snapshots under load and at the end, each handler's too, and \
        must count as accepted what the receipts said was accepted; else the run fails.",
    tables: &[
        Table { title: "Bursts of 256 at once, ns an event", columns: BURSTS },
        Table { title: "Flat out, ns an event", columns: FLAT },
    ],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry {
        name: "veribus1",
        title: "veribus: one producer",
        role: Role::Subject,
        run: |plan| veribus(1, plan),
    },
    Entry {
        name: "veribus2",
        title: "veribus: two producers",
        role: Role::Subject,
        run: |plan| veribus(2, plan),
    },
    Entry { name: "floor1", title: "floor: one producer", role: Role::Floor, run: |plan| floor(1, plan) },
    Entry { name: "floor2", title: "floor: two producers", role: Role::Floor, run: |plan| floor(2, plan) },
    Entry {
        name: "disruptor1",
        title: "disruptor, for many producers: one producer",
        role: Role::Peer,
        run: |plan| disruptor(1, plan),
    },
    Entry {
        name: "disruptor2",
        title: "disruptor, for many producers: two producers",
        role: Role::Peer,
        run: |plan| disruptor(2, plan),
    },
];

fn veribus(producers: usize, plan: &Plan) -> Result<Turn, String> {
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(Counter(Interest::all())));
    let publishers = (0..producers).map(|_| {
        let publisher = Publisher(bus.clone());
        move |sample: &Sample| publisher.once(sample)
    });
    // Between two stretches, while the far side still works: a snapshot that contradicts itself fails the run.
    let team = run(publishers.collect(), plan, || balance(&bus.health()))?;
    let ledger = settle(&bus, team.handed)?;
    let accepted = bus.health().accepted;
    if accepted != team.accepted {
        return Err(format!("receipts say {} events were accepted, the bus says {accepted}", team.accepted));
    }
    Ok(team.turn.with_ledger(ledger))
}

fn floor(producers: usize, plan: &Plan) -> Result<Turn, String> {
    let copies = (0..producers).map(|_| {
        let mut copy = floor::Copy::default();
        move |sample: &Sample| {
            copy.once(sample);
            true
        }
    });
    let team = run(copies.collect(), plan, || Ok(()))?;
    Ok(team.turn.with_ledger(Ledger::local(team.handed)))
}

fn disruptor(producers: usize, plan: &Plan) -> Result<Turn, String> {
    let (producer, taken) = disruptor::shared();
    let writers = (0..producers).map(|_| {
        let (mut producer, clock) = (producer.clone(), Clock::new());
        move |sample: &Sample| {
            disruptor::Producer::try_publish(&mut producer, |slot| slot.write(&clock, sample)).is_ok()
        }
    });
    let team = run(writers.collect(), plan, || Ok(()))?;
    drop(producer); // the last one: waits for the consumer
    let arrived = taken.load(Ordering::Relaxed);
    let ledger = Ledger { handed: team.handed, arrived, lost: team.handed - team.accepted };
    Ok(team.turn.with_ledger(ledger))
}

/// What a team of producers did together.
struct Team {
    turn: Turn,
    handed: u64,
    accepted: u64,
}

/// What one of them saw.
#[derive(Default)]
struct Seen {
    means: Vec<f64>,
    singles: Vec<f64>,
    flat: Vec<f64>,
    flat_refused: u64,
    handed: u64,
    accepted: u64,
    pinned: bool,
}

/// Lets all producers go at once: bursts whole, bursts event by event, then flat out. `check` is asked again and again
/// while they work.
fn run<P>(producers: Vec<P>, plan: &Plan, check: impl Fn() -> Result<(), String>) -> Result<Team, String>
where
    P: FnMut(&Sample) -> bool + Send,
{
    let (gate, count) = (Gate::default(), producers.len());
    let seen = thread::scope(|scope| {
        let work = |(core, producer)| {
            let gate = &gate;
            scope.spawn(move || produce(producer, core, plan, &|stretch| gate.pass(stretch, count)))
        };
        let threads: Vec<_> = producers.into_iter().enumerate().map(work).collect();
        let mut checked = Ok(());
        while checked.is_ok() && threads.iter().any(|thread| !thread.is_finished()) {
            checked = check();
            thread::sleep(PAUSE);
        }
        let seen: Vec<Seen> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
        checked.map(|()| seen)
    })?;
    if seen.len() < count {
        return Err("a producer panicked".to_owned());
    }
    Ok(together(&seen))
}

/// The values of all producers in one turn.
fn together(seen: &[Seen]) -> Team {
    let all = |values: fn(&Seen) -> &Vec<f64>| sorted(seen.iter().flat_map(values).copied().collect());
    let (means, singles, flat) = (all(|s| &s.means), all(|s| &s.singles), all(|s| &s.flat));
    let refused: u64 = seen.iter().map(|s| s.flat_refused).sum();
    let turn = Turn::of([
        (Figure::Typical, percentile(&means, 0.5)),
        (Figure::Mean, mean(&singles)),
        (Figure::P50, percentile(&singles, 0.5)),
        (Figure::P99, percentile(&singles, 0.99)),
        (Figure::P999, percentile(&singles, 0.999)),
        (Figure::FlatP50, percentile(&flat, 0.5)),
        (Figure::FlatP999, percentile(&flat, 0.999)),
        (Figure::FlatRefused, 100.0 * refused as f64 / flat.len().max(1) as f64),
    ]);
    Team {
        turn: Turn { pinned: seen.iter().all(|s| s.pinned), ..turn },
        handed: seen.iter().map(|s| s.handed).sum(),
        accepted: seen.iter().map(|s| s.accepted).sum(),
    }
}

/// One producer on its core; `meet` waits until all have come to the same stretch.
fn produce(mut publish: impl FnMut(&Sample) -> bool, core: usize, plan: &Plan, meet: &dyn Fn(usize)) -> Seen {
    let samples = Sample::all();
    let mut seen = Seen { pinned: machine::pin(core), ..Seen::default() };
    let mut stretch = 0;
    let mut begin = || {
        thread::sleep(PAUSE);
        stretch += 1;
        meet(stretch);
        Instant::now()
    };
    let warm_up = plan.bursts / 10 + 1;
    for burst in 0..warm_up + plan.bursts {
        let began = begin();
        let accepted = samples.iter().cycle().take(BURST).filter(|sample| publish(sample)).count();
        let took = began.elapsed();
        seen.accepted += accepted as u64;
        if burst >= warm_up {
            seen.means.push(nanos(took) / BURST as f64);
        }
    }
    for _ in 0..plan.bursts {
        let before = begin();
        seen.accepted += singles(&mut publish, &samples, BURST, before, &mut seen.singles);
    }
    let before = begin();
    let accepted = singles(&mut publish, &samples, plan.sustained, before, &mut seen.flat);
    seen.accepted += accepted;
    seen.flat_refused = plan.sustained as u64 - accepted;
    seen.handed = ((warm_up + 2 * plan.bursts) * BURST + plan.sustained) as u64;
    seen
}

/// Publishes `events` and times each of them; answers how many were accepted.
fn singles(
    publish: &mut impl FnMut(&Sample) -> bool,
    samples: &[Sample],
    events: usize,
    mut before: Instant,
    times: &mut Vec<f64>,
) -> u64 {
    times.reserve(events);
    let mut accepted = 0;
    for sample in samples.iter().cycle().take(events) {
        accepted += u64::from(publish(sample));
        let behind = Instant::now();
        times.push(nanos(behind - before));
        before = behind;
    }
    accepted
}

/// Lets threads begin a stretch together, to within a cache line's way from core to core: they spin.
#[derive(Default)]
struct Gate(AtomicUsize);

impl Gate {
    /// Waits until `count` threads have come to stretch number `stretch`, which counts from 1.
    fn pass(&self, stretch: usize, count: usize) {
        self.0.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0_u32;
        while self.0.load(Ordering::Acquire) < stretch * count {
            std::hint::spin_loop();
            spins += 1;
            if spins.is_multiple_of(10_000) {
                thread::yield_now(); // the other one may need this core to come here
            }
        }
    }
}
