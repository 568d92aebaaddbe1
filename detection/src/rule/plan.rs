//! The plan: a rule's condition as a tree of comparisons that allocate nothing where text meets text.
//!
//! `rsigma` parses and compiles; its matchers lower-case a copy of each value they look at, so equality with
//! text, which is nearly all that rules ask, is done here, and every other comparison is left to them.

use std::collections::HashMap;

use rsigma_eval::matcher::GroupMode;
use rsigma_eval::{CompiledDetection, CompiledMatcher, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};
use veribus_core::{Outcome, Value};

use crate::field::{Field, FieldValue, Known};
use crate::view::{EventView, sigma_value};

/// What must hold of one event.
#[derive(Debug)]
pub(crate) enum Plan {
    All(Vec<Plan>),
    Any(Vec<Plan>),
    AtLeast(u64, Vec<Plan>),
    Not(Box<Plan>),
    Item(Item),
    /// Keywords and array blocks, in Sigma's own evaluator; the map holds one detection, named `it`.
    Sigma(HashMap<String, CompiledDetection>),
}

/// One field and what it must be.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) field: Field,
    pub(crate) test: Test,
}

#[derive(Debug)]
pub(crate) enum Test {
    Exists(bool),
    Null,
    /// One of these texts, lower-cased unless `cased`; values that are not text are left to `matcher`.
    Equals {
        values: Vec<String>,
        cased: bool,
        matcher: CompiledMatcher,
    },
    Matches(CompiledMatcher),
}

impl Plan {
    /// The plan of a compiled rule: any of its conditions.
    pub(crate) fn of(rule: &CompiledRule) -> Plan {
        let mut conditions: Vec<Plan> =
            rule.conditions.iter().map(|c| condition(c, &rule.detections)).collect();
        match conditions.len() {
            1 => conditions.remove(0),
            _ => Plan::Any(conditions),
        }
    }

    /// Whether `view` is what the rule describes.
    pub(crate) fn matches(&self, view: &EventView<'_>) -> bool {
        match self {
            Plan::All(plans) => plans.iter().all(|p| p.matches(view)),
            Plan::Any(plans) => plans.iter().any(|p| p.matches(view)),
            Plan::AtLeast(n, plans) => plans.iter().filter(|p| p.matches(view)).count() as u64 >= *n,
            Plan::Not(plan) => !plan.matches(view),
            Plan::Item(item) => item.matches(view),
            Plan::Sigma(detections) => {
                let it = ConditionExpr::Identifier("it".to_owned());
                rsigma_eval::compiler::eval_condition(&it, detections, view, &mut Vec::new())
            }
        }
    }

    /// The only values of `field` for which this can hold, lower-cased; `None` if it does not say.
    pub(crate) fn pinned(&self, field: Known) -> Option<Vec<String>> {
        match self {
            Plan::Item(Item { field: Field::Known(known), test: Test::Equals { values, .. } })
                if *known == field =>
            {
                Some(values.iter().map(|v| v.to_lowercase()).collect())
            }
            Plan::All(plans) => plans.iter().filter_map(|p| p.pinned(field)).min_by_key(Vec::len),
            Plan::Any(plans) if !plans.is_empty() => {
                let sets: Option<Vec<Vec<String>>> = plans.iter().map(|p| p.pinned(field)).collect();
                sets.map(|sets| sets.into_iter().flatten().collect())
            }
            _ => None,
        }
    }

    /// The outcomes for which this can hold, as bits by [`Outcome::id`].
    pub(crate) fn outcomes(&self) -> u8 {
        self.pinned(Known::Outcome).map_or(u8::MAX, |names| {
            let named = |o: &Outcome| names.iter().any(|n| n == o.as_str());
            Outcome::ALL.into_iter().filter(named).fold(0, |bits, o| bits | 1 << o.id())
        })
    }

    /// Why `view` is not what the rule describes: the first comparison that fails, in words.
    pub(crate) fn why_not(&self, view: &EventView<'_>) -> Option<String> {
        if self.matches(view) {
            return None;
        }
        match self {
            Plan::All(plans) => plans.iter().find_map(|p| p.why_not(view)),
            Plan::Any(plans) | Plan::AtLeast(_, plans) => {
                let all: Vec<String> = plans.iter().filter_map(|p| p.why_not(view)).take(3).collect();
                Some(all.join("; "))
            }
            Plan::Not(_) => Some("an excluding part of the condition holds".to_owned()),
            Plan::Item(item) => Some(item.why_not(view)),
            Plan::Sigma(_) => Some("no keyword or array member matches".to_owned()),
        }
    }
}

