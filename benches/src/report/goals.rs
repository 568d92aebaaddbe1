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
    ask: Ask,
}

/// What a promise is held against.
#[derive(Clone, Copy)]
enum Ask {
    /// A figure of this run, and its limit.
    Figure(fn(&Look<'_>) -> Option<(f64, f64)>),
    /// What reporting adds to a verification, in percent: the row, and the limit. Its whole interval must keep it.
    Added(&'static str, f64),
}

impl Ask {
    fn of(self, look: &Look<'_>) -> Option<(f64, f64)> {
        match self {
            Ask::Figure(of) => of(look),
            Ask::Added(row, limit) => Some((look.get(row, Figure::Percent)?, limit)),
        }
    }

    fn interval(self, look: &Look<'_>) -> Option<(f64, f64)> {
        match self {
            Ask::Figure(_) => None,
            Ask::Added(row, _) => {
                Some((look.get(row, Figure::PercentLow)?, look.get(row, Figure::PercentHigh)?))
            }
        }
    }
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
    Goal { what, bound, unit, digits, ask: Ask::Figure(of) }
}

const fn added(what: &'static str, row: &'static str, percent: f64) -> Goal {
    Goal { what, bound: Bound::AtMost, unit: " %", digits: 2, ask: Ask::Added(row, percent) }
}

use Bound::{AtLeast, AtMost};

const GOALS: &[Goal] = &[
    added("added to an Ed25519 verification", "added/ed25519_idle", 0.5),
    added("added to an HS256 JWT decode", "added/jwt_idle", 2.0),
    added("added to a bare HMAC-SHA256 of a token (aim: 6 %)", "added/hmac_idle", 10.0),
    added("acceptance: Ed25519, bus idle", "added/ed25519_idle", 5.0),
    added("acceptance: Ed25519, bus saturated", "added/ed25519_saturated", 5.0),
    added("acceptance: Ed25519, audit disk full", "added/ed25519_full_disk", 5.0),
    added("acceptance: Ed25519, collector unreachable", "added/ed25519_unreachable", 5.0),
    added("acceptance: Ed25519, spool disk full", "added/ed25519_full_spool", 5.0),
    added("acceptance: HS256 JWT, bus idle", "added/jwt_idle", 5.0),
    added("acceptance: HS256 JWT, bus saturated", "added/jwt_saturated", 5.0),
    added("acceptance: HS256 JWT, audit disk full", "added/jwt_full_disk", 5.0),
    added("acceptance: HS256 JWT, collector unreachable", "added/jwt_unreachable", 5.0),
    added("acceptance: HS256 JWT, spool disk full", "added/jwt_full_spool", 5.0),
    added("acceptance: Argon2id, bus idle", "added/argon2id_idle", 5.0),
    added("acceptance: Argon2id, bus saturated", "added/argon2id_saturated", 5.0),
    added("acceptance: Argon2id, audit disk full", "added/argon2id_full_disk", 5.0),
    added("acceptance: Argon2id, collector unreachable", "added/argon2id_unreachable", 5.0),
    added("acceptance: Argon2id, spool disk full", "added/argon2id_full_spool", 5.0),
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
    goal("an event in which nobody is interested, `publish_with`, bursts", AtMost, " ns", 1, |l| {
        Some((l.get("handoff/filtered_with", Figure::Typical)?, 5.0))
    }),
    goal("1,000 threads publishing bursts: their rings", AtMost, " MiB", 1, |l| {
        Some((l.get("memory/threads_burst", Figure::MibTold)?, 64.0))
    }),
    goal("1,000 threads publishing bursts: growth of the process", AtMost, " MiB", 1, |l| {
        Some((l.get("memory/threads_burst", Figure::MibGrown)?, 64.0))
    }),
];

/// What a run says about a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Kept.
    Met,
    /// Broken.
    NotMet,
    /// The figure's interval lies on both sides of the limit: this run cannot tell.
    Open,
    /// Not measured.
    Skipped,
}

impl Verdict {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::NotMet => "NOT MET",
            Verdict::Open => "open",
            Verdict::Skipped => "skipped",
        }
    }
}

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
    /// Its 95 % interval, where it has one.
    pub interval: Option<(f64, f64)>,
    /// What each round by itself would have said.
    pub rounds: Vec<f64>,
    /// Whether it was kept.
    pub verdict: Verdict,
}

