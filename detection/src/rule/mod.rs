//! Rules: Sigma documents, checked, compiled and indexed by the events they can match.

pub(crate) mod correlation;
pub(crate) mod error;
mod index;
mod lint;
mod parse;
pub(crate) mod plan;
mod starter;

use std::sync::Arc;

use rsigma_parser::Level;
use serde::Serialize;

pub use error::{Code, RuleError};
pub(crate) use index::Index;

use crate::field::Field;
use correlation::Correlation;
use plan::Plan;

/// Rules that are ready to run. Cheap to clone: clones share the rules.
#[derive(Debug, Clone)]
pub struct RuleSet {
    pub(crate) inner: Arc<Compiled>,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) rules: Vec<Rule>,
    pub(crate) index: Index,
}

/// One detection or correlation.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) info: RuleInfo,
    pub(crate) body: Body,
    /// Whether it alerts by itself; a rule that only feeds correlations does not.
    pub(crate) alerts: bool,
    /// The field an alert of this rule is about, before those of [`Rule::entity_fields`].
    pub(crate) entity: Option<Field>,
    /// The correlations that watch this rule, and its place in their list.
    pub(crate) watchers: Vec<(usize, usize)>,
}

#[derive(Debug)]
pub(crate) enum Body {
    Detection(Plan),
    Correlation(Box<Correlation>),
}

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleInfo {
    /// Its short name, which alerts carry: `name`, else `id`, else the title.
    pub name: String,
    /// Its `id`.
    pub id: Option<String>,
    /// Its title.
    pub title: String,
    /// `informational`, `low`, `medium` (where the rule says nothing), `high` or `critical`.
    pub level: &'static str,
    /// MITRE ATT&CK techniques from its tags: `T1110.001`.
    pub techniques: Vec<String>,
    /// File and line it was read from.
    pub file: String,
    /// Line of its document, from 1.
    pub line: usize,
    /// Whether it is a correlation.
    pub correlation: bool,
    /// Whether it alerts by itself.
    pub alerts: bool,
}

impl RuleSet {
    /// Number of rules, those that only feed correlations included.
    pub fn len(&self) -> usize {
        self.inner.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inner.rules.is_empty()
    }

    /// What each rule says of itself, in order of its index.
    pub fn infos(&self) -> impl Iterator<Item = &RuleInfo> {
        self.inner.rules.iter().map(|rule| &rule.info)
    }

    /// The index of the rule that has this name or id.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.inner.rules.iter().position(|r| r.info.name == name || r.info.id.as_deref() == Some(name))
    }
}

impl Rule {
    /// The fields an alert may be about, best first.
    pub(crate) fn entity_fields(&self) -> Vec<Field> {
        let grouped = match &self.body {
            Body::Correlation(correlation) => correlation.groups.first().and_then(|g| g.first()).cloned(),
            Body::Detection(_) => None,
        };
        let usual = ["source", "actor", "target", "setting", "service", "action"].map(Field::named);
        self.entity.clone().into_iter().chain(grouped).chain(usual).collect()
    }
}

pub(crate) fn level_name(level: Option<Level>) -> &'static str {
    level.unwrap_or(Level::Medium).as_str()
}
