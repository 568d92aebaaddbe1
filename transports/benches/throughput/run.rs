//! What one run of a case measured, and the median of several.

use std::time::Duration;

/// One run.
pub(crate) struct Run {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) took: Duration,
    /// From handing a parcel to the client to its acknowledgement.
    pub(crate) nanos: Vec<u64>,
}

/// Several runs of one case.
pub(crate) struct Row {
    pub(crate) way: &'static str,
    pub(crate) bodies: &'static str,
    pub(crate) what: &'static str,
    pub(crate) events: u64,
    pub(crate) lost: u64,
    /// Medians over the runs.
    pub(crate) events_per_second: f64,
    pub(crate) mib_per_second: f64,
    pub(crate) millis: [f64; 3],
}

impl Row {
    pub(crate) fn of(way: &'static str, bodies: &'static str, what: &'static str, runs: &mut [Run]) -> Row {
        let per_second = |of: &dyn Fn(&Run) -> u64| {
            median(runs.iter().map(|run| of(run) as f64 / run.took.as_secs_f64()).collect())
        };
        let (events_per_second, bytes) = (per_second(&|run| run.events), per_second(&|run| run.bytes));
        let millis = [0.5, 0.99, 0.999].map(|part| {
            median(runs.iter_mut().map(|run| percentile(&mut run.nanos, part) / 1e6).collect())
        });
        let sum = |of: fn(&Run) -> u64| runs.iter().map(of).sum();
        let (events, lost) = (sum(|run| run.events), sum(|run| run.lost));
        Row { way, bodies, what, events, lost, events_per_second, mib_per_second: bytes / 1048576.0, millis }
    }
}

/// The middle of what was measured.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// The smallest value that `part` of all do not exceed.
fn percentile(values: &mut [u64], part: f64) -> f64 {
    values.sort_unstable();
    let rank = (part * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0) as f64
}
