//! What one turn of a case answers, from its process to the one that makes the table: figures by name, where the
//! events went, and how the single values spread.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a number of a table says. Times are nanoseconds an event unless the name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Bursts: median over bursts of a burst's mean, two clock reads for 256 events, nothing subtracted.
    Typical,
    /// Bursts: mean of single events, each with one clock read.
    Mean,
    /// Bursts: half of the single events take no longer.
    P50,
    /// Bursts: 99 of 100.
    P99,
    /// Bursts: 999 of 1,000.
    P999,
    /// One event each 20 µs: mean, one clock read included.
    PacedMean,
    /// Paced: half of the events.
    PacedP50,
    /// Paced: 99 of 100.
    PacedP99,
    /// Paced: 999 of 1,000.
    PacedP999,
    /// Without any pause, the far side saturated: median.
    FlatP50,
    /// Without any pause: 999 of 1,000.
    FlatP999,
    /// Without any pause: percent of the events refused.
    FlatRefused,
    /// A verification alone.
    Alone,
    /// What reporting adds to it: median of paired differences.
    Added,
    /// Lower end of the 95 % interval of [`Figure::Added`].
    AddedLow,
    /// Upper end.
    AddedHigh,
    /// [`Figure::Added`] in percent of [`Figure::Alone`].
    Percent,
    /// Lower end of its interval.
    PercentLow,
    /// Upper end.
    PercentHigh,
    /// Percent of one core.
    CpuPercent,
    /// Milliseconds: half of the events.
    MillisP50,
    /// Milliseconds: 99 of 100.
    MillisP99,
    /// Milliseconds: the worst.
    MillisMax,
    /// Events a second until the last byte was written.
    EventsPerSecond,
    /// Events a second until the disk had it.
    EventsPerSecondSynced,
    /// Bytes of one event.
    Bytes,
    /// Nanoseconds to encode one event.
    EncodeNanos,
    /// Bytes that the library says it holds for each of these.
    BytesTold,
    /// The same for all of them, in MiB.
    MibTold,
    /// Bytes by which the process grew for each of these.
    BytesGrown,
    /// The same for all of them, in MiB.
    MibGrown,
    /// System calls of the publishing thread for 1,000 events.
    SystemCalls,
}

/// Where the events of a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Events handed over.
    pub handed: u64,
    /// Events that the far side got.
    pub arrived: u64,
    /// Events that the library says it lost.
    pub lost: u64,
}

impl Ledger {
    /// A case with no far side: everything is where it belongs.
    pub fn local(handed: u64) -> Ledger {
        Ledger { handed, arrived: handed, lost: 0 }
    }

    /// Both ledgers in one.
    pub fn and(self, other: Ledger) -> Ledger {
        Ledger {
            handed: self.handed + other.handed,
            arrived: self.arrived + other.arrived,
            lost: self.lost + other.lost,
        }
    }

    /// Events of which nobody knows anything.
    pub fn unaccounted(&self) -> u64 {
        self.handed.abs_diff(self.arrived + self.lost)
    }
}

/// A stretch of verifications without reporting, and its neighbour with it; nanoseconds a verification.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Without.
    pub alone: f64,
    /// With.
    pub with: f64,
}

/// One turn of a case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// What was measured.
    pub figures: BTreeMap<Figure, f64>,
    /// Where the events went.
    pub ledger: Ledger,
    /// Paced events: the latencies at the parts of [`PARTS`](crate::measure::PARTS), in nanoseconds.
    pub curve: Vec<f64>,
    /// Paired stretches, where the case measures such.
    pub pairs: Vec<Pair>,
    /// Whether every thread was on the core it was meant to be on.
    pub pinned: bool,
    /// Why nothing was measured, where nothing was.
    pub skipped: Option<String>,
}

impl Turn {
    /// A turn that measured these figures.
    pub fn of<const N: usize>(figures: [(Figure, f64); N]) -> Turn {
        Turn { figures: BTreeMap::from(figures), pinned: true, ..Turn::default() }
    }

    /// A turn in which there was nothing to measure, and why.
    pub fn skipped(why: impl Into<String>) -> Turn {
        Turn { skipped: Some(why.into()), pinned: true, ..Turn::default() }
    }

    /// With this ledger.
    pub fn with_ledger(self, ledger: Ledger) -> Turn {
        Turn { ledger, ..self }
    }
}
