//! What was promised, beside what was measured: each goal is judged by the medians of this run, and says what each
//! round by itself would have said.

use serde::{Serialize, Serializer};

use super::row::Rows;
use super::text::number;
use crate::turn::Figure;

/// Which way a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtMost,
    AtLeast,
}

/// One promise.
struct Goal {
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    digits: usize,
    /// The figure, and its limit.
    of: fn(&Look<'_>) -> Option<(f64, f64)>,
}

/// A way to look at the rows: medians, or one round.
struct Look<'a> {
    rows: &'a Rows,
    round: Option<usize>,
}

impl Look<'_> {
    fn get(&self, name: &str, figure: Figure) -> Option<f64> {
        let over = self.rows.get(name)?.figures.get(&figure)?;
        self.round.map_or(Some(over.median), |round| over.rounds.get(round).copied())
    }

    /// How many times `of` is `than`, in bursts.
    fn bursts(&self, of: &str, than: &str) -> Option<f64> {
        Some(self.get(of, Figure::Typical)? / self.get(than, Figure::Typical)?)
    }

    /// A paced mean without the clock read that is in it, as the row `timer` has it.
    fn paced_net(&self, name: &str) -> Option<f64> {
        let timer = self.get("handoff/timer", Figure::PacedMean)?;
        // A clock whose own cost is not told apart from the event's leaves at least a nanosecond.
        Some((self.get(name, Figure::PacedMean)? - timer).max(1.0))
    }

    fn pace(&self, of: &str, than: &str, figure: Figure) -> Option<f64> {
        Some(self.get(of, figure)? / self.get(than, figure)?)
    }
}

const SUBJECT: &str = "handoff/veribus";

