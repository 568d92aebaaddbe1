//! Counts events and renders Prometheus text, with labels that no attacker can multiply.
//!
//! [`MetricsCollector`] is the handler; [`MetricsHandle`] renders, from any thread, what it counted and, if given
//! the bus's health, the loss ledger. Every name is in `docs/handlers.md`.

mod collector;
mod health;

use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};
use veribus_core::BusHealth;

pub use collector::MetricsCollector;

use crate::PerProcess;

/// Renders the metrics of one [`MetricsCollector`]. Cheap to clone; usable after the collector moved into a bus.
#[derive(Debug, Clone)]
pub struct MetricsHandle {
    registry: PerProcess<Registry>,
}

impl MetricsHandle {
    /// Content type of [`MetricsHandle::render`]'s answer.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// The exposition in text format 0.0.4: what was counted, and the ledger where `health` is given.
    ///
    /// Families are sorted by name; each line ends with a newline, the last one too. A forked child counts for itself.
    pub fn render(&self, health: Option<&BusHealth>) -> String {
        let mut families = self.registry.get().map(|registry| registry.gather()).unwrap_or_default();
        if let Some(health) = health {
            families.extend(health::families(health));
        }
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        encode(&families)
    }
}

fn encode(families: &[MetricFamily]) -> String {
    TextEncoder::new()
        .encode_to_string(families)
        .expect("families have a name and a metric, and strings can grow")
}
