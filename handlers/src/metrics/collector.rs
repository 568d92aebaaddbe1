//! The handler: one counter increment an event, no lock and no allocation once a name was seen.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use veribus_core::{EventHandler, Family, HandlerError, HandlerFactory, Outcome, Text, VerificationEvent};

use super::MetricsHandle;
use crate::PerProcess;

/// The `type` of events whose name is beyond the ceiling.
const OTHER: &str = "other";
const TYPES_MAX: usize = 200;
/// Upper bounds in seconds: 1 µs to 10 s, two and a half steps a decade.
const DURATION_BUCKETS: [f64; 16] =
    [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 0.5, 2.0, 10.0];
/// The families with a payload, and one place for those that this version does not know.
const CATEGORIES: usize = Family::KNOWN.len() + 1;

/// Counts events by category, name and outcome, and how long verifications took.
///
/// The label `type` takes at most 200 values unless said; events of further names count as `type="other"`, and
/// `veribus_event_types_folded_total` says how many did. No label holds an id, a user or an address.
///
/// ```
/// use veribus_core::EventHandler;
/// use veribus_handlers::MetricsCollector;
///
/// let metrics = MetricsCollector::new();
/// let handle = metrics.handle();
/// // bus.register_handler(Box::new(metrics)); and in the HTTP handler of /metrics:
/// let text = handle.render(None);
/// assert!(text.contains("# TYPE veribus_event_types_folded_total counter"));
/// ```
#[derive(Debug)]
pub struct MetricsCollector {
    registry: PerProcess<Registry>,
    events: IntCounterVec,
    folded: IntCounter,
    durations: HistogramVec,
    known: [HashMap<Text, [IntCounter; Outcome::ALL.len()]>; CATEGORIES],
    others: [Option<[IntCounter; Outcome::ALL.len()]>; CATEGORIES],
    types: usize,
    types_max: usize,
}

impl Default for MetricsCollector {
    fn default() -> Self {
        MetricsCollector::with_types_max(TYPES_MAX)
    }
}

impl MetricsCollector {
    /// A collector with a registry of its own.
    pub fn new() -> MetricsCollector {
        MetricsCollector::default()
    }

    /// As [`new`](Self::new), with another ceiling for distinct pairs of category and name.
    pub fn with_types_max(types_max: usize) -> MetricsCollector {
        let registry = Registry::new();
        let events = Opts::new("veribus_events_total", "Events handled, by category, name and outcome.");
        let events = IntCounterVec::new(events, &["category", "type", "outcome"]).expect("valid names");
        let folded = "Events counted as type=\"other\" because too many names were seen before.";
        let folded = IntCounter::new("veribus_event_types_folded_total", folded).expect("valid names");
        let durations = "How long verifications took, where the event says so.";
        let durations = HistogramOpts::new("veribus_verification_duration_seconds", durations);
        let durations = durations.buckets(DURATION_BUCKETS.to_vec());
        let durations = HistogramVec::new(durations, &["category"]).expect("valid names");
        let all: [Box<dyn Collector>; 3] =
            [Box::new(events.clone()), Box::new(folded.clone()), Box::new(durations.clone())];
        for collector in all {
            registry.register(collector).expect("a new registry, and three different names");
        }
        let (known, others) = (Default::default(), Default::default());
        let registry = PerProcess::new(registry);
        MetricsCollector { registry, events, folded, durations, known, others, types: 0, types_max }
    }

    /// Renders what this collector counts; take it before the collector moves into a bus.
    pub fn handle(&self) -> MetricsHandle {
        MetricsHandle { registry: self.registry.clone() }
    }

    /// A forked child's: it counts from nothing, and the parent's handles render it in the child.
    fn again(registry: &PerProcess<Registry>, types_max: usize) -> MetricsCollector {
        let made = MetricsCollector::with_types_max(types_max);
        made.registry.get().into_iter().for_each(|own| registry.set(own));
        MetricsCollector { registry: registry.clone(), ..made }
    }

    fn count(&mut self, event: &VerificationEvent) {
        let family = event.family();
        let place = Family::KNOWN.iter().position(|known| *known == family).unwrap_or(CATEGORIES - 1);
        if let Some(duration) = event.duration {
            self.durations.with_label_values(&[family.as_str()]).observe(duration.as_secs_f64());
        }
        let outcome = usize::from(event.outcome.id());
        if let Some(counters) = self.known[place].get(event.action.as_str()) {
            counters[outcome].inc();
        } else if self.types < self.types_max {
            self.types += 1;
            let counters = counters(&self.events, family, &event.action);
            counters[outcome].inc();
            self.known[place].insert(event.action.clone(), counters);
        } else {
            self.folded.inc();
            self.others[place].get_or_insert_with(|| counters(&self.events, family, OTHER))[outcome].inc();
        }
    }
}

fn counters(events: &IntCounterVec, family: Family, action: &str) -> [IntCounter; Outcome::ALL.len()] {
    Outcome::ALL.map(|outcome| events.with_label_values(&[family.as_str(), action, outcome.as_str()]))
}

impl EventHandler for MetricsCollector {
    fn name(&self) -> &str {
        "metrics"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        for event in batch {
            self.count(event);
        }
        Ok(())
    }

    fn for_child(&self) -> Option<HandlerFactory> {
        let (registry, types_max) = (self.registry.clone(), self.types_max);
        Some(Box::new(move || Ok(Box::new(MetricsCollector::again(&registry, types_max)))))
    }
}
