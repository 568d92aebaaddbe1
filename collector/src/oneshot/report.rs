//! What one run found: the document of `--json`, from which the page for people is made too.

use std::collections::BTreeMap;

use serde::Serialize;
use veribus_core::{BusHealth, CloseReport, Losses, Text};
use veribus_detection::{Alert, DetectorStats, Indicator};

use super::file_report::FileReport;
use super::remark::Remark;
use super::tally::{Success, Tally, Who};
use super::trail::TrailReport;
use crate::cli::Exit;

/// Everything about one run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub(super) veribus: &'static str,
    pub(super) files: Vec<FileReport>,
    pub(super) lines_total: u64,
    pub(super) unparsed_total: u64,
    pub(super) events_total: u64,
    pub(super) events_by_kind: BTreeMap<String, u64>,
    pub(super) events_by_outcome: BTreeMap<&'static str, u64>,
    /// Highest risk first.
    pub(super) alerts: Vec<Alert>,
    /// Highest risk of any alert on it first; the first so many.
    pub(super) indicators: Vec<Indicator>,
    pub(super) indicators_total: usize,
    pub(super) successes: Vec<NamedSuccess>,
    /// Successes above the number that is named.
    pub(super) successes_unnamed: u64,
    pub(super) audit: TrailReport,
    /// What could not be read.
    pub(super) errors: Vec<Remark>,
    /// What is unusual, but was read.
    pub(super) notes: Vec<Remark>,
    pub(super) losses: LossReport,
    pub(super) detection: Option<DetectorStats>,
    /// Whether `--fail-on` was met.
    pub(super) failed_on: bool,
    pub(super) elapsed_ms: u64,
}

/// Who succeeded, how often, and when.
#[derive(Debug, Serialize)]
pub(super) struct NamedSuccess {
    pub(super) actor: Option<String>,
    /// Address or host.
    pub(super) source: Option<String>,
    pub(super) action: String,
    pub(super) method: Option<String>,
    #[serde(flatten)]
    pub(super) when: Success,
}

impl NamedSuccess {
    fn of(who: &Who, when: Success) -> Self {
        let owned = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
        NamedSuccess {
            actor: owned(&who.actor),
            source: owned(&who.source),
            action: who.action.to_string(),
            method: owned(&who.method),
            when,
        }
    }
}

/// The ledger of the bus: nothing is lost silently.
#[derive(Debug, Default, Serialize)]
pub(super) struct LossReport {
    /// Events that did not reach every handler.
    pub(super) total: u64,
    /// Refused by the bus, by reason.
    pub(super) refused: BTreeMap<&'static str, u64>,
    /// Refused because they break a limit of events.
    pub(super) rejected: u64,
    /// Lost by a handler, by handler and reason.
    pub(super) by_handler: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Handlers that were still busy when time was up.
    pub(super) unfinished: Vec<String>,
    /// Whether accepted and lost events add up to those attempted, everywhere.
    pub(super) balanced: bool,
    #[serde(skip)]
    panicked: bool,
}

impl LossReport {
    /// Reads a bus that was closed.
    pub(super) fn of(health: &BusHealth, closed: &CloseReport) -> Self {
        let whole = health.accepted + health.dropped.total() + health.rejected + health.returned;
        let handlers = || health.handlers.iter();
        let lost = handlers().filter(|h| h.lost.total() > 0);
        LossReport {
            total: health.dropped.total() + health.rejected + handlers().map(|h| h.lost.total()).sum::<u64>(),
            refused: by_reason(&health.dropped),
            rejected: health.rejected,
            by_handler: lost.map(|h| (h.name.clone(), by_reason(&h.lost))).collect(),
            unfinished: closed.unfinished.clone(),
            balanced: health.attempted == whole
                && handlers().all(|h| h.accepted == h.filtered + h.handled + h.lost.total() + h.queued),
            panicked: handlers().any(|h| h.panics > 0),
        }
    }

    fn exit(&self) -> Exit {
        let lost = if self.total > 0 || !self.unfinished.is_empty() { Exit::Lost } else { Exit::Fine };
        if self.panicked || !self.balanced { Exit::Bug } else { lost }
    }
}

fn by_reason(losses: &Losses) -> BTreeMap<&'static str, u64> {
    losses.iter().map(|(reason, count)| (reason.as_str(), count)).collect()
}

impl Report {
    /// The exit code that the run deserves.
    pub fn exit(&self) -> Exit {
        let found = if self.errors.is_empty() && !self.failed_on { Exit::Fine } else { Exit::Found };
        let trail = if self.audit.verified { Exit::Fine } else { Exit::Lost };
        found.worst(trail).worst(self.losses.exit())
    }

    /// Takes over what was counted.
    pub(super) fn count(&mut self, tally: &Tally) {
        self.events_total = tally.total;
        self.events_by_kind = tally.by_kind.iter().map(|(kind, count)| (kind.to_string(), *count)).collect();
        self.events_by_outcome = tally.by_outcome.clone();
        let successes = tally.successes().into_iter();
        self.successes = successes.map(|(who, when)| NamedSuccess::of(who, when)).collect();
        self.successes_unnamed = tally.successes_unnamed;
    }
}
