//! The engine in front of which everything else stands, so that it can be replaced.

mod sigma;
mod timeline;
pub(crate) mod window;

use serde::Serialize;
use veribus_core::{Text, Timestamp};

pub use sigma::{EngineLimits, SigmaEngine};

use crate::rule::RuleInfo;
use crate::view::EventView;

/// Says which rules an event fires. One thread owns it; event time drives it; its state is bounded.
///
/// [`SigmaEngine`] is the one that is used; a test or another rule language brings its own.
pub trait RuleEngine: std::fmt::Debug + Send {
    /// What the rules say of themselves, by index.
    fn rules(&self) -> Vec<RuleInfo>;

    /// Runs `view` through the rules and appends what fires to `firings`.
    fn evaluate(&mut self, view: &EventView<'_>, firings: &mut Vec<Firing>);

    /// What it did so far.
    fn stats(&self) -> EngineStats;
}

/// One rule that fired on one event.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Firing {
    /// Index of the rule.
    pub rule: usize,
    /// Events it is about that no earlier firing of the same group reported; at least 1.
    pub events: u64,
    /// Time of the oldest of them.
    pub first: Timestamp,
    /// What it is about.
    pub entity: Entity,
}

/// Who or what an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Entity {
    /// `ip`, `host`, `user`, `target`, `credential` …: see `docs/rules.md`.
    #[serde(serialize_with = "as_str")]
    pub kind: Text,
    /// Its value. Hostile: escape it wherever it is shown.
    #[serde(serialize_with = "as_str")]
    pub value: Text,
}

fn as_str<S: serde::Serializer>(text: &Text, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// What an engine did so far. Counts only grow.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EngineStats {
    /// Events seen.
    pub events: u64,
    /// Rules looked at, over all events.
    pub evaluated: u64,
    /// Rules not looked at, because they cannot match the family, action or outcome of the event.
    pub skipped: u64,
    /// Groups now held in windows.
    pub groups: u64,
    /// Groups given up to stay within the bound, before their window was over.
    pub groups_evicted: u64,
    /// Events older than the whole window of their group: not counted there.
    pub late: u64,
    /// Times that event time jumped back, which starts windows anew.
    pub jumps_back: u64,
    /// Earlier times whose windows were given up to make room for a jump.
    pub timelines_closed: u64,
    /// By rule.
    pub rules: Vec<RuleStats>,
}

/// What one rule did so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RuleStats {
    /// Its name.
    pub rule: String,
    /// Times it was looked at: its share of the cost.
    pub evaluated: u64,
    /// Events that matched, or that reached the correlation.
    pub matched: u64,
    /// Times it fired.
    pub fired: u64,
    /// Events that matched but lack the field it groups by.
    pub ungrouped: u64,
    /// The largest value its condition saw without firing.
    pub closest: f64,
}
