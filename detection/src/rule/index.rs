//! The index: rules that cannot match an event's family or action are never looked at.

use std::collections::HashMap;

use veribus_core::{EventKind, Family};

use super::Body;
use super::Rule;
use crate::field::Known;

/// A rule that may match, and the outcomes for which it can.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) rule: usize,
    pub(crate) outcomes: u8,
}

/// Detections by family, and within a family by the action they ask for.
#[derive(Debug, Default)]
pub(crate) struct Index {
    families: [ByAction; Family::KNOWN.len() + 1],
    detections: usize,
}

#[derive(Debug, Default)]
struct ByAction {
    by_action: HashMap<String, Vec<Candidate>>,
    /// Those that ask for no action of their own; contained in every list of `by_action` too.
    others: Vec<Candidate>,
}

impl Index {
    /// The index of `rules`; `families` gives those that a rule's logsource speaks of, by index of the rule.
    pub(crate) fn new(rules: &[Rule], families: &[Vec<Family>]) -> Self {
        let mut index = Index::default();
        let mut entries = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            if let Body::Detection(plan) = &rule.body {
                let candidate = Candidate { rule: number, outcomes: plan.outcomes() };
                entries.push((candidate, plan.pinned(Known::Action), &families[number]));
            }
        }
        index.detections = entries.len();
        for (candidate, _, families) in entries.iter().filter(|(_, actions, _)| actions.is_none()) {
            families.iter().for_each(|f| index.families[slot(*f)].others.push(*candidate));
        }
        for (candidate, actions, families) in &entries {
            for action in actions.iter().flatten() {
                for family in families.iter() {
                    let ByAction { by_action, others } = &mut index.families[slot(*family)];
                    let list = by_action.entry(action.clone()).or_insert_with(|| others.clone());
                    if list.iter().all(|c| c.rule != candidate.rule) {
                        list.push(*candidate);
                    }
                }
            }
        }
        index
    }

    /// The detections that may match an event of this kind and action.
    #[inline]
    pub(crate) fn candidates(&self, kind: &EventKind, action: &str) -> &[Candidate] {
        let family = &self.families[slot(kind.family())];
        family.by_action.get(action).unwrap_or(&family.others)
    }

    /// Detections in all.
    pub(crate) fn detections(&self) -> usize {
        self.detections
    }
}

const fn slot(family: Family) -> usize {
    match family {
        Family::Unknown => 0,
        known => known as usize,
    }
}
