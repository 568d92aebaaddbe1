//! A window: what one group of one correlation has seen within its timespan, in bounded space.

use std::collections::VecDeque;

use rsigma_parser::ConditionOperator;

use crate::rule::correlation::{Correlation, Measure};

/// State of one group. Times are nanoseconds of event time; the window is `(newest - timespan, newest]`.
#[derive(Debug)]
pub(crate) struct Window {
    /// Newest event of the group: when nothing is newer for a timespan, the window is empty.
    pub(crate) newest: i64,
    /// Events since the last time it fired, that are still in the window.
    pending: u64,
    entries: Entries,
}

#[derive(Debug)]
enum Entries {
    Times(VecDeque<i64>),
    /// Distinct values by fingerprint, with the time each was seen last.
    Values(Vec<(u64, i64)>),
    Numbers(VecDeque<(i64, f64)>),
    /// Per referenced rule, the newest hit.
    Hits(Vec<Option<i64>>),
    /// Per referenced rule, the newest start of an ordered chain that ends with it.
    Chain(Vec<Option<i64>>),
}

/// One event on its way into a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) time: i64,
    /// Fingerprint of the counted value, or 0.
    pub(crate) value: u64,
    /// The measured number, or 0.
    pub(crate) number: f64,
    /// Which of the referenced rules matched.
    pub(crate) position: usize,
}

/// What a window says after an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub(crate) fired: bool,
    /// What was compared with the condition.
    pub(crate) value: f64,
    /// Events to report: those since the last time it fired.
    pub(crate) events: u64,
    /// Oldest event that counted.
    pub(crate) first: i64,
}

impl Window {
    pub(crate) fn new(correlation: &Correlation) -> Self {
        let rules = correlation.references.len();
        let entries = match correlation.measure {
            Measure::Events => Entries::Times(VecDeque::new()),
            Measure::Values => Entries::Values(Vec::new()),
            Measure::Rules => Entries::Hits(vec![None; rules]),
            Measure::RulesInOrder => Entries::Chain(vec![None; rules]),
            Measure::Sum | Measure::Average | Measure::Percentile(_) => Entries::Numbers(VecDeque::new()),
        };
        Window { newest: i64::MIN, pending: 0, entries }
    }

    /// Entries held, for the budget of all windows together.
    pub(crate) fn len(&self) -> usize {
        match &self.entries {
            Entries::Times(times) => times.len(),
            Entries::Values(values) => values.len(),
            Entries::Numbers(numbers) => numbers.len(),
            Entries::Hits(hits) | Entries::Chain(hits) => hits.len(),
        }
    }

    /// Takes `entry` in, lets go of what has left the window, and reads it. `None` if `entry` is older than
    /// the whole window.
    pub(crate) fn take(&mut self, correlation: &Correlation, entry: Entry) -> Option<Reading> {
        if self.newest != i64::MIN && entry.time <= self.newest.saturating_sub(correlation.timespan_nanos) {
            return None;
        }
        self.newest = self.newest.max(entry.time);
        let horizon = self.newest.saturating_sub(correlation.timespan_nanos);
        let kept_max = correlation.entries_max;
        self.pending += 1;
        let (value, first, passed) = match &mut self.entries {
            Entries::Times(times) => {
                insert_in_order(times, entry.time, |time| *time);
                drop_old(times, horizon, kept_max, |time| *time);
                self.pending = self.pending.min(times.len() as u64);
                (times.len() as f64, times.front().copied(), None)
            }
            Entries::Values(values) => {
                values.retain(|(_, time)| *time > horizon);
                if values.is_empty() {
                    self.pending = 1;
                }
                insert_value(values, entry.value, entry.time, kept_max);
                (values.len() as f64, values.iter().map(|(_, time)| *time).min(), None)
            }
            Entries::Numbers(numbers) => {
                insert_in_order(numbers, (entry.time, entry.number), |n| n.0);
                drop_old(numbers, horizon, kept_max, |n| n.0);
                self.pending = self.pending.min(numbers.len() as u64);
                (measure(correlation.measure, numbers), numbers.front().map(|n| n.0), None)
            }
            Entries::Hits(hits) => {
                hits.iter_mut().for_each(|hit| *hit = hit.filter(|time| *time > horizon));
                if hits.iter().all(Option::is_none) {
                    self.pending = 1;
                }
                hits[entry.position] = hits[entry.position].max(Some(entry.time));
                let seen = hits.iter().flatten().count() as f64;
                let passed = correlation.expression.as_ref().map(|e| e.holds(&|i| hits[i].is_some()));
                (seen, hits.iter().flatten().min().copied(), passed)
            }
            Entries::Chain(starts) => {
                starts.iter_mut().for_each(|start| *start = start.filter(|time| *time > horizon));
                if starts.iter().all(Option::is_none) {
                    self.pending = 1;
                }
                extend_chain(starts, entry);
                let length = starts.iter().rposition(Option::is_some).map_or(0, |i| i + 1);
                let end = starts.last().copied().flatten();
                let done = end.is_some() && entry.position + 1 == starts.len();
                (length as f64, end.or(starts.iter().flatten().min().copied()), Some(done))
            }
        };
        let fired = passed.unwrap_or_else(|| correlation.passes(value));
        let events = self.pending;
        if fired {
            self.pending = 0;
        }
        Some(Reading { fired, value, events, first: first.unwrap_or(entry.time) })
    }
}

