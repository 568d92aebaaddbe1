//! The ledger as plain objects of `ts/health.ts`.

use std::collections::HashMap;

use napi_derive::napi;
use veribus_core::codec::json_string;
use veribus_core::{BusHealth, CloseReport, HandlerHealth, Losses};

/// A bus.
#[napi(object)]
pub struct Health {
    /// What gives events their identity.
    pub instance: String,
    /// Publishes begun and answered.
    pub attempted: f64,
    /// Events taken.
    pub accepted: f64,
    /// Events refused after they had a number, by reason.
    pub dropped: HashMap<String, f64>,
    /// Events that broke a limit.
    pub rejected: f64,
    /// Events handed back.
    pub returned: f64,
    /// Fields replaced by the redaction.
    pub redacted: f64,
    /// Rings in use.
    pub lanes: f64,
    /// Their memory.
    pub ring_bytes: f64,
    /// Whether it was closed.
    pub closed: bool,
    /// Each handler.
    pub handlers: Vec<OfHandler>,
}

/// A handler.
#[napi(object)]
pub struct OfHandler {
    /// Its name on this bus.
    pub name: String,
    /// `running`, `quarantined` or `stopped`.
    pub state: String,
    /// Events accepted since it was registered.
    pub accepted: f64,
    /// Events outside of its interest.
    pub filtered: f64,
    /// Events it took.
    pub handled: f64,
    /// Events on their way to it.
    pub queued: f64,
    /// Events it will never take, by reason.
    pub lost: HashMap<String, f64>,
    /// Calls that failed.
    pub failures: f64,
    /// How many of them were no `Retry`.
    pub panics: f64,
    /// The last failure.
    pub last_error: Option<String>,
    /// Seconds spent in it.
    pub busy_seconds: f64,
}

pub(crate) fn losses(losses: &Losses) -> HashMap<String, f64> {
    losses.iter().map(|(reason, count)| (reason.as_str().to_owned(), count as f64)).collect()
}

impl From<&BusHealth> for Health {
    fn from(health: &BusHealth) -> Self {
        Health {
            instance: health.instance.to_string(),
            attempted: health.attempted as f64,
            accepted: health.accepted as f64,
            dropped: losses(&health.dropped),
            rejected: health.rejected as f64,
            returned: health.returned as f64,
            redacted: health.redacted as f64,
            lanes: health.lanes as f64,
            ring_bytes: health.ring_bytes as f64,
            closed: health.closed,
            handlers: health.handlers.iter().map(OfHandler::from).collect(),
        }
    }
}

impl From<&HandlerHealth> for OfHandler {
    fn from(health: &HandlerHealth) -> Self {
        OfHandler {
            name: health.name.clone(),
            state: health.state.as_str().to_owned(),
            accepted: health.accepted as f64,
            filtered: health.filtered as f64,
            handled: health.handled as f64,
            queued: health.queued as f64,
            lost: losses(&health.lost),
            failures: health.failures as f64,
            panics: health.panics as f64,
            last_error: health.last_error.clone(),
            busy_seconds: health.busy_seconds,
        }
    }
}

/// A close report as JSON.
pub(crate) fn report(report: &CloseReport) -> String {
    let dropped: Vec<String> =
        report.dropped.iter().map(|(reason, count)| format!("\"{}\":{count}", reason.as_str())).collect();
    let mut unfinished = Vec::new();
    for name in &report.unfinished {
        if !unfinished.is_empty() {
            unfinished.push(b',');
        }
        json_string(name, &mut unfinished);
    }
    format!(
        "{{\"delivered\":{},\"spooled\":{},\"dropped\":{{{}}},\"unfinished\":[{}],\"closingFromHandler\":{}}}",
        report.delivered,
        report.spooled,
        dropped.join(","),
        String::from_utf8_lossy(&unfinished),
        report.closing_from_handler
    )
}
