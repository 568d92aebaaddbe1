//! A correlation: which rules it watches, grouped by what, over how long, and when it fires.

use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType, Quantifier,
    WindowMode,
};

use super::error::{Code, Fault};
use crate::engine::window::compare;
use crate::field::Field;

/// Longest timespan, in seconds: 30 days.
pub(crate) const TIMESPAN_SECONDS_MAX: u64 = 30 * 86_400;
/// Largest threshold of a count: so many entries may be kept for each group.
pub(crate) const THRESHOLD_MAX: u64 = 10_000;
/// Numbers kept for each group of a sum, average or percentile.
const NUMBERS_MAX: usize = 4_096;

/// A correlation document, checked and resolved.
#[derive(Debug)]
pub(crate) struct Correlation {
    pub(crate) measure: Measure,
    /// Referenced rules by index, in the order of the document.
    pub(crate) references: Vec<usize>,
    /// Group-by fields per referenced rule: aliases may name another field for each.
    pub(crate) groups: Vec<Vec<Field>>,
    /// What `value_…` types count or measure.
    pub(crate) values: Vec<Field>,
    pub(crate) timespan_nanos: i64,
    /// Most entries a window needs to keep to decide its condition.
    pub(crate) entries_max: usize,
    thresholds: Vec<(ConditionOperator, u64)>,
    pub(crate) expression: Option<Expression>,
}

/// What a correlation measures in its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Events,
    Values,
    Rules,
    RulesInOrder,
    Sum,
    Average,
    Percentile(u8),
}

/// A condition over the referenced rules of a `temporal` correlation.
#[derive(Debug)]
pub(crate) enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Rule(usize),
}

impl Expression {
    /// Whether it holds when `seen` says which referenced rules have matched.
    pub(crate) fn holds(&self, seen: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Expression::All(parts) => parts.iter().all(|p| p.holds(seen)),
            Expression::Any(parts) => parts.iter().any(|p| p.holds(seen)),
            Expression::Not(part) => !part.holds(seen),
            Expression::Rule(position) => seen(*position),
        }
    }
}