fn insert_in_order<T>(entries: &mut VecDeque<T>, entry: T, time: impl Fn(&T) -> i64) {
    let at = match entries.back() {
        Some(newest) if time(newest) > time(&entry) => entries.partition_point(|e| time(e) <= time(&entry)),
        _ => entries.len(),
    };
    entries.insert(at, entry);
}

/// Keeps what is newer than `horizon`, and of that the newest `kept_max`.
fn drop_old<T>(entries: &mut VecDeque<T>, horizon: i64, kept_max: usize, time: impl Fn(&T) -> i64) {
    while entries.len() > kept_max || entries.front().is_some_and(|e| time(e) <= horizon) {
        entries.pop_front();
    }
}

fn insert_value(values: &mut Vec<(u64, i64)>, value: u64, time: i64, kept_max: usize) {
    if let Some((_, last)) = values.iter_mut().find(|(v, _)| *v == value) {
        *last = (*last).max(time);
        return;
    }
    if values.len() >= kept_max
        && let Some(oldest) = (0..values.len()).min_by_key(|i| values[*i].1)
    {
        values.swap_remove(oldest);
    }
    values.push((value, time));
}

/// A chain ending with rule `i` grows from one that ends with rule `i - 1` and is not later.
fn extend_chain(starts: &mut [Option<i64>], entry: Entry) {
    let start = match entry.position {
        0 => Some(entry.time),
        i => starts[i - 1].filter(|start| *start <= entry.time),
    };
    starts[entry.position] = starts[entry.position].max(start);
}

fn measure(measure: Measure, numbers: &VecDeque<(i64, f64)>) -> f64 {
    let sum = || numbers.iter().map(|(_, n)| n).sum::<f64>();
    match measure {
        Measure::Sum => sum(),
        Measure::Average => sum() / numbers.len().max(1) as f64,
        Measure::Percentile(rank) => {
            let mut sorted: Vec<f64> = numbers.iter().map(|(_, n)| *n).collect();
            sorted.sort_by(f64::total_cmp);
            // Nearest rank: the smallest number that at least `rank` percent do not exceed.
            let at = (sorted.len() * usize::from(rank)).div_ceil(100).max(1) - 1;
            sorted.get(at).copied().unwrap_or(0.0)
        }
        Measure::Events | Measure::Values | Measure::Rules | Measure::RulesInOrder => numbers.len() as f64,
    }
}

/// Whether `value` stands to `limit` as `operator` says.
pub(crate) fn compare(operator: ConditionOperator, value: f64, limit: f64) -> bool {
    match operator {
        ConditionOperator::Lt => value < limit,
        ConditionOperator::Lte => value <= limit,
        ConditionOperator::Gt => value > limit,
        ConditionOperator::Gte => value >= limit,
        ConditionOperator::Eq => value == limit,
        ConditionOperator::Neq => value != limit,
    }
}
