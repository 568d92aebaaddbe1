//! How a case is timed: bursts whole, bursts event by event, and one event each 20 µs.

use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::case::{Case, Ledger};
use crate::sample::Sample;

/// Events in a burst.
pub const BURST: usize = 256;

/// The pause behind each burst, in which the far side catches up.
const PAUSE: Duration = Duration::from_millis(2);

/// The distance of paced events.
pub const PACE: Duration = Duration::from_micros(20);

/// How much is measured in one turn of a case.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Bursts of each kind: timed whole, and timed event by event.
    pub bursts: usize,
    /// Paced events.
    pub paced: usize,
}

impl Plan {
    /// What a published figure needs.
    pub const FULL: Plan = Plan { bursts: 200, paced: 20_000 };

    /// Enough to see that everything works.
    pub const SHORT: Plan = Plan { bursts: 10, paced: 500 };

    /// For what takes a hundred times as long.
    pub fn tenth(&self) -> Plan {
        Plan { bursts: (self.bursts / 10).max(1), paced: (self.paced / 10).max(1) }
    }
}

/// One turn of a case, in nanoseconds an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figures {
    /// Bursts.
    pub burst: Spread,
    /// Paced.
    pub paced: Spread,
    /// Where the events went.
    pub ledger: Ledger,
    /// Whether caller and far side had a core each.
    pub pinned: bool,
}

/// Means and percentiles, in nanoseconds an event. Percentiles are of single events and include one clock read each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Burst: median over bursts of a burst's mean, without any clock read. Paced: as `mean`.
    pub typical: f64,
    /// Mean of all events.
    pub mean: f64,
    /// Half of the events take no longer.
    pub p50: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    pub p999: f64,
}

/// Measures `case`, which runs on this thread.
pub fn measure<C: Case>(mut case: C, plan: &Plan, pinned: bool) -> Figures {
    let samples = Sample::all();
    let warm_up = plan.bursts / 10 + 1;
    whole_bursts(&mut case, &samples, warm_up);
    let means = whole_bursts(&mut case, &samples, plan.bursts);
    let singles = single_events(&mut case, &samples, plan.bursts);
    let paced = paced_events(&mut case, &samples, plan.paced);
    let handed = ((warm_up + 2 * plan.bursts) * BURST + plan.paced) as u64;
    Figures {
        burst: Spread { typical: percentile(&means, 0.5), mean: mean(&means), ..spread(&singles) },
        paced: spread(&paced),
        ledger: case.finish(handed),
        pinned,
    }
}

/// The mean of each burst: two clock reads for 256 events.
fn whole_bursts<C: Case>(case: &mut C, samples: &[Sample], bursts: usize) -> Vec<f64> {
    let burst = |_| {
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

/// One event at each multiple of [`PACE`], or as soon as the one before has ended; the caller spins in between.
fn paced_events<C: Case>(case: &mut C, samples: &[Sample], events: usize) -> Vec<f64> {
    let mut paced = Vec::with_capacity(events);
    let mut due = Instant::now();
    for sample in samples.iter().cycle().take(events) {
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
    sorted(paced)
}

fn spread(sorted: &[f64]) -> Spread {
    let mean = mean(sorted);
    Spread {
        typical: mean,
        mean,
        p50: percentile(sorted, 0.5),
        p99: percentile(sorted, 0.99),
        p999: percentile(sorted, 0.999),
    }
}

fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The smallest value that at least `part` of all do not exceed (nearest rank); 0 of nothing.
pub fn percentile(sorted: &[f64], part: f64) -> f64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The median of values in any order.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    percentile(&sorted(values.collect()), 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 500.0);
        assert_eq!(percentile(&values, 0.99), 990.0);
        assert_eq!(percentile(&values, 0.999), 999.0);
        assert_eq!(percentile(&values[..1], 0.999), 1.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
        assert_eq!(median([9.0, 1.0, 5.0].into_iter()), 5.0);
    }
}
