//! Risk: 0 to 100 as a sum of named contributions, each with the fact behind it. Points are data.
//!
//! `docs/scoring.md` has the model in words, with examples.

use serde::{Deserialize, Serialize};
use veribus_core::Text;

use crate::words;

/// What a risk asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// Below the first threshold: kept and shown, nobody is told.
    Quiet,
    /// A reply in a thread.
    Thread,
    /// Somebody is called.
    Escalate,
}

impl Band {
    /// The name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Band::Quiet => "quiet",
            Band::Thread => "thread",
            Band::Escalate => "escalate",
        }
    }
}

/// Where the bands begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bands {
    /// Least risk of [`Band::Thread`].
    pub thread: u8,
    /// Least risk of [`Band::Escalate`].
    pub escalate: u8,
}

impl Default for Bands {
    fn default() -> Self {
        Bands { thread: 40, escalate: 70 }
    }
}

impl Bands {
    /// The band of `risk`.
    pub fn of(self, risk: u8) -> Band {
        match risk {
            _ if risk >= self.escalate => Band::Escalate,
            _ if risk >= self.thread => Band::Thread,
            _ => Band::Quiet,
        }
    }
}

/// Points of each signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// By level of the rule: informational, low, medium, high, critical.
    pub level: [u8; 5],
    /// Repeated activity: from so many events, so many points; the last that applies counts.
    pub repeats: Vec<(u64, u8)>,
    /// An event of a kind that is rarely harmless: [`Weights::high_signal_words`], or of severity critical.
    pub high_signal: u8,
    /// Words in the action or reason of such an event.
    pub high_signal_words: Vec<String>,
    /// A success after failures of the same source.
    pub success_after_failures: u8,
    /// So many failures before the success.
    pub failures_before_success: u32,
    /// The source was never seen before.
    pub first_seen: u8,
    /// The source had an alert of [`Band::Thread`] or more in the last seven days.
    pub repeat_offender: u8,
    /// The source is in a country that is not on the list.
    pub geography: u8,
    /// Most points for a provider's reputation of 100.
    pub reputation: u8,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            level: [10, 25, 40, 60, 80],
            repeats: vec![(10, 5), (50, 10), (200, 15)],
            high_signal: 15,
            high_signal_words: ["malware", "intrusion", "exfiltration", "ransomware"]
                .map(str::to_owned)
                .into(),
            success_after_failures: 25,
            failures_before_success: 5,
            first_seen: 5,
            repeat_offender: 10,
            geography: 15,
            reputation: 20,
        }
    }
}

/// One part of a risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Contribution {
    /// Which signal: `rule_level`, `repeat_activity`, `high_signal_event`, `success_after_failures`,
    /// `first_seen`, `repeat_offender`, `geography`, `reputation`.
    pub signal: &'static str,
    /// Points it adds, before the sum is held at 100.
    pub points: u8,
    /// The fact behind it, for people: `412 events in 3 m 10 s`. May hold text of events: escape it.
    pub detail: String,
}

/// The facts from which the risk of an alert is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Facts {
    /// Index of the level: 0 informational to 4 critical.
    pub(crate) level: usize,
    pub(crate) events: u64,
    pub(crate) span_nanos: i64,
    /// The word or severity that makes it one.
    pub(crate) high_signal: Option<Text>,
    pub(crate) failures_before_success: u32,
    pub(crate) first_seen: bool,
    pub(crate) prior_score: u8,
    /// Country outside the list.
    pub(crate) abroad: Option<Text>,
    pub(crate) reputation: Option<(u8, Text)>,
}

/// Names of the levels, by index.
pub(crate) const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

