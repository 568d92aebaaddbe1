//! What a sink is told.

use std::fmt;
use std::sync::Arc;

use veribus_core::codec::{event_to_json, json_string};
use veribus_core::escape::{Escaped, truncated};
use veribus_core::{Severity, Timestamp, VerificationEvent};

use super::entity::Entity;

/// A rule that matched.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Alert {
    /// The rule's name.
    pub rule: Arc<str>,
    /// What the rule finds, for people.
    pub title: Arc<str>,
    /// The rule's severity, else that of the event.
    pub severity: Severity,
    /// Who it is about; `None` where the event names nobody.
    pub entity: Option<Entity>,
    /// Events that made the rule match.
    pub events: usize,
    /// Time of the first of them.
    pub first_seen: Timestamp,
    /// Time of the last of them.
    pub last_seen: Timestamp,
    /// Matches of this rule for this entity since the last alert, which the cooldown kept quiet.
    pub suppressed: u64,
    /// The event that completed the match.
    pub event: Arc<VerificationEvent>,
}

impl Alert {
    /// Appends one line of JSON without its newline; no control character of the event stands in it unescaped.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"alert\",\"rule\":");
        json_string(&self.rule, out);
        out.extend_from_slice(b",\"title\":");
        json_string(&self.title, out);
        let severity = format!(",\"severity\":\"{}\",\"severity_id\":{}", self.severity, self.severity.id());
        out.extend_from_slice(severity.as_bytes());
        if let Some(entity) = &self.entity {
            out.extend_from_slice(
                format!(",\"entity\":{{\"kind\":\"{}\",\"value\":", entity.kind()).as_bytes(),
            );
            json_string(&entity.value(), out);
            out.push(b'}');
        }
        let Alert { events, first_seen, last_seen, suppressed, .. } = self;
        let counts = format!(
            ",\"events\":{events},\"first_seen\":\"{first_seen}\",\"last_seen\":\"{last_seen}\",\
             \"suppressed\":{suppressed},\"event\":"
        );
        out.extend_from_slice(counts.as_bytes());
        event_to_json(&self.event, out);
        out.push(b'}');
    }
}

/// One line for a terminal; all text of the event is escaped and cut.
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Alert { severity, rule, title, events, first_seen, last_seen, event, .. } = self;
        write!(f, "{last_seen} ALERT {severity} {}: {}", Escaped(rule), Escaped(title))?;
        if let Some(entity) = &self.entity {
            write!(f, " · {} {entity}", entity.kind())?;
        }
        write!(f, " · {} {} {}", event.family(), event.action, event.outcome)?;
        if let Some(target) = &event.target {
            write!(f, " on {}", truncated(&target.name, 128))?;
        }
        if *events > 1 {
            write!(f, " · {events} events since {first_seen}")?;
        }
        if self.suppressed > 0 {
            write!(f, " · {} more kept quiet", self.suppressed)?;
        }
        Ok(())
    }
}