const fn goal(
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    digits: usize,
    of: fn(&Look<'_>) -> Option<(f64, f64)>,
) -> Goal {
    Goal { what, bound, unit, digits, of }
}

use Bound::{AtLeast, AtMost};

const GOALS: &[Goal] = &[
    goal("added to an Ed25519 verification", AtMost, " %", 2, |l| {
        Some((l.get("added/ed25519_idle", Figure::Percent)?, 0.5))
    }),
    goal("added to an HS256 JWT decode", AtMost, " %", 2, |l| {
        Some((l.get("added/jwt_idle", Figure::Percent)?, 2.0))
    }),
    goal("added to a bare HMAC-SHA256 of a token (aim: 6 %)", AtMost, " %", 2, |l| {
        Some((l.get("added/hmac_idle", Figure::Percent)?, 10.0))
    }),
    goal("the same with the bus saturated: JWT", AtMost, " %", 2, |l| {
        Some((l.get("added/jwt_saturated", Figure::Percent)?, 5.0))
    }),
    goal("the same with the audit disk full: JWT", AtMost, " %", 2, |l| {
        Some((l.get("added/jwt_full_disk", Figure::Percent)?, 5.0))
    }),
    goal("build + publish in bursts against the floor", AtMost, " ×", 2, |l| {
        Some((l.bursts(SUBJECT, "handoff/floor")?, 2.5))
    }),
    goal("tracing + JSON + tracing-appender costs", AtLeast, " ×", 1, |l| {
        Some((l.bursts("handoff/tracing", SUBJECT)?, 50.0))
    }),
    goal("OpenTelemetry logs SDK costs", AtLeast, " ×", 1, |l| {
        Some((l.bursts("handoff/opentelemetry", SUBJECT)?, 25.0))
    }),
    goal("fastrace with the same properties costs", AtLeast, " ×", 1, |l| {
        Some((l.bursts("handoff/fastrace", SUBJECT)?, 6.0))
    }),
    goal("crossbeam-channel with the event built costs", AtLeast, " ×", 1, |l| {
        Some((l.bursts("handoff/channel", SUBJECT)?, 7.0))
    }),
    goal("build + publish against rtrb moving a prebuilt event", AtMost, " ×", 2, |l| {
        Some((l.bursts(SUBJECT, "handoff/rtrb")?, 1.0))
    }),
    goal("paced mean (less the clock read, row `nothing`) against its burst figure", AtMost, " ×", 2, |l| {
        Some((l.paced_net(SUBJECT)? / l.get(SUBJECT, Figure::Typical)?, 1.5))
    }),
    goal("paced p99: 150 ns or 3 × the floor's, clock read included", AtMost, " ns", 0, |l| {
        let floor = l.get("handoff/floor", Figure::PacedP99)?;
        Some((l.get(SUBJECT, Figure::PacedP99)?, (3.0 * floor).max(150.0)))
    }),
    goal("tokio mpsc try_send, paced mean (both less the clock read), costs", AtLeast, " ×", 0, |l| {
        Some((l.paced_net("handoff/tokio")? / l.paced_net(SUBJECT)?, 100.0))
    }),
    goal("system calls of the publishing thread for 1,000 paced events", AtMost, "", 0, |l| {
        Some((l.get("syscalls/veribus", Figure::SystemCalls)?, 0.0))
    }),
    goal("two producers against one, bursts, typical", AtMost, " ×", 2, |l| {
        Some((l.bursts("producers/veribus2", "producers/veribus1")?, 2.0))
    }),
    goal("two producers against one, bursts, p50 of single events", AtMost, " ×", 2, |l| {
        Some((l.pace("producers/veribus2", "producers/veribus1", Figure::P50)?, 2.0))
    }),
    goal("two producers, bursts, p99.9: 5 µs or 2 × the floor's", AtMost, " ns", 0, |l| {
        let floor = l.get("producers/floor2", Figure::P999)?;
        Some((l.get("producers/veribus2", Figure::P999)?, (2.0 * floor).max(5000.0)))
    }),
    goal("two producers against one, flat out, p50", AtMost, " ×", 2, |l| {
        Some((l.pace("producers/veribus2", "producers/veribus1", Figure::FlatP50)?, 2.0))
    }),
    goal("two producers, flat out, p99.9: 5 µs or 2 × the floor's", AtMost, " ns", 0, |l| {
        let floor = l.get("producers/floor2", Figure::FlatP999)?;
        Some((l.get("producers/veribus2", Figure::FlatP999)?, (2.0 * floor).max(5000.0)))
    }),
    goal("disruptor with two producers costs", AtLeast, " ×", 1, |l| {
        Some((l.bursts("producers/disruptor2", "producers/veribus2")?, 5.0))
    }),
    goal("8 handlers instead of 1", AtMost, " ×", 2, |l| {
        Some((l.bursts("handoff/handlers8", SUBJECT)?, 1.1))
    }),
    goal("a handler that blocks for ever", AtMost, " ×", 2, |l| {
        Some((l.bursts("handoff/blocked", SUBJECT)?, 1.1))
    }),
    goal("idle bus with 4 handlers, of one core", AtMost, " %", 2, |l| {
        Some((l.get("idle/veribus", Figure::CpuPercent)?, 0.3))
    }),
    goal("a Critical event to its handler, p99", AtMost, " ms", 2, |l| {
        Some((l.get("arrival/critical", Figure::MillisP99)?, 10.0))
    }),
    goal("audit handler, synced each 200 ms, against tracing-appender, written", AtLeast, " ×", 2, |l| {
        Some((l.pace("sustained/audit", "sustained/tracing", Figure::EventsPerSecond)?, 3.0))
    }),
    goal("audit handler, synced each 200 ms, against a serde_json writer thread", AtLeast, " ×", 2, |l| {
        Some((l.pace("sustained/audit", "sustained/serde_json", Figure::EventsPerSecond)?, 1.3))
    }),
    goal("audit handler, synced each 200 ms, against the no-queue limit", AtLeast, " ×", 2, |l| {
        Some((l.pace("sustained/audit", "sustained/limit", Figure::EventsPerSecond)?, 0.5))
    }),
    goal("audit handler, never synced as they are, against tracing-appender", AtLeast, " ×", 2, |l| {
        Some((l.pace("sustained/audit_never", "sustained/tracing", Figure::EventsPerSecond)?, 3.0))
    }),
    goal("audit handler, never synced as they are, against a serde_json thread", AtLeast, " ×", 2, |l| {
        Some((l.pace("sustained/audit_never", "sustained/serde_json", Figure::EventsPerSecond)?, 1.3))
    }),
    goal("audit handler, never synced as it is, against the no-queue limit", AtLeast, " ×", 2, |l| {
        Some((l.pace("sustained/audit_never", "sustained/limit", Figure::EventsPerSecond)?, 0.5))
    }),
    goal("JSON encoder: serde_json to_writer takes", AtLeast, " ×", 2, |l| {
        Some((l.pace("encode/serde_json", "encode/json", Figure::EncodeNanos)?, 2.0))
    }),
    goal("wire record against the bytes of JSON", AtMost, " ×", 2, |l| {
        Some((l.pace("encode/wire", "encode/json", Figure::Bytes)?, 0.55))
    }),
    goal("an event in which nobody is interested, bursts", AtMost, " ns", 1, |l| {
        Some((l.get("handoff/filtered", Figure::Typical)?, 5.0))
    }),
    goal("1,000 publishing threads, growth of the process", AtMost, " MiB", 1, |l| {
        Some((l.get("memory/threads_burst", Figure::MibGrown)?, 64.0))
    }),
];

/// A goal beside the figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// What was promised.
    pub what: &'static str,
    #[serde(serialize_with = "bound")]
    bound: Bound,
    /// What the figures are in.
    pub unit: &'static str,
    #[serde(skip)]
    digits: usize,
    /// The promise.
    pub limit: Option<f64>,
    /// What this run measured; `None` where it did not.
    pub measured: Option<f64>,
    /// What each round by itself would have said.
    pub rounds: Vec<f64>,
    /// Whether it was kept.
    pub met: Option<bool>,
}

