//! Times of one entity's events, in whatever order they come.

use std::num::NonZeroUsize;
use std::time::Duration;

use veribus_core::Timestamp;

/// The events that matched: how many, the first, the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) events: usize,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// At most twice as many times as the rule counts, sorted.
#[derive(Debug, Default)]
pub(crate) struct Window {
    times: Vec<Timestamp>,
}

impl Window {
    /// Adds an event; if it completes `events` of them that lie `within` each other, answers these and forgets
    /// all.
    pub(crate) fn add(&mut self, time: Timestamp, events: NonZeroUsize, within: Duration) -> Option<Run> {
        let events = events.get();
        if events == 1 {
            return Some(Run { events, first: time, last: time });
        }
        let at = self.times.partition_point(|earlier| *earlier <= time);
        self.times.insert(at, time);
        let runs = self.times[at.saturating_sub(events - 1)..].windows(events).take(events);
        for run in runs {
            let (first, last) = (run[0], run[events - 1]);
            if last.saturating_since(first) <= within {
                self.times.clear();
                return Some(Run { events, first, last });
            }
        }
        self.forget(events, within);
        None
    }

    /// Drops what can no longer be part of a run with events that are late by less than the window.
    fn forget(&mut self, events: usize, within: Duration) {
        let newest = self.times.last().copied().unwrap_or_default();
        let horizon = newest.saturating_sub(within.saturating_mul(2));
        let old = self.times.partition_point(|time| *time < horizon);
        let excess = self.times.len().saturating_sub(2 * events);
        self.times.drain(..old.max(excess));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIVE: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

    fn first_match(times: &[i64], within: u64) -> Option<Run> {
        let mut window = Window::default();
        let add = |t: &i64| window.add(Timestamp::from_seconds(*t), FIVE, Duration::from_secs(within));
        times.iter().find_map(add)
    }

    #[test]
    fn the_edge_of_the_window_is_inside() {
        assert_eq!(first_match(&[0, 1, 2, 3, 600], 600).map(|run| run.events), Some(5));
        assert_eq!(first_match(&[0, 1, 2, 3, 601], 600), None);
    }

    proptest! {
        #[test]
        fn order_of_arrival_makes_no_difference_within_the_window(
            times in proptest::collection::vec(0_i64..600, 1..9).prop_shuffle(),
        ) {
            let mut sorted = times.clone();
            sorted.sort_unstable();
            let spans = sorted.windows(5).map(|w| w[4] - w[0]);
            let expected = spans.min().is_some_and(|span| span <= 300);
            prop_assert_eq!(first_match(&times, 300).is_some(), expected);
        }
    }
}