impl Correlation {
    /// Checks and resolves `rule`; `resolve` gives the index of a rule by id or name.
    pub(crate) fn new(
        rule: &CorrelationRule,
        resolve: impl Fn(&str) -> Option<usize>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if rule.window != WindowMode::Sliding {
            let message = format!("`window: {}` is not supported; windows are sliding", rule.window.as_str());
            faults.push(Fault::at("window", Code::Unsupported, message));
        }
        check_timespan(rule, &mut faults);
        let mut references = Vec::new();
        for name in &rule.rules {
            match resolve(name) {
                Some(index) => references.push(index),
                None => faults.push(Fault::at(
                    name,
                    Code::ReferenceMissing,
                    format!("correlation refers to rule `{name}`, which is in none of the files"),
                )),
            }
        }
        if rule.rules.is_empty() {
            faults.push(Fault::at("correlation", Code::ReferenceMissing, "correlation refers to no rule"));
        }
        let values: Vec<Field> = match &rule.condition {
            CorrelationCondition::Threshold { field: Some(fields), .. } => {
                fields.iter().map(|f| Field::named(f)).collect()
            }
            _ => Vec::new(),
        };
        let measure = measure(rule, &values, &mut faults);
        let thresholds = thresholds(rule, &mut faults);
        let expression = expression(rule, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let numbers = matches!(measure, Measure::Sum | Measure::Average | Measure::Percentile(_));
        let largest = thresholds.iter().map(|(_, n)| *n).max().unwrap_or(0);
        Ok(Correlation {
            measure,
            groups: rule.rules.iter().map(|name| groups(rule, name)).collect(),
            references,
            values,
            timespan_nanos: i64::try_from(rule.timespan.seconds * 1_000_000_000).unwrap_or(i64::MAX),
            entries_max: if numbers { NUMBERS_MAX } else { usize::try_from(largest).unwrap_or(0) + 1 },
            thresholds,
            expression,
        })
    }

    /// Whether `value` meets the condition.
    pub(crate) fn passes(&self, value: f64) -> bool {
        self.thresholds.iter().all(|(operator, limit)| compare(*operator, value, *limit as f64))
    }

    /// Whether it measures numbers.
    pub(crate) fn needs_number(&self) -> bool {
        matches!(self.measure, Measure::Sum | Measure::Average | Measure::Percentile(_))
    }

    /// The condition in words: `count >= 5 in 10m`.
    pub(crate) fn describe(&self) -> String {
        let of = self.values.iter().map(Field::name).collect::<Vec<_>>().join(", ");
        let what = match self.measure {
            Measure::Events => "count".to_owned(),
            Measure::Values => format!("distinct({of})"),
            Measure::Rules => "rules seen".to_owned(),
            Measure::RulesInOrder => "rules seen in order".to_owned(),
            Measure::Sum => format!("sum({of})"),
            Measure::Average => format!("average({of})"),
            Measure::Percentile(rank) => format!("percentile {rank} of ({of})"),
        };
        let limits: Vec<String> =
            self.thresholds.iter().map(|(op, n)| format!("{what} {} {n}", symbol(*op))).collect();
        let limits = if limits.is_empty() { what } else { limits.join(" and ") };
        format!("{limits} in {}", crate::words::span(self.timespan_nanos))
    }
}

fn check_timespan(rule: &CorrelationRule, faults: &mut Vec<Fault>) {
    let text = &rule.timespan.original;
    if rule.timespan.seconds == 0 {
        let message = format!("timespan `{text}` is zero: nothing can happen twice in it");
        faults.push(Fault::at("timespan", Code::WindowZero, message));
    }
    if rule.timespan.seconds > TIMESPAN_SECONDS_MAX {
        let message = format!("timespan `{text}` is longer than 30 days, the most that is kept");
        faults.push(Fault::at("timespan", Code::WindowLong, message));
    }
}

fn groups(rule: &CorrelationRule, reference: &str) -> Vec<Field> {
    let alias = |name: &String| rule.aliases.iter().find(|a| a.alias == *name);
    let resolved = |name: &String| match alias(name).and_then(|a| a.mapping.get(reference)) {
        Some(field) => Field::named(field),
        None => Field::named(name),
    };
    rule.group_by.iter().map(resolved).collect()
}

fn measure(rule: &CorrelationRule, values: &[Field], faults: &mut Vec<Fault>) -> Measure {
    let kind = rule.correlation_type;
    let rank = match &rule.condition {
        CorrelationCondition::Threshold { percentile, .. } => percentile.unwrap_or(50),
        CorrelationCondition::Extended(_) => 50,
    };
    let counted = matches!(kind, CorrelationType::ValueCount);
    let measured = matches!(
        kind,
        CorrelationType::ValueSum
            | CorrelationType::ValueAvg
            | CorrelationType::ValuePercentile
            | CorrelationType::ValueMedian
    );
    if (counted && values.is_empty()) || (measured && values.len() != 1) {
        let message = format!("a {} condition names its `field`", kind.as_str());
        faults.push(Fault::at("condition", Code::ConditionInvalid, message));
    }
    if !(1..=100).contains(&rank) {
        faults.push(Fault::at("percentile", Code::ConditionInvalid, "percentile is from 1 to 100"));
    }
    match kind {
        CorrelationType::EventCount => Measure::Events,
        CorrelationType::ValueCount => Measure::Values,
        CorrelationType::Temporal => Measure::Rules,
        CorrelationType::TemporalOrdered => Measure::RulesInOrder,
        CorrelationType::ValueSum => Measure::Sum,
        CorrelationType::ValueAvg => Measure::Average,
        CorrelationType::ValuePercentile => Measure::Percentile(u8::try_from(rank).unwrap_or(50)),
        CorrelationType::ValueMedian => Measure::Percentile(50),
    }
}

/// The thresholds, refused where no number meets all of them. `temporal` without any asks for all rules.
fn thresholds(rule: &CorrelationRule, faults: &mut Vec<Fault>) -> Vec<(ConditionOperator, u64)> {
    let temporal =
        matches!(rule.correlation_type, CorrelationType::Temporal | CorrelationType::TemporalOrdered);
    let CorrelationCondition::Threshold { predicates, .. } = &rule.condition else { return Vec::new() };
    if temporal && predicates == &[(ConditionOperator::Gte, 1)] {
        return vec![(ConditionOperator::Gte, rule.rules.len() as u64)];
    }
    let counts = matches!(rule.correlation_type, CorrelationType::EventCount | CorrelationType::ValueCount);
    if counts && predicates.iter().any(|(_, n)| *n > THRESHOLD_MAX) {
        let message = format!("a count is compared with {THRESHOLD_MAX} at most");
        faults.push(Fault::at("condition", Code::ThresholdLarge, message));
        return Vec::new();
    }
    let whole = counts || temporal;
    let meets = |value: f64| predicates.iter().all(|(op, n)| compare(*op, value, *n as f64));
    let near = |(_, n): &(ConditionOperator, u64)| {
        let n = *n as f64;
        if whole { vec![n - 1.0, n, n + 1.0] } else { vec![n - 0.5, n, n + 0.5] }
    };
    // Each region between thresholds holds one of the numbers beside them. Something was counted, so at least 1.
    let possible = predicates.iter().flat_map(near).filter(|n| !whole || *n >= 1.0).any(meets);
    if !possible {
        let written: Vec<String> = predicates.iter().map(|(op, n)| format!("{} {n}", symbol(*op))).collect();
        let message = format!("no number is {}: the rule could never fire", written.join(" and "));
        faults.push(Fault::at("condition", Code::ConditionContradictory, message));
    }
    predicates.clone()
}

fn expression(rule: &CorrelationRule, faults: &mut Vec<Fault>) -> Option<Expression> {
    let CorrelationCondition::Extended(expr) = &rule.condition else { return None };
    if rule.correlation_type != CorrelationType::Temporal {
        let message = "a condition over rule names belongs to type `temporal` alone";
        faults.push(Fault::at("condition", Code::Unsupported, message));
        return None;
    }
    match resolve_expression(expr, &rule.rules) {
        Ok(expression) => Some(expression),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

fn resolve_expression(expr: &ConditionExpr, rules: &[String]) -> Result<Expression, Fault> {
    let each = |parts: &[ConditionExpr]| -> Result<Vec<Expression>, Fault> {
        parts.iter().map(|p| resolve_expression(p, rules)).collect()
    };
    Ok(match expr {
        ConditionExpr::And(parts) => Expression::All(each(parts)?),
        ConditionExpr::Or(parts) => Expression::Any(each(parts)?),
        ConditionExpr::Not(part) => Expression::Not(Box::new(resolve_expression(part, rules)?)),
        ConditionExpr::Identifier(name) => {
            let position = rules.iter().position(|rule| rule == name).ok_or_else(|| {
                let message = format!("condition names `{name}`, which is not among `rules`");
                Fault::at("condition", Code::ReferenceMissing, message)
            })?;
            Expression::Rule(position)
        }
        ConditionExpr::Selector { quantifier, pattern } => {
            let named = (0..rules.len()).filter(|i| pattern.matches_detection_name(&rules[*i]));
            let parts = named.map(Expression::Rule).collect();
            match quantifier {
                Quantifier::Any => Expression::Any(parts),
                Quantifier::All => Expression::All(parts),
                Quantifier::Count(_) => {
                    let message = "`N of` over rules is written as a count: `condition: {gte: N}`";
                    return Err(Fault::at("condition", Code::Unsupported, message));
                }
            }
        }
    })
}

fn symbol(operator: ConditionOperator) -> &'static str {
    match operator {
        ConditionOperator::Lt => "<",
        ConditionOperator::Lte => "<=",
        ConditionOperator::Gt => ">",
        ConditionOperator::Gte => ">=",
        ConditionOperator::Eq => "=",
        ConditionOperator::Neq => "!=",
    }
}
