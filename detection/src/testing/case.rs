//! Cases of rule tests, read from JSON Lines.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use veribus_core::codec::event_from_json;
use veribus_core::{EventId, VerificationEvent};

/// Most events of one case, repeats included.
const EVENTS_MAX: usize = 10_000;

/// Events, and what a rule is expected to make of them.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) rule: String,
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) alerts: usize,
    pub(super) entity: Option<String>,
    pub(super) steps: Vec<Step>,
}

/// One event of a case: its number in the case, from 1, and the line it stands on.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) number: usize,
    pub(super) line: usize,
    pub(super) event: VerificationEvent,
    pub(super) service: Option<String>,
}

/// A line that cannot be read.
#[derive(Debug)]
pub(super) struct BadLine {
    pub(super) rule: String,
    pub(super) line: usize,
    pub(super) case: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    case: String,
    rule: Option<String>,
    alerts: usize,
    entity: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    event: serde_json::Value,
    #[serde(default = "once")]
    repeat: usize,
    #[serde(default)]
    every_s: u64,
    service: Option<String>,
}

fn once() -> usize {
    1
}

/// The cases of a file, and the lines that cannot be read. The rule is the file's name unless a case says so.
pub(super) fn read(file: &str, text: &str) -> Vec<Result<Case, BadLine>> {
    let stem = Path::new(file).file_stem().and_then(|s| s.to_str()).unwrap_or(file).to_owned();
    let mut cases: Vec<Result<Case, BadLine>> = Vec::new();
    let mut bad = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let open = cases.iter_mut().rev().find_map(|case| case.as_mut().ok());
        let name = open.as_ref().map_or_else(String::new, |case| case.name.clone());
        match read_line(line, number, open, &stem) {
            Ok(Some(case)) => cases.push(Ok(case)),
            Ok(None) => {}
            Err(message) => bad.push(Err(BadLine { rule: stem.clone(), line: number, case: name, message })),
        }
    }
    if cases.is_empty() && bad.is_empty() {
        let message = "the file holds no case".to_owned();
        bad.push(Err(BadLine { rule: stem, line: 1, case: String::new(), message }));
    }
    cases.extend(bad);
    cases
}

/// A new case, or nothing if the line added events to the `open` one.
fn read_line(line: &str, number: usize, open: Option<&mut Case>, stem: &str) -> Result<Option<Case>, String> {
    let value: serde_json::Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    if value.get("case").is_some() {
        let header: Header = serde_json::from_value(value).map_err(|e| format!("not a case: {e}"))?;
        return Ok(Some(Case {
            rule: header.rule.unwrap_or_else(|| stem.to_owned()),
            line: number,
            name: header.case,
            alerts: header.alerts,
            entity: header.entity,
            steps: Vec::new(),
        }));
    }
    let case = open.ok_or("an event before the first `case`")?;
    let repeated = if value.get("event").is_some() {
        serde_json::from_value(value).map_err(|e| format!("not an event: {e}"))?
    } else {
        Repeated { event: value, repeat: 1, every_s: 0, service: None }
    };
    if repeated.repeat > EVENTS_MAX - case.steps.len() {
        return Err(format!("a case has {EVENTS_MAX} events at most"));
    }
    let text = repeated.event.to_string();
    for n in 0..repeated.repeat {
        let text = text.replace("{n}", &(n + 1).to_string());
        let mut event = event_from_json(text.as_bytes()).map_err(|e| format!("not an event: {e}"))?;
        event.time =
            event.time.saturating_add(Duration::from_secs(repeated.every_s.saturating_mul(n as u64)));
        let step = case.steps.len() + 1;
        event.id = EventId::from_bits(step as u128);
        case.steps.push(Step { number: step, line: number, event, service: repeated.service.clone() });
    }
    Ok(None)
}
