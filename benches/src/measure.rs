//! How a hand-over is timed: bursts whole, bursts event by event, and one event each 20 µs.

use std::thread;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::machine;
use crate::sample::Sample;
use crate::statistics::{mean, percentile, sorted};
use crate::turn::{Figure, Turn};

/// Events in a burst.
pub const BURST: usize = 256;

/// The pause behind each burst, in which the far side catches up.
pub const PAUSE: Duration = Duration::from_millis(2);

/// The distance of paced events.
pub const PACE: Duration = Duration::from_micros(20);

/// The parts of all events at which a curve has a point.
pub const PARTS: [f64; 14] =
    [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995];

/// How much is measured in one turn of a case.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Bursts of each kind: timed whole, and timed event by event.
    pub bursts: usize,
    /// Paced events.
    pub paced: usize,
    /// Pairs of stretches with and without reporting.
    pub pairs: usize,
    /// How long an idle bus is watched.
    pub idle: Duration,
    /// Single events whose way to a handler is timed.
    pub arrivals: usize,
    /// Events that are written to a disk, and published without a pause.
    pub sustained: usize,
    /// Threads that publish at once where memory is measured.
    pub threads: usize,
}

impl Plan {
    /// What a published figure needs.
    pub const FULL: Plan = Plan {
        bursts: 200,
        paced: 20_000,
        pairs: 120,
        idle: Duration::from_secs(4),
        arrivals: 150,
        sustained: 200_000,
        threads: 1000,
    };

    /// Enough to see that everything works.
    pub const SHORT: Plan = Plan {
        bursts: 20,
        paced: 2_000,
        pairs: 20,
        idle: Duration::from_millis(500),
        arrivals: 20,
        sustained: 20_000,
        threads: 1000,
    };

    /// As little as shows that a case answers at all.
    pub const TINY: Plan = Plan {
        bursts: 3,
        paced: 50,
        pairs: 2,
        idle: Duration::from_millis(20),
        arrivals: 3,
        sustained: 2_000,
        threads: 20,
    };

    /// For what takes a hundred times as long.
    pub fn tenth(&self) -> Plan {
        Plan { bursts: (self.bursts / 10).max(1), paced: (self.paced / 10).max(1), ..*self }
    }
}

/// Measures `case`, which runs on this thread.
///
/// # Errors
/// In words, where the case cannot answer for every event.
pub fn measure<C: Case>(mut case: C, plan: &Plan, pinned: bool) -> Result<Turn, String> {
    let samples = Sample::all();
    let warm_up = plan.bursts / 10 + 1;
    whole_bursts(&mut case, &samples, warm_up);
    let means = whole_bursts(&mut case, &samples, plan.bursts);
    let singles = single_events(&mut case, &samples, plan.bursts);
    let paced = paced_events(&mut case, &samples, plan.paced);
    let handed = ((warm_up + 2 * plan.bursts) * BURST + plan.paced) as u64;
    let turn = Turn::of([
        (Figure::Typical, percentile(&means, 0.5)),
        (Figure::Mean, mean(&singles)),
        (Figure::P50, percentile(&singles, 0.5)),
        (Figure::P99, percentile(&singles, 0.99)),
        (Figure::P999, percentile(&singles, 0.999)),
        (Figure::PacedMean, mean(&paced)),
        (Figure::PacedP50, percentile(&paced, 0.5)),
        (Figure::PacedP99, percentile(&paced, 0.99)),
        (Figure::PacedP999, percentile(&paced, 0.999)),
    ]);
    let curve = PARTS.map(|part| percentile(&paced, part)).to_vec();
    Ok(Turn { ledger: case.finish(handed)?, curve, pinned, ..turn })
}

/// The mean of each burst: two clock reads for 256 events.
fn whole_bursts<C: Case>(case: &mut C, samples: &[Sample], bursts: usize) -> Vec<f64> {
    let burst = |_| {
        case.prepare(samples, BURST);
        let began = Instant::now();
        for sample in samples.iter().cycle().take(BURST) {
            case.once(sample);
        }
        let took = began.elapsed();
        thread::sleep(PAUSE);
        nanos(took) / BURST as f64
    };
    sorted((0..bursts).map(burst).collect())
}

/// Each event of each burst: from the clock read before it to the one behind it, which is the next one's before.
fn single_events<C: Case>(case: &mut C, samples: &[Sample], bursts: usize) -> Vec<f64> {
    let mut singles = Vec::with_capacity(bursts * BURST);
    for _ in 0..bursts {
        case.prepare(samples, BURST);
        let mut before = Instant::now();
        for sample in samples.iter().cycle().take(BURST) {
            case.once(sample);
            let behind = Instant::now();
            singles.push(nanos(behind - before));
            before = behind;
        }
        thread::sleep(PAUSE);
    }
    sorted(singles)
}

/// One event at each multiple of [`PACE`], or as soon as the one before has ended; the caller spins in between. The
/// system calls of [`machine::mark`] stand around them.
pub fn paced_events<C: Case>(case: &mut C, samples: &[Sample], events: usize) -> Vec<f64> {
    let mut paced = Vec::with_capacity(events);
    machine::mark();
    let mut due = Instant::now();
    for sample in samples.iter().cycle().take(events) {
        case.prepare(std::slice::from_ref(sample), 1);
        due += PACE;
        let mut before = Instant::now();
        while before < due {
            std::hint::spin_loop();
            before = Instant::now();
        }
        case.once(sample);
        let behind = Instant::now();
        paced.push(nanos(behind - before));
        due = due.max(behind);
    }
    machine::mark();
    sorted(paced)
}

/// A duration in nanoseconds, to calculate with.
pub fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}