fn bound<S: Serializer>(bound: &Bound, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match bound {
        AtMost => "at_most",
        AtLeast => "at_least",
    })
}

impl Judged {
    /// `met`, `NOT MET`, or `skipped` where nothing was measured.
    pub fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "skipped",
        }
    }

    /// The promise in words: `≤ 2.5 ×`.
    pub fn goal(&self) -> String {
        let sign = if self.bound == AtMost { "≤" } else { "≥" };
        match self.limit {
            Some(limit) => {
                let text = number(limit, 2);
                format!("{sign} {}{}", text.trim_end_matches('0').trim_end_matches('.'), self.unit)
            }
            None => "-".to_owned(),
        }
    }

    /// The figure in words, with what the rounds say: `2.31 × (2.20 .. 2.44)`.
    pub fn figure(&self) -> String {
        let Some(measured) = self.measured else { return "-".to_owned() };
        let low = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let show = |value| number(value, self.digits);
        match self.rounds.len() {
            0 | 1 => format!("{}{}", show(measured), self.unit),
            _ => format!("{}{} ({} .. {})", show(measured), self.unit, show(low), show(high)),
        }
    }
}

/// Every goal of which at least one row was measured in this run.
pub fn judge(rows: &Rows) -> Vec<Judged> {
    let count = rows.0.iter().flat_map(|row| row.figures.values()).map(|over| over.rounds.len()).max();
    GOALS.iter().map(|goal| judged(goal, rows, count.unwrap_or(0))).collect()
}

fn judged(goal: &Goal, rows: &Rows, count: usize) -> Judged {
    let found = (goal.of)(&Look { rows, round: None });
    let rounds = (0..count).filter_map(|round| (goal.of)(&Look { rows, round: Some(round) }));
    Judged {
        what: goal.what,
        bound: goal.bound,
        unit: goal.unit,
        digits: goal.digits,
        limit: found.map(|(_, limit)| limit),
        measured: found.map(|(measured, _)| measured),
        rounds: rounds.map(|(measured, _)| measured).collect(),
        met: found.map(|(measured, limit)| match goal.bound {
            AtMost => measured <= limit,
            AtLeast => measured >= limit,
        }),
    }
}
