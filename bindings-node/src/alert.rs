//! Alerts in the process: rules as objects of `ts/alert.ts`, sinks as functions.

use std::sync::Arc;
use std::time::Duration;

use napi_derive::napi;
use veribus_handlers::alert::AlertWatch;
use veribus_handlers::{Alert, AlertHandler, AlertRule, AlertSink, SinkError, StdoutSink};

use crate::audit::already_registered;
use crate::bus::deadline;
use crate::desk::{Desk, Done};
use crate::environment;
use crate::error::{self, Result};
use crate::event;
use crate::handler::{NativeHandlerId, interest, register, severity};
use crate::native::Said;
use veribus_core::codec::json_string;

/// When to raise an alert.
#[napi(object)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// So many events …
    pub events: u32,
    /// … within so many milliseconds.
    pub within_ms: f64,
    /// The least severity.
    pub at_least: String,
    /// Which families; all if none.
    pub kinds: Option<Vec<String>>,
    /// Which outcome.
    pub outcome: Option<String>,
    /// Which action.
    pub action: Option<String>,
    /// What it is called; its name unless said.
    pub title: Option<String>,
    /// Severity of the alert; that of the event unless said.
    pub severity: Option<String>,
    /// Milliseconds in which the same entity raises no second alert.
    pub cooldown_ms: Option<f64>,
}

/// How many alerts there were.
#[napi(object)]
pub struct AlertCounts {
    /// Raised.
    pub raised: f64,
    /// Kept quiet by a cooldown.
    pub suppressed: f64,
    /// Delivered.
    pub delivered: f64,
    /// Lost.
    pub lost: f64,
    /// Entities forgotten for want of room.
    pub evicted: f64,
    /// Events about nobody.
    pub without_entity: f64,
}

/// Raises alerts; registered once.
#[napi]
pub struct NativeAlertHandler {
    waiting: Option<AlertHandler>,
    watch: AlertWatch,
}

#[napi]
impl NativeAlertHandler {
    /// Without rules it has two of its own. `sink` is a function's number at the desk; without one it prints lines.
    #[napi(constructor)]
    pub fn new(rules: Vec<Rule>, sink: Option<u32>, json: bool, cooldown_ms: f64) -> Result<Self> {
        let mut builder = AlertHandler::builder().cooldown(deadline(cooldown_ms)?);
        for given in &rules {
            builder = builder.rule(rule(given)?);
        }
        let builder = match sink {
            Some(number) => {
                let desk = environment::here(|environment| environment.desk.clone())?;
                builder.sink(JsSink { number, desk })
            }
            None if json => builder.sink(StdoutSink::new().json()),
            None => builder.sink(StdoutSink::new()),
        };
        let alerts = builder.build();
        Ok(NativeAlertHandler { watch: alerts.watch(), waiting: Some(alerts) })
    }

    /// Moves it into a bus.
    #[napi]
    pub fn register(&mut self, bus: u32, said: Said, job: u32) -> Result<NativeHandlerId> {
        let alerts = self.waiting.take().ok_or_else(|| already_registered("AlertHandler"))?;
        register(bus, Box::new(alerts), &said, job)
    }

    /// How many alerts were raised, suppressed, delivered and lost.
    #[napi]
    pub fn counts(&self) -> AlertCounts {
        let counts = self.watch.counts();
        AlertCounts {
            raised: counts.raised as f64,
            suppressed: counts.suppressed as f64,
            delivered: counts.delivered as f64,
            lost: counts.lost as f64,
            evicted: counts.evicted as f64,
            without_entity: counts.without_entity as f64,
        }
    }
}

fn rule(given: &Rule) -> Result<AlertRule> {
    let within = if given.events > 1 { deadline(given.within_ms)? } else { Duration::ZERO };
    let mut rule = AlertRule::failures(&given.name, given.events.max(1) as usize, within)
        .of(interest(given.kinds.as_deref(), Some(&given.at_least))?)
        .title(given.title.as_deref().unwrap_or(&given.name));
    let outcome = given.outcome.as_deref().map(str::parse).transpose();
    rule = rule.outcome(outcome.map_err(|found| error::event(&found))?);
    if let Some(action) = &given.action {
        rule = rule.action(action);
    }
    if let Some(name) = &given.severity {
        rule = rule.severity(severity(name)?);
    }
    if let Some(milliseconds) = given.cooldown_ms {
        rule = rule.cooldown(deadline(milliseconds)?);
    }
    Ok(rule)
}

/// A JavaScript function that is given each alert.
struct JsSink {
    number: u32,
    desk: Arc<Desk>,
}

/// The alert as JSON, with its line and the event that completed the match.
fn to_json(alert: &Alert) -> String {
    let mut line = Vec::new();
    json_string(&alert.to_string(), &mut line);
    let mut whole = Vec::new();
    alert.to_json(&mut whole);
    let entity = alert.entity.as_ref().map_or_else(
        || "null".to_owned(),
        |entity| {
            let mut name = Vec::new();
            json_string(&entity.to_string(), &mut name);
            format!("{{\"kind\":\"{}\",\"name\":{}}}", entity.kind(), String::from_utf8_lossy(&name))
        },
    );
    format!(
        "{{\"line\":{},\"entity\":{entity},\"firstSeen\":\"{}\",\"lastSeen\":\"{}\",\"alert\":{},\"event\":{}}}",
        String::from_utf8_lossy(&line),
        alert.first_seen,
        alert.last_seen,
        String::from_utf8_lossy(&whole),
        event::line(&alert.event)
    )
}

impl AlertSink for JsSink {
    fn name(&self) -> &str {
        "javascript"
    }

    fn deliver(&mut self, alert: &Alert) -> Result<(), SinkError> {
        match self.desk.ask(self.number, "alert", to_json(alert)) {
            Done::Fine => Ok(()),
            Done::Retry(_, text) | Done::Threw(text) => {
                Err(SinkError::Retry { after: None, source: text.into() })
            }
            Done::Gone(text) => Err(SinkError::Permanent(text.into())),
        }
    }
}

impl Drop for JsSink {
    fn drop(&mut self) {
        let _counted_by_nobody = self.desk.ask(self.number, "close", String::new());
    }
}