fn condition(expr: &ConditionExpr, detections: &HashMap<String, CompiledDetection>) -> Plan {
    let each = |exprs: &[ConditionExpr]| exprs.iter().map(|e| condition(e, detections)).collect();
    match expr {
        ConditionExpr::And(exprs) => Plan::All(each(exprs)),
        ConditionExpr::Or(exprs) => Plan::Any(each(exprs)),
        ConditionExpr::Not(inner) => Plan::Not(Box::new(condition(inner, detections))),
        ConditionExpr::Identifier(name) => {
            detections.get(name).map_or_else(|| Plan::Any(Vec::new()), detection)
        }
        ConditionExpr::Selector { quantifier, pattern } => {
            let mut named: Vec<_> =
                detections.iter().filter(|(name, _)| pattern.matches_detection_name(name)).collect();
            named.sort_by_key(|(name, _)| *name);
            let plans = named.into_iter().map(|(_, d)| detection(d)).collect();
            match quantifier {
                Quantifier::Any => Plan::Any(plans),
                Quantifier::All => Plan::All(plans),
                Quantifier::Count(n) => Plan::AtLeast(*n, plans),
            }
        }
    }
}

fn detection(it: &CompiledDetection) -> Plan {
    match it {
        CompiledDetection::AllOf(items) if items.iter().all(|i| i.field.is_some()) => {
            Plan::All(items.iter().filter_map(item).collect())
        }
        CompiledDetection::AnyOf(them) => Plan::Any(them.iter().map(detection).collect()),
        CompiledDetection::And(them) => Plan::All(them.iter().map(detection).collect()),
        other => Plan::Sigma(HashMap::from([("it".to_owned(), other.clone())])),
    }
}

fn item(item: &rsigma_eval::CompiledDetectionItem) -> Option<Plan> {
    let field = Field::named(item.field.as_deref()?);
    let test = match (item.exists, &item.matcher) {
        (Some(expected), _) => Test::Exists(expected),
        (None, CompiledMatcher::Null) => Test::Null,
        (None, matcher) => match equal_texts(matcher) {
            Some((values, cased)) => Test::Equals { values, cased, matcher: matcher.clone() },
            None => Test::Matches(matcher.clone()),
        },
    };
    Some(Plan::Item(Item { field, test }))
}

/// The texts a matcher compares with, and whether case counts; `None` if it does anything else.
fn equal_texts(matcher: &CompiledMatcher) -> Option<(Vec<String>, bool)> {
    match matcher {
        CompiledMatcher::Exact { value, case_insensitive } => Some((vec![value.clone()], !case_insensitive)),
        CompiledMatcher::AnyOf(children)
        | CompiledMatcher::CaseInsensitiveGroup { children, mode: GroupMode::Any } => {
            let all: Vec<_> = children.iter().map(equal_texts).collect::<Option<_>>()?;
            let cased = all.first()?.1;
            let same = all.iter().all(|(_, c)| *c == cased);
            same.then(|| (all.into_iter().flat_map(|(values, _)| values).collect(), cased))
        }
        _ => None,
    }
}

impl Item {
    fn matches(&self, view: &EventView<'_>) -> bool {
        let value = view.get(&self.field);
        match (&self.test, value) {
            (Test::Exists(expected), value) => value.is_some() == *expected,
            (Test::Null, value) => value.is_none(),
            (_, None) => false,
            (Test::Equals { values, cased, matcher }, Some(value)) => match value {
                FieldValue::Text(text) => equals_any(text, values, *cased),
                FieldValue::Attribute(Value::String(text)) => equals_any(text, values, *cased),
                other => matcher.matches(&sigma_value(other), view),
            },
            (Test::Matches(matcher), Some(value)) => matcher.matches(&sigma_value(value), view),
        }
    }

    fn why_not(&self, view: &EventView<'_>) -> String {
        let name = self.field.name();
        let asked = match &self.test {
            Test::Exists(true) | Test::Null => "something else".to_owned(),
            Test::Exists(false) => "nothing".to_owned(),
            Test::Equals { values, .. } => values.join(" or "),
            Test::Matches(matcher) => matcher.describe().pattern.unwrap_or_else(|| "a match".to_owned()),
        };
        match view.get(&self.field) {
            None => format!("it has no `{name}`, asked for {asked}"),
            Some(value) => format!("its `{name}` is `{}`, asked for {asked}", value.to_text()),
        }
    }
}

fn equals_any(text: &str, values: &[String], cased: bool) -> bool {
    if cased {
        return values.iter().any(|v| v == text);
    }
    if text.is_ascii() {
        return values.iter().any(|v| v.eq_ignore_ascii_case(text));
    }
    let folded = text.to_lowercase();
    values.contains(&folded)
}