/// A signal that applies, with its points.
type Signal = (&'static str, u8);

impl Facts {
    /// The signals that apply, in a fixed order; no text is made.
    fn signals(&self, weights: &Weights, bands: Bands) -> [Signal; 8] {
        let mut repeats = weights.repeats.iter().filter(|(from, _)| self.events >= *from).map(|(_, p)| *p);
        let after_failures = self.failures_before_success >= weights.failures_before_success.max(1);
        let reputation = self
            .reputation
            .as_ref()
            .map_or(0, |(bad, _)| (u16::from(weights.reputation) * u16::from((*bad).min(100)) / 100) as u8);
        let when = |applies: bool, points: u8| if applies { points } else { 0 };
        [
            ("rule_level", weights.level[self.level.min(4)]),
            ("repeat_activity", repeats.next_back().unwrap_or(0)),
            ("high_signal_event", when(self.high_signal.is_some(), weights.high_signal)),
            ("success_after_failures", when(after_failures, weights.success_after_failures)),
            ("first_seen", when(self.first_seen, weights.first_seen)),
            ("repeat_offender", when(self.prior_score >= bands.thread, weights.repeat_offender)),
            ("geography", when(self.abroad.is_some(), weights.geography)),
            ("reputation", reputation),
        ]
    }

    /// The risk: the sum, held at 100.
    pub(crate) fn risk(&self, weights: &Weights, bands: Bands) -> u8 {
        let sum: u16 = self.signals(weights, bands).iter().map(|(_, points)| u16::from(*points)).sum();
        sum.min(100) as u8
    }

    /// The contributions with the facts behind them; those without points are left out.
    pub(crate) fn contributions(&self, weights: &Weights, bands: Bands) -> Vec<Contribution> {
        let given = self.signals(weights, bands).into_iter().filter(|(_, points)| *points > 0);
        given.map(|(signal, points)| Contribution { signal, points, detail: self.detail(signal) }).collect()
    }

    fn detail(&self, signal: &str) -> String {
        let text = |text: &Option<Text>| text.as_deref().unwrap_or_default().to_owned();
        match signal {
            "rule_level" => format!("rule of level {}", LEVELS[self.level.min(4)]),
            "repeat_activity" => {
                format!("{} in {}", words::counted(self.events, "event"), words::span(self.span_nanos))
            }
            "high_signal_event" => format!("event of a kind rarely harmless: {}", text(&self.high_signal)),
            "success_after_failures" => {
                format!(
                    "success after {} in 7 d",
                    words::counted(self.failures_before_success.into(), "failure")
                )
            }
            "first_seen" => "not seen before this alert".to_owned(),
            "repeat_offender" => format!("earlier alert with risk {} in the last 7 d", self.prior_score),
            "geography" => format!("country {} is not on the list", text(&self.abroad)),
            "reputation" => self
                .reputation
                .as_ref()
                .map_or_else(String::new, |(bad, provider)| format!("{provider} rates it {bad} of 100 bad")),
            other => other.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bands_begin_at_40_and_70() {
        let bands = Bands::default();
        assert_eq!(
            [0, 39, 40, 69, 70, 100].map(|risk| bands.of(risk)),
            [Band::Quiet, Band::Quiet, Band::Thread, Band::Thread, Band::Escalate, Band::Escalate]
        );
        assert_eq!(Bands { thread: 50, escalate: 90 }.of(89), Band::Thread);
    }

    #[test]
    fn a_risk_says_what_it_is_made_of() {
        let facts = Facts {
            level: 3,
            events: 412,
            span_nanos: 190_000_000_000,
            failures_before_success: 411,
            ..Facts::default()
        };
        let (weights, bands) = (Weights::default(), Bands::default());
        let parts = facts.contributions(&weights, bands);
        assert_eq!(
            parts.iter().map(|c| (c.signal, c.points, c.detail.as_str())).collect::<Vec<_>>(),
            [
                ("rule_level", 60, "rule of level high"),
                ("repeat_activity", 15, "412 events in 3 m 10 s"),
                ("success_after_failures", 25, "success after 411 failures in 7 d"),
            ]
        );
        assert_eq!(facts.risk(&weights, bands), 100);
    }

    proptest! {
        #[test]
        fn the_risk_is_the_sum_of_its_contributions_held_at_100(
            level in 0_usize..5, events in any::<u64>(), failures in any::<u32>(), prior in any::<u8>(),
            first_seen in any::<bool>(), bad in any::<u8>(),
        ) {
            let facts = Facts {
                level, events, failures_before_success: failures, prior_score: prior, first_seen,
                reputation: Some((bad, "x".into())), ..Facts::default()
            };
            let (weights, bands) = (Weights::default(), Bands::default());
            let sum: u64 = facts.contributions(&weights, bands).iter().map(|c| u64::from(c.points)).sum();
            prop_assert_eq!(u64::from(facts.risk(&weights, bands)), sum.min(100));
        }
    }
}
