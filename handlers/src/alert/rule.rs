//! When to raise an alert.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use veribus_core::{Family, Interest, Outcome, Severity, Text, VerificationEvent};

/// The most events that a rule counts: their times are kept for each entity.
const EVENTS_MAX: usize = 1000;

/// One rule of an [`AlertHandler`](super::AlertHandler).
///
/// ```
/// use std::time::Duration;
/// use veribus_core::Severity;
/// use veribus_handlers::AlertRule;
///
/// let severe = AlertRule::at_least("severe", Severity::High);
/// let brute_force = AlertRule::failures("brute-force", 5, Duration::from_secs(600)).severity(Severity::High);
/// # let _ = (severe, brute_force);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a rule does nothing until it is given to an `AlertHandler`"]
pub struct AlertRule {
    pub(crate) name: Arc<str>,
    pub(crate) title: Arc<str>,
    pub(crate) interest: Interest,
    pub(crate) action: Option<Text>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) events: NonZeroUsize,
    pub(crate) within: Duration,
    pub(crate) severity: Option<Severity>,
    pub(crate) cooldown: Option<Duration>,
}

impl AlertRule {
    /// Matches each event of this severity and above, of every family.
    pub fn at_least(name: &str, severity: Severity) -> AlertRule {
        AlertRule {
            name: name.into(),
            title: format!("an event of severity {severity} or above").into(),
            interest: Interest::all().at_least(severity),
            action: None,
            outcome: None,
            events: NonZeroUsize::MIN,
            within: Duration::ZERO,
            severity: None,
            cooldown: None,
        }
    }

    /// Matches when one entity fails `events` authentications (1 to 1,000) `within` so much of the events' own
    /// time. An event that names no entity cannot be counted, and counts as
    /// [`without_entity`](super::AlertCounts::without_entity).
    pub fn failures(name: &str, events: usize, within: Duration) -> AlertRule {
        let events = NonZeroUsize::new(events.min(EVENTS_MAX)).unwrap_or(NonZeroUsize::MIN);
        AlertRule {
            title: format!("{events} failures within {within:?}").into(),
            interest: Interest::families(&[Family::Authentication]),
            outcome: Some(Outcome::Failure),
            events,
            within,
            ..AlertRule::at_least(name, Severity::Informational)
        }
    }

    /// Counts events of other families, or only those of some severity.
    pub fn of(mut self, interest: Interest) -> Self {
        self.interest = interest;
        self
    }

    /// Counts only events of this name.
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.into());
        self
    }

    /// Counts only events that ended so; `None` for all.
    pub fn outcome(mut self, outcome: Option<Outcome>) -> Self {
        self.outcome = outcome;
        self
    }

    /// What the rule finds, for people.
    pub fn title(mut self, title: &str) -> Self {
        self.title = title.into();
        self
    }

    /// Severity of the alert; that of the last event unless said.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// How long the same entity raises no second alert of this rule; the handler's cooldown unless said.
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = Some(cooldown);
        self
    }

    pub(crate) fn matches(&self, event: &VerificationEvent) -> bool {
        self.interest.matches(event.family(), event.severity)
            && self.outcome.is_none_or(|outcome| outcome == event.outcome)
            && self.action.as_ref().is_none_or(|action| *action == event.action)
    }

    pub(crate) fn counts(&self) -> bool {
        self.events.get() > 1
    }
}
