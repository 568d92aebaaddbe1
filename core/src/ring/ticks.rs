//! The cheapest clock that is honest: the time stamp counter where the processor vouches for it.
//!
//! A tick of [`Source::Tsc`] is a count of the processor, of [`Source::Steady`] a nanosecond since an arbitrary
//! start. [`Calibration`] turns either into wall-clock time, and notices a counter that does not keep pace.

use std::sync::OnceLock;
use std::time::Instant;

/// Which counter stamps records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The processor's time stamp counter.
    Tsc,
    /// `CLOCK_MONOTONIC`, nanoseconds.
    Steady,
}

impl Source {
    /// The counter where CPUID calls it invariant, else the steady clock.
    pub(crate) fn best() -> Source {
        if tsc_is_invariant() { Source::Tsc } else { Source::Steady }
    }

    /// The counter wherever there is one.
    pub(crate) fn trusted() -> Source {
        if cfg!(target_arch = "x86_64") { Source::Tsc } else { Source::Steady }
    }

    /// The count now.
    #[inline]
    pub(crate) fn now(self) -> u64 {
        match self {
            Source::Tsc => read_tsc(),
            Source::Steady => steady_nanos(),
        }
    }
}

/// Nanoseconds since the first call in this process.
pub(crate) fn steady_nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn read_tsc() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; where it is forbidden (prctl PR_SET_TSC) the process
    // would already have died in the C library's own clock.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn read_tsc() -> u64 {
    steady_nanos()
}

/// Whether the counter runs at one rate in all states: CPUID leaf 0x8000_0007, EDX bit 8.
#[cfg(target_arch = "x86_64")]
fn tsc_is_invariant() -> bool {
    use std::arch::x86_64::__cpuid;
    __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & (1 << 8) != 0
}

#[cfg(not(target_arch = "x86_64"))]
fn tsc_is_invariant() -> bool {
    false
}

/// How far the counter's rate may be from the one first measured before it is no longer believed.
const DRIFT_MAX: f64 = 0.01;
/// Spans below this say too little about a rate.
const SPAN_NANOS_MIN: u64 = 1_000_000;
/// Spans over which the rate is compared with the one known.
const SPAN_NANOS_JUDGED: u64 = 1_000_000_000;
/// What a thread that loses its processor between the reads of the two clocks may add to their difference.
const SLACK_NANOS: f64 = 50_000_000.0;

/// The rate of a counter, measured against the steady clock over the whole life of the calibration.
#[derive(Debug)]
pub(crate) struct Calibration {
    source: Source,
    start: (u64, u64),
    last: (u64, u64),
    nanos_per_tick: f64,
    /// Never give the counter up.
    trusted: bool,
}

impl Calibration {
    /// Begins to measure; the first rate is known after a millisecond.
    pub(crate) fn new(source: Source, trusted: bool) -> Self {
        let start = (source.now(), steady_nanos());
        Calibration {
            source,
            start,
            last: start,
            nanos_per_tick: if source == Source::Steady { 1.0 } else { 0.0 },
            trusted,
        }
    }

    /// The source in use.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// Measures again. `false` if the counter jumped or changed its pace: use the steady clock from now on.
    pub(crate) fn update(&mut self) -> bool {
        if self.source == Source::Steady {
            return true;
        }
        if self.nanos_per_tick == 0.0 {
            while steady_nanos() - self.start.1 < SPAN_NANOS_MIN {
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
        }
        let now = (self.source.now(), steady_nanos());
        self.judge(now) || self.trusted
    }

    fn judge(&mut self, now: (u64, u64)) -> bool {
        if now.1 - self.start.1 < SPAN_NANOS_MIN {
            return true;
        }
        let Some(ticks) = now.0.checked_sub(self.last.0) else { return false };
        let span = now.1 - self.last.1;
        let known = self.nanos_per_tick;
        if known > 0.0 && span >= SPAN_NANOS_JUDGED {
            let expected = ticks as f64 * known;
            if (span as f64 - expected).abs() > span as f64 * DRIFT_MAX + SLACK_NANOS {
                return false;
            }
            self.last = now;
        }
        let all = now.0.saturating_sub(self.start.0).max(1);
        self.nanos_per_tick = (now.1 - self.start.1) as f64 / all as f64;
        true
    }

    /// Nanoseconds from `earlier` to `later`, both in ticks; 0 if it is not later.
    pub(crate) fn nanos_between(&self, earlier: u64, later: u64) -> u64 {
        (later.saturating_sub(earlier) as f64 * self.nanos_per_tick) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_sleep_measures_the_same_on_both_clocks() {
        let mut calibration = Calibration::new(Source::best(), false);
        std::thread::sleep(Duration::from_millis(20));
        assert!(calibration.update());
        let (ticks, nanos) = (calibration.source().now(), steady_nanos());
        std::thread::sleep(Duration::from_millis(30));
        let by_ticks = calibration.nanos_between(ticks, calibration.source().now()) as f64;
        let by_clock = (steady_nanos() - nanos) as f64;
        assert!((by_ticks / by_clock - 1.0).abs() < 0.05, "{by_ticks} against {by_clock}");
    }

    #[test]
    fn a_counter_that_changes_its_pace_or_goes_back_is_given_up() {
        let ms = 1_000_000;
        let begin = |rate: u64| {
            let mut c = Calibration {
                source: Source::Tsc,
                start: (0, 0),
                last: (0, 0),
                nanos_per_tick: 0.0,
                trusted: false,
            };
            assert!(c.judge((rate * 100 * ms, 100 * ms)));
            assert!(c.judge((rate * 1000 * ms, 1000 * ms)));
            c
        };
        let mut steady = begin(3);
        assert!(steady.judge((3 * 1500 * ms, 1500 * ms)));
        assert!(steady.judge((3 * 2100 * ms, 2100 * ms)));
        assert!(!begin(3).judge((3000 * ms + 4 * 1000 * ms, 2000 * ms)), "a third faster");
        assert!(!begin(3).judge((2000 * ms, 2000 * ms)), "back");
    }
}
