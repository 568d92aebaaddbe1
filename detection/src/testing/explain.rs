//! Why a rule stayed silent, said to its author.

use super::case::{Case, Step};
use crate::detector::{Detector, Settings};
use crate::field::Field;
use crate::memory::{IndicatorMemory, Seen};
use crate::rule::correlation::Correlation;
use crate::rule::plan::Plan;
use crate::rule::{Body, Rule, RuleSet};
use crate::view::EventView;

/// Why rule `index` made fewer alerts than `case` expects; `detector` has run the case.
pub(super) fn silence(rules: &RuleSet, index: usize, case: &Case, detector: &Detector) -> String {
    let rule = &rules.inner.rules[index];
    if case.steps.is_empty() {
        return "the case has no events".to_owned();
    }
    if !rule.alerts {
        return "the rule only feeds correlations; test those".to_owned();
    }
    let events = remembered(case);
    match &rule.body {
        Body::Detection(plan) => mismatch(rule, plan, &events),
        Body::Correlation(correlation) => {
            let stats = &detector.stats().engine.rules[index];
            let mut why = format!("condition `{}` saw {}", correlation.describe(), stats.closest);
            if let Some(missing) = missing_field(rules, correlation, &events) {
                why = format!("{why}; {missing}");
            } else if let Some(mismatch) = unfed(rules, correlation, &events) {
                why = format!("{why}; {mismatch}");
            }
            why
        }
    }
}

/// The events with what the memory knew before each.
fn remembered(case: &Case) -> Vec<(&Step, Seen)> {
    let (mut memory, max) = (IndicatorMemory::new(), Settings::default().indicators_max);
    case.steps.iter().map(|step| (step, memory.observe(&step.event, max))).collect()
}

fn view<'a>((step, seen): &(&'a Step, Seen)) -> EventView<'a> {
    EventView::new(&step.event, step.service.as_deref(), *seen)
}

/// Why the first event of the right family is not what the rule describes.
fn mismatch(rule: &Rule, plan: &Plan, events: &[(&Step, Seen)]) -> String {
    let found = events.iter().find_map(|event| Some((event.0, plan.why_not(&view(event))?)));
    match found {
        Some((step, why)) => format!("{} does not match `{}`: {why}", step.place(), rule.info.name),
        None => {
            format!("its log source is not that of the events: `{}` looks at another kind", rule.info.name)
        }
    }
}

/// The detections that reach a correlation in the end, with its group-by fields for each.
fn feeders<'r>(
    rules: &'r RuleSet,
    correlation: &'r Correlation,
) -> impl Iterator<Item = (&'r Rule, &'r Plan, &'r [Field])> {
    correlation.references.iter().zip(&correlation.groups).filter_map(|(index, group)| {
        let rule = &rules.inner.rules[*index];
        match &rule.body {
            Body::Detection(plan) => Some((rule, plan, group.as_slice())),
            Body::Correlation(_) => None,
        }
    })
}

/// The first event that matched but lacks a field that is needed.
fn missing_field(rules: &RuleSet, correlation: &Correlation, events: &[(&Step, Seen)]) -> Option<String> {
    events.iter().find_map(|event| {
        let view = view(event);
        let (rule, field) = feeders(rules, correlation).filter(|(_, plan, _)| plan.matches(&view)).find_map(
            |(rule, _, group)| {
                let lacking = |field: &&Field| view.get(field).is_none();
                Some((rule, group.iter().chain(&correlation.values).find(lacking)?))
            },
        )?;
        let (step, name) = (event.0.place(), &rule.info.name);
        Some(format!("{step} matches `{name}` but has no `{}`, so it was not counted", field.name()))
    })
}

/// The first event that none of the rules it watches matches.
fn unfed(rules: &RuleSet, correlation: &Correlation, events: &[(&Step, Seen)]) -> Option<String> {
    events.iter().find_map(|event| {
        let view = view(event);
        let mut reasons = Vec::new();
        for (rule, plan, _) in feeders(rules, correlation) {
            reasons.push((rule, plan.why_not(&view)?));
        }
        let (rule, why) = reasons.into_iter().next()?;
        Some(format!("{} does not match `{}`: {why}", event.0.place(), rule.info.name))
    })
}