fn bound<S: Serializer>(bound: &Bound, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match bound {
        AtMost => "at_most",
        AtLeast => "at_least",
    })
}

impl Judged {
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

    /// The figure in words, with its interval or else what the rounds say: `2.31 × (2.20 .. 2.44)`.
    pub fn figure(&self) -> String {
        let Some(measured) = self.measured else { return "-".to_owned() };
        let low = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let show = |value| number(value, self.digits);
        let around = match self.interval {
            Some((from, to)) => format!(" (95 %: {} .. {})", show(from), show(to)),
            None if self.rounds.len() > 1 => format!(" ({} .. {})", show(low), show(high)),
            None => String::new(),
        };
        format!("{}{}{around}", show(measured), self.unit)
    }
}

/// Every goal beside its figure.
pub fn judge(rows: &Rows) -> Vec<Judged> {
    let count = rows.0.iter().flat_map(|row| row.figures.values()).map(|over| over.rounds.len()).max();
    GOALS.iter().map(|goal| judged(goal, rows, count.unwrap_or(0))).collect()
}

fn judged(goal: &Goal, rows: &Rows, count: usize) -> Judged {
    let medians = Look { rows, round: None };
    let (found, interval) = (goal.ask.of(&medians), goal.ask.interval(&medians));
    let rounds = (0..count).filter_map(|round| goal.ask.of(&Look { rows, round: Some(round) }));
    Judged {
        what: goal.what,
        bound: goal.bound,
        unit: goal.unit,
        digits: goal.digits,
        limit: found.map(|(_, limit)| limit),
        measured: found.map(|(measured, _)| measured),
        interval,
        rounds: rounds.map(|(measured, _)| measured).collect(),
        verdict: found.map_or(Verdict::Skipped, |(measured, limit)| {
            verdict(goal.bound, interval.unwrap_or((measured, measured)), limit)
        }),
    }
}

fn verdict(bound: Bound, (low, high): (f64, f64), limit: f64) -> Verdict {
    let keeps = |value: f64| match bound {
        AtMost => value <= limit,
        AtLeast => value >= limit,
    };
    match (keeps(low), keeps(high)) {
        (true, true) => Verdict::Met,
        (false, false) => Verdict::NotMet,
        _ => Verdict::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Row;
    use crate::section::{Entry, SECTIONS};
    use crate::turn::{Pair, Turn};

    fn row(name: &str, turn: Turn) -> Row {
        let (section, entry) = name.split_once('/').expect("a section and a case");
        let section = SECTIONS.iter().find(|known| known.name == section).expect("a section");
        let entry: &Entry = section.entries.iter().find(|known| known.name == entry).expect("a case");
        Row::of(section, entry, &[turn])
    }

    fn verdict_of(rows: &Rows, what: &str) -> Verdict {
        judge(rows).iter().find(|goal| goal.what == what).expect("a goal").verdict
    }

    #[test]
    fn a_ratio_is_judged_by_the_medians_of_both_rows() {
        let what = "build + publish in bursts against the floor";
        let typical = |name, nanos| row(name, Turn::of([(Figure::Typical, nanos)]));
        let rows = |subject| Rows(vec![typical(SUBJECT, subject), typical("handoff/floor", 20.0)]);
        assert_eq!(verdict_of(&rows(50.0), what), Verdict::Met);
        assert_eq!(verdict_of(&rows(50.1), what), Verdict::NotMet);
        assert_eq!(verdict_of(&Rows(Vec::new()), what), Verdict::Skipped);
    }

    #[test]
    fn what_is_added_is_open_while_its_interval_holds_the_limit() {
        let what = "added to an HS256 JWT decode";
        let rows = |added: [f64; 3]| {
            let pairs = added.map(|nanos| Pair { alone: 1000.0, with: 1000.0 + nanos }).to_vec();
            Rows(vec![row("added/jwt_idle", Turn { pairs, ..Turn::default() })])
        };
        assert_eq!(verdict_of(&rows([11.0, 12.0, 13.0]), what), Verdict::Met);
        assert_eq!(verdict_of(&rows([-90.0, 12.0, 90.0]), what), Verdict::Open);
        assert_eq!(verdict_of(&rows([31.0, 32.0, 33.0]), what), Verdict::NotMet);
    }
}
