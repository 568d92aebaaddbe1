//! An alert: one attacker, one rule, everything that was seen of it.

use serde::{Serialize, Serializer};
use veribus_core::{Timestamp, TraceId};

use crate::engine::Entity;
use crate::memory::as_rfc3339;
use crate::score::{Band, Contribution};

/// Names one alert within one [`crate::Detector`]; ascending in the order of creation, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AlertId(pub u64);

/// What a rule found out about an entity; later firings within the quiet period are folded into it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Short name of the rule.
    pub rule: String,
    /// The rule's `id`, which outlives a change of name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// Title of the rule.
    pub title: String,
    /// Level of the rule.
    pub level: &'static str,
    /// 0 to 100.
    pub risk: u8,
    /// What the risk asks for.
    pub band: Band,
    /// Who or what it is about.
    pub entity: Entity,
    /// Events behind it.
    pub events: u64,
    /// The earliest of them.
    #[serde(serialize_with = "as_rfc3339")]
    pub first_seen: Timestamp,
    /// The latest of them.
    #[serde(serialize_with = "as_rfc3339")]
    pub last_seen: Timestamp,
    /// What the risk is made of.
    pub contributions: Vec<Contribution>,
    /// Traces of events behind it, the first few.
    #[serde(serialize_with = "as_hex")]
    pub traces: Vec<TraceId>,
    /// Accounts that were named, the first few. Hostile: escape them.
    pub actors: Vec<String>,
    /// MITRE ATT&CK techniques of the rule.
    pub techniques: Vec<String>,
}

fn as_hex<S: Serializer>(traces: &[TraceId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(traces.iter().map(TraceId::to_string))
}

/// An alert that an event made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertChange {
    /// Which one.
    pub id: AlertId,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// Its risk reached a higher band.
    Raised,
    /// More events, the same band.
    Grew,
}
