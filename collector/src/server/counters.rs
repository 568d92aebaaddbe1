//! What the collector counts about itself, and its Prometheus names.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use veribus_core::LossReason;

use crate::pipeline::Outcome;
use crate::receive::{Reception, ReceptionStatus};
use crate::store::{Inserted, LettersHeld, StoreError};

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Events stored.
    pub accepted: AtomicU64,
    /// Events that were stored already.
    pub duplicates: AtomicU64,
    /// Events that came with a known id and another content.
    pub conflicts: AtomicU64,
    /// Events that were refused.
    pub rejected: AtomicU64,
    /// Fields of arriving events in which a secret was replaced.
    pub redacted: AtomicU64,
    /// Alerts raised or renewed.
    pub alerts: AtomicU64,
    /// Transactions committed.
    pub commits: AtomicU64,
    /// Transactions that failed.
    pub commit_failures: AtomicU64,
    /// Requests without the right token.
    pub auth_failures: AtomicU64,
    /// Requests refused because too much was waiting.
    pub queue_refusals: AtomicU64,
    /// Requests refused because the token sent too many events.
    pub rate_refusals: AtomicU64,
    /// Connections closed at once because there were too many.
    pub connections_refused: AtomicU64,
    /// Times that a dead letter found no room and stayed with its broker.
    pub letters_refused: AtomicU64,
    /// Dead letters that are kept now.
    letters: AtomicU64,
    /// Bytes of their bodies.
    letter_bytes: AtomicU64,
    /// Events of the collector itself that found the queue full.
    pub own_events_lost: AtomicU64,
    /// Events that senders lost, by reason.
    losses: [AtomicU64; LossReason::COUNT],
    last_store_error: Mutex<Option<&'static str>>,
}

impl Counters {
    /// Counts what a transaction did.
    pub fn committed(&self, outcome: &Outcome) {
        let of = |wanted: fn(&Inserted) -> bool| {
            outcome.answers.iter().flatten().filter(|a| wanted(a)).count() as u64
        };
        let add = |counter: &AtomicU64, n: u64| counter.fetch_add(n, Ordering::Relaxed);
        add(&self.accepted, of(|answer| matches!(answer, Inserted::Stored(_))));
        add(&self.duplicates, of(|answer| *answer == Inserted::Duplicate));
        add(&self.conflicts, outcome.conflicts as u64);
        add(&self.alerts, outcome.alerts as u64);
        add(&self.commits, 1);
        for (reason, count) in outcome.losses.iter() {
            add(&self.losses[reason as usize], count);
        }
        *self.last_store_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Keeps how much is set aside now.
    pub fn hold_letters(&self, held: LettersHeld) {
        self.letters.store(held.letters, Ordering::Relaxed);
        self.letter_bytes.store(held.bytes, Ordering::Relaxed);
    }

    /// How much is set aside now.
    pub fn letters_held(&self) -> LettersHeld {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LettersHeld { letters: get(&self.letters), bytes: get(&self.letter_bytes) }
    }

    /// Keeps the code of a failed transaction until one succeeds.
    pub fn remember_store_error(&self, error: &StoreError) {
        *self.last_store_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.code());
    }

    /// Code of the last transaction's error, if it failed.
    pub fn store_error(&self) -> Option<&'static str> {
        *self.last_store_error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prometheus text exposition of all counters.
    pub fn write_prometheus(&self, out: &mut String) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        family(out, "veribus_collector_events_total", "counter", "Events by what became of them.");
        for (result, value) in [
            ("accepted", &self.accepted),
            ("duplicate", &self.duplicates),
            ("conflict", &self.conflicts),
            ("rejected", &self.rejected),
        ] {
            let _infallible =
                writeln!(out, "veribus_collector_events_total{{result=\"{result}\"}} {}", get(value));
        }
        let name = "veribus_collector_losses_total";
        family(out, name, "counter", "Events that senders say they lost, by reason.");
        for reason in LossReason::ALL {
            let value = get(&self.losses[reason as usize]);
            let _infallible = writeln!(out, "{name}{{reason=\"{reason}\"}} {value}");
        }
        for (name, help, value) in [
            (
                "veribus_collector_redacted_fields_total",
                "Fields of arriving events in which a secret was replaced.",
                &self.redacted,
            ),
            ("veribus_collector_alerts_total", "Alerts raised or renewed.", &self.alerts),
            ("veribus_collector_commits_total", "Store transactions committed.", &self.commits),
            (
                "veribus_collector_commit_failures_total",
                "Store transactions that failed.",
                &self.commit_failures,
            ),
            (
                "veribus_collector_auth_failures_total",
                "Requests without the right token.",
                &self.auth_failures,
            ),
            (
                "veribus_collector_queue_refusals_total",
                "Requests refused by a full queue.",
                &self.queue_refusals,
            ),
            (
                "veribus_collector_rate_refusals_total",
                "Requests beyond the limit of events a second.",
                &self.rate_refusals,
            ),
            (
                "veribus_collector_connections_refused_total",
                "Connections beyond the limit.",
                &self.connections_refused,
            ),
            (
                "veribus_collector_dead_letters_refused_total",
                "Times that a dead letter found no room and stayed with its broker.",
                &self.letters_refused,
            ),
            (
                "veribus_collector_own_events_lost_total",
                "Own events that found the queue full.",
                &self.own_events_lost,
            ),
        ] {
            single(out, name, "counter", help, get(value));
        }
    }
}

/// Writes what became of the parcels of each broker, and whether it is received from.
pub fn write_receptions(out: &mut String, receptions: &[Arc<Reception>]) {
    if receptions.is_empty() {
        return;
    }
    let statuses: Vec<_> = receptions.iter().map(|reception| reception.status()).collect();
    let name = "veribus_collector_parcels_total";
    family(out, name, "counter", "Parcels from brokers by what became of them.");
    for status in &statuses {
        let origin = label(&status.origin);
        for (result, count) in [("stored", status.stored), ("again", status.again), ("dead", status.dead)] {
            let _infallible = writeln!(out, "{name}{{origin=\"{origin}\",result=\"{result}\"}} {count}");
        }
    }
    let mut each = |name: &str, kind: &str, help: &str, value: fn(&ReceptionStatus) -> u64| {
        family(out, name, kind, help);
        for status in &statuses {
            let (origin, value) = (label(&status.origin), value(status));
            let _infallible = writeln!(out, "{name}{{origin=\"{origin}\"}} {value}");
        }
    };
    each("veribus_collector_receiving", "gauge", "1 while parcels of a broker can be received.", |status| {
        status.receiving.into()
    });
    each("veribus_collector_broker_failures_total", "counter", "Times that a broker failed.", |status| {
        status.failures
    });
}

/// A label's value, as the exposition format quotes it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Writes a metric without labels.
pub fn single(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    family(out, name, kind, help);
    let _infallible = writeln!(out, "{name} {value}");
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _infallible = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
