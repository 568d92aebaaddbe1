//! Timelines: event time drives every window, and a jump back in it starts a new line instead of a mess.
//!
//! Logs are joined end to end, spooled events arrive hours late, clocks are set back. Each event belongs to
//! the line whose clock is within [`NEAR`] of its time, the last used line first, then the others if they were
//! used of late; a step forward moves the last used line on; any other jump back opens a new one. At most [`LINES_MAX`] are kept, the least recently
//! used goes with all its windows, counted.

use std::time::Duration;

use veribus_core::Timestamp;

/// How far an event may lie from a line's clock and still belong to it: arrival is a little out of order.
const NEAR: Duration = Duration::from_secs(300);
/// A line that was left longer ago than this many events is the past of a joined log, not another sender.
const RECENT: u64 = 1_000;
/// Most lines kept at once.
pub(crate) const LINES_MAX: usize = 4;

/// The lines, each with a `T` of its own.
#[derive(Debug)]
pub(crate) struct Timelines<T> {
    lines: Vec<Line<T>>,
    current: usize,
    uses: u64,
    opened: u64,
    closed: u64,
}

#[derive(Debug)]
struct Line<T> {
    clock: Timestamp,
    used: u64,
    state: T,
}

impl<T> Timelines<T> {
    pub(crate) fn new() -> Self {
        Timelines { lines: Vec::new(), current: 0, uses: 0, opened: 0, closed: 0 }
    }

    /// The state of the line that `time` belongs to and that line's clock, moved on to `time`.
    pub(crate) fn at(&mut self, time: Timestamp, fresh: impl FnOnce() -> T) -> (Timestamp, &mut T) {
        self.current = self.place(time).unwrap_or_else(|| self.open(time, fresh()));
        self.uses += 1;
        let line = &mut self.lines[self.current];
        line.used = self.uses;
        line.clock = line.clock.max(time);
        (line.clock, &mut line.state)
    }

    fn place(&self, time: Timestamp) -> Option<usize> {
        let current = self.lines.get(self.current)?;
        let away = |line: &Line<T>| line.clock.saturating_since(time).max(time.saturating_since(line.clock));
        if away(current) <= NEAR {
            return Some(self.current);
        }
        let of_late = |line: &Line<T>| self.uses - line.used <= RECENT;
        let others = (0..self.lines.len()).filter(|i| of_late(&self.lines[*i]));
        let nearest = others.min_by_key(|i| away(&self.lines[*i]));
        nearest
            .filter(|i| away(&self.lines[*i]) <= NEAR)
            .or_else(|| (time > current.clock).then_some(self.current))
    }

    fn open(&mut self, time: Timestamp, state: T) -> usize {
        self.opened += 1;
        let line = Line { clock: time, used: 0, state };
        if self.lines.len() < LINES_MAX {
            self.lines.push(line);
            return self.lines.len() - 1;
        }
        let oldest = (0..LINES_MAX).min_by_key(|i| self.lines[*i].used).unwrap_or(0);
        self.lines[oldest] = line;
        self.closed += 1;
        oldest
    }

    /// Every state.
    pub(crate) fn states(&self) -> impl Iterator<Item = &T> {
        self.lines.iter().map(|line| &line.state)
    }

    /// Lines opened because time jumped back, the first one not counted.
    pub(crate) fn jumps_back(&self) -> u64 {
        self.opened.saturating_sub(1)
    }

    /// Lines given up to make room.
    pub(crate) fn closed(&self) -> u64 {
        self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(lines: &mut Timelines<u32>, seconds: i64, next: &mut u32) -> u32 {
        *lines
            .at(Timestamp::from_seconds(seconds), || {
                *next += 1;
                *next
            })
            .1
    }

    #[test]
    fn copies_of_a_log_joined_end_to_end_do_not_share_a_line() {
        let (mut lines, mut next) = (Timelines::new(), 0);
        for copy in 1..=10 {
            for second in (0..15_000).step_by(7).chain([16_000]) {
                assert_eq!(line_of(&mut lines, second, &mut next), copy, "copy {copy}, second {second}");
            }
        }
        assert_eq!((lines.jumps_back(), lines.closed(), lines.states().count()), (9, 6, LINES_MAX));
    }

    #[test]
    fn live_and_late_senders_interleaved_keep_one_line_each() {
        let (mut lines, mut next) = (Timelines::new(), 0);
        for second in 0..1_000 {
            assert_eq!(line_of(&mut lines, 10_000 + second, &mut next), 1);
            assert_eq!(line_of(&mut lines, second, &mut next), 2);
        }
        assert_eq!(lines.jumps_back(), 1);
    }

    #[test]
    fn a_little_out_of_order_is_the_same_line() {
        let (mut lines, mut next) = (Timelines::new(), 0);
        for second in [0, 200, 100, 400, 390, 5_000, 4_800] {
            assert_eq!(line_of(&mut lines, second, &mut next), 1, "{second}");
        }
    }
}
