//! Lint: what a rule says that no event could answer, and what it forgot to say.

use std::collections::HashMap;

use rsigma_parser::{CorrelationCondition, Detection, Level, LogSource};
use veribus_core::Family;

use super::error::{Code, Document, Fault, RuleError};
use super::parse::Sources;
use crate::field::{Field, KNOWN};

/// Names that rule authors bring from elsewhere, with ours.
const ELSEWHERE: &[(&str, &str)] = &[
    ("user", "actor"),
    ("username", "actor"),
    ("TargetUserName", "actor"),
    ("account", "actor"),
    ("ip", "source_ip"),
    ("src_ip", "source_ip"),
    ("IpAddress", "source_ip"),
    ("client_ip", "source_ip"),
    ("host", "source_host"),
    ("event", "action"),
    ("event_type", "action"),
    ("type", "kind"),
    ("category", "kind"),
    ("status", "outcome"),
    ("result", "outcome"),
    ("resource", "target"),
    ("level", "severity"),
    ("actor.name", "actor"),
    ("actor.ip", "source_ip"),
    ("target.name", "target"),
];

/// Adds the faults of every document.
pub(super) fn check(sources: &Sources<'_>, errors: &mut Vec<RuleError>) {
    let mut names = HashMap::new();
    for source in &sources.detections {
        let (at, rule) = (source.at, &source.rule);
        let mut faults = header(&rule.title, rule.id.as_deref(), rule.level);
        faults.extend(unique(&[rule.id.as_deref(), rule.name.as_deref()], at, &mut names));
        faults.extend(logsource(&rule.logsource));
        let mut fields = Vec::new();
        rule.detection.named.values().for_each(|d| detection_fields(d, &mut fields));
        faults.extend(unknown_fields(&fields));
        errors.extend(faults.into_iter().map(|fault| at.error(fault)));
    }
    for source in &sources.correlations {
        let (at, rule) = (source.at, &source.rule);
        let mut faults = header(&rule.title, rule.id.as_deref(), rule.level);
        faults.extend(unique(&[rule.id.as_deref(), rule.name.as_deref()], at, &mut names));
        let aliased = |name: &&String| rule.aliases.iter().all(|a| a.alias != **name);
        let mut fields: Vec<String> = rule.group_by.iter().filter(aliased).cloned().collect();
        fields.extend(rule.aliases.iter().flat_map(|a| a.mapping.values().cloned()));
        if let CorrelationCondition::Threshold { field: Some(counted), .. } = &rule.condition {
            fields.extend(counted.iter().cloned());
        }
        faults.extend(unknown_fields(&fields));
        errors.extend(faults.into_iter().map(|fault| at.error(fault)));
    }
}

/// The families that events of this log source have; none where no event comes from it.
pub(super) fn families(source: &LogSource) -> Vec<Family> {
    if source.product.as_deref().is_some_and(|p| !p.eq_ignore_ascii_case("veribus")) {
        return Vec::new();
    }
    match source.category.as_deref() {
        None => Family::KNOWN.into_iter().chain([Family::Unknown]).collect(),
        Some(name) => Family::from_name(&name.to_lowercase()).into_iter().collect(),
    }
}

fn header(title: &str, id: Option<&str>, level: Option<Level>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if title.trim().is_empty() || title.chars().count() > 256 {
        faults.push(Fault::at("title", Code::Title, "a title has 1 to 256 characters"));
    }
    if id.is_none() {
        let message = "no `id`; give it a UUID, so that alerts stay the same when the title changes";
        faults.push(Fault::at("", Code::IdMissing, message));
    }
    if level.is_none() {
        let message = "no `level` of informational, low, medium, high, critical; taken as medium";
        faults.push(Fault::at("level", Code::Level, message));
    }
    faults
}

fn unique<'a>(
    names: &[Option<&'a str>],
    at: Document<'a>,
    seen: &mut HashMap<&'a str, Document<'a>>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for name in names.iter().flatten() {
        if let Some(other) = seen.insert(name, at) {
            let message =
                format!("`{name}` is also the id or name of the rule at {}:{}", other.file, other.line);
            faults.push(Fault::at(name, Code::Duplicate, message));
        }
    }
    faults
}

fn logsource(source: &LogSource) -> Option<Fault> {
    if source.category.is_none() && source.product.is_none() && source.service.is_none() {
        let message = "`logsource` is empty; write `product: veribus` and a `category`";
        return Some(Fault::at("logsource", Code::LogsourceMissing, message));
    }
    if !families(source).is_empty() {
        return None;
    }
    let known = Family::KNOWN.map(Family::as_str).join(", ");
    let message =
        format!("no event comes from this log source; `product: veribus` has the categories {known}");
    Some(Fault::at("logsource", Code::LogsourceUnknown, message))
}

fn detection_fields(detection: &Detection, fields: &mut Vec<String>) {
    match detection {
        Detection::AllOf(items) => fields.extend(items.iter().filter_map(|i| i.field.name.clone())),
        Detection::AnyOf(parts) | Detection::And(parts) => {
            parts.iter().for_each(|p| detection_fields(p, fields));
        }
        Detection::ArrayMatch { field, .. } => fields.push(field.clone()),
        Detection::Keywords(_) | Detection::Conditional { .. } => {}
    }
}

/// Attributes are open, so any name may be one; only those that look like ours misspelt are worth a word.
fn unknown_fields(fields: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for name in fields {
        if matches!(Field::named(name), Field::Known(_)) || name.starts_with("attributes.") {
            continue;
        }
        let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
        let ours = elsewhere.map(|(_, ours)| *ours).or_else(|| {
            KNOWN
                .iter()
                .map(|(known, _, _)| *known)
                .find(|known| distance(name, known) <= 2.min(known.len() / 3))
        });
        if let Some(ours) = ours {
            let message = format!(
                "`{name}` is taken as an attribute; did you mean `{ours}`? (`attributes.{name}` says that you did not)"
            );
            faults.push(Fault::at(name, Code::FieldUnknown, message));
        }
    }
    faults
}

/// Levenshtein distance, in characters, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row.last().copied().unwrap_or(0)
}
