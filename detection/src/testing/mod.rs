//! Rule tests: each rule has its own events that fire it and events that leave it silent.
//!
//! A test file is JSON Lines, named after its rule. A line with `case` begins a case and says what is expected;
//! the events follow, as `veribus_core::codec` writes them. A line with `event` repeats one: `repeat` times,
//! `every_s` seconds apart, `{n}` in its text replaced by 1, 2, 3 … Lines that begin with `#` are remarks.
//!
//! ```json
//! {"case": "five wrong passwords in ten minutes", "alerts": 1, "entity": "203.0.113.9"}
//! {"repeat": 5, "every_s": 120, "event": {"time": "2026-11-21T10:00:00Z", "kind": "authentication", "action": "login", "outcome": "failure", "actor": {"ip": "203.0.113.9"}}}
//! ```

mod case;
mod explain;

use serde::Serialize;

use crate::detector::{Detector, Settings};
use crate::rule::RuleSet;
use case::{Case, Step};

/// What became of all cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TestReport {
    /// Every case, in the order of files and lines.
    pub cases: Vec<CaseResult>,
    /// Rules that alert but lack a case that fires or a case that stays silent, with what they lack.
    pub untested: Vec<Untested>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CaseResult {
    /// The rule it tests.
    pub rule: String,
    /// Test file, as it was given.
    pub file: String,
    /// Line of the case, from 1.
    pub line: usize,
    /// What the case is called.
    pub case: String,
    /// Why it failed, for the author of the rule; `None` if it passed. May hold text of events: escape it.
    pub failure: Option<String>,
}

/// A rule that is not tested both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Untested {
    /// The rule.
    pub rule: String,
    /// `"a firing case"`, `"a silent case"` or both.
    pub lacks: &'static str,
}

impl TestReport {
    /// Whether every case passed and every alerting rule is tested both ways.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none() && self.untested.is_empty()
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CaseResult> {
        self.cases.iter().filter(|case| case.failure.is_some())
    }
}

/// Runs the cases of `files` (names with text, see the module) against `rules`, each from a fresh start.
///
/// A line that cannot be read is a failed case of its own, so nothing is skipped.
pub fn test_rules(rules: &RuleSet, files: &[(&str, &str)]) -> TestReport {
    let (mut results, mut tested) = (Vec::new(), Vec::new());
    for (file, text) in files {
        for read in case::read(file, text) {
            let (rule, line, name, failure) = match read {
                Ok(case) => {
                    tested.push((case.rule.clone(), case.alerts > 0));
                    let failure = run(rules, &case);
                    (case.rule, case.line, case.name, failure)
                }
                Err(fault) => (fault.rule, fault.line, fault.case, Some(fault.message)),
            };
            results.push(CaseResult { rule, file: (*file).to_owned(), line, case: name, failure });
        }
    }
    TestReport { untested: untested(rules, &tested), cases: results }
}

fn untested(rules: &RuleSet, tested: &[(String, bool)]) -> Vec<Untested> {
    let alerting = rules.infos().filter(|info| info.alerts);
    let lacking = alerting.filter_map(|info| {
        let has = |fires: bool| tested.iter().any(|(rule, f)| *rule == info.name && *f == fires);
        let lacks = match (has(true), has(false)) {
            (true, true) => return None,
            (true, false) => "a silent case",
            (false, true) => "a firing case",
            (false, false) => "a firing and a silent case",
        };
        Some(Untested { rule: info.name.clone(), lacks })
    });
    lacking.collect()
}

/// Runs one case; answers why it failed.
fn run(rules: &RuleSet, case: &Case) -> Option<String> {
    let Some(index) = rules.find(&case.rule) else {
        return Some(format!("there is no rule `{}`", case.rule));
    };
    let mut detector = Detector::new(rules.clone(), Settings::default());
    let mut made = Vec::new();
    for step in &case.steps {
        let changes = detector.observe(&step.event, step.service.as_deref()).to_vec();
        for change in changes {
            let alert =
                detector.alert(change.id).filter(|alert| alert.rule == rules.inner.rules[index].info.name);
            if change.kind == crate::ChangeKind::Created
                && let Some(alert) = alert
            {
                made.push((alert, step));
            }
        }
    }
    if made.len() != case.alerts {
        let why = match made.last() {
            Some((alert, step)) if made.len() > case.alerts => {
                format!("{} about {} `{}`", step.place(), alert.entity.kind, alert.entity.value)
            }
            _ => explain::silence(rules, index, case, &detector),
        };
        return Some(format!("expected {}, got {}: {why}", alerts(case.alerts), made.len()));
    }
    let about = case.entity.as_ref()?;
    let others = made.iter().find(|(alert, _)| alert.entity.value != about.as_str());
    others.map(|(alert, _)| {
        format!("expected an alert about `{about}`, got one about `{}`", alert.entity.value)
    })
}

fn alerts(n: usize) -> String {
    crate::words::counted(n as u64, "alert")
}

impl Step {
    fn place(&self) -> String {
        format!("event {} (line {})", self.number, self.line)
    }
}
