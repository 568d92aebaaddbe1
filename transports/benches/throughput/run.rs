//! What one run of a case measured, and the median of several.

use std::time::Duration;

/// One run.
pub(crate) struct Run {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) took: Duration,
    /// Processor time of this process.
    pub(crate) cpu: Duration,
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
    /// Processor time of this process for one event.
    pub(crate) cpu_nanos: f64,
}

impl Row {
    pub(crate) fn of(way: &'static str, bodies: &'static str, what: &'static str, runs: &mut [Run]) -> Row {
        let per_second = |of: &dyn Fn(&Run) -> u64| {
            median(runs.iter().map(|run| of(run) as f64 / run.took.as_secs_f64()).collect())
        };
        let (events_per_second, bytes) = (per_second(&|run| run.events), per_second(&|run| run.bytes));
        let millis = [0.5, 0.99, 0.999]
            .map(|part| median(runs.iter_mut().map(|run| percentile(&mut run.nanos, part) / 1e6).collect()));
        let cpu_nanos =
            median(runs.iter().map(|run| run.cpu.as_nanos() as f64 / run.events as f64).collect());
        let sum = |of: fn(&Run) -> u64| runs.iter().map(of).sum();
        let (events, lost) = (sum(|run| run.events), sum(|run| run.lost));
        let mib_per_second = bytes / 1_048_576.0;
        Row { way, bodies, what, events, lost, events_per_second, mib_per_second, millis, cpu_nanos }
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

/// Processor time of all threads of this process so far.
pub(crate) fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
