//! The book of alerts: one for each rule and entity until it has been quiet for long enough; bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use veribus_core::{Text, Timestamp, TraceId};

use crate::alert::{Alert, AlertChange, AlertId, ChangeKind};
use crate::engine::{Entity, Firing};
use crate::rule::RuleInfo;
use crate::score::{Bands, Facts, Weights};
use crate::view::EventView;

/// Traces and accounts named by one alert.
const NAMED_MAX: usize = 5;

/// How alerts are folded, bounded and scored.
#[derive(Debug, Clone)]
pub(crate) struct BookSettings {
    pub(crate) quiet: Duration,
    pub(crate) alerts_max: usize,
    pub(crate) weights: Weights,
    pub(crate) bands: Bands,
}

#[derive(Debug)]
pub(crate) struct AlertBook {
    alerts: BTreeMap<AlertId, Entry>,
    /// The latest alert of each rule and entity.
    latest: HashMap<(usize, Entity), AlertId>,
    /// By risk, then age: the first is the first to be forgotten.
    by_risk: BTreeSet<(u8, AlertId)>,
    settings: BookSettings,
    next: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Entry {
    rule: usize,
    entity: Entity,
    facts: Facts,
    risk: u8,
    first_seen: Timestamp,
    last_seen: Timestamp,
    traces: Vec<TraceId>,
    actors: Vec<Text>,
}

impl AlertBook {
    pub(crate) fn new(settings: BookSettings) -> Self {
        AlertBook {
            alerts: BTreeMap::new(),
            latest: HashMap::new(),
            by_risk: BTreeSet::new(),
            settings,
            next: 1,
            evicted: 0,
        }
    }

    /// Takes a firing in: into the alert of its rule and entity unless that has been quiet for too long.
    /// `facts` gives those that an alert begins with. Also answers the risk if it changed.
    pub(crate) fn take(
        &mut self,
        firing: Firing,
        view: &EventView<'_>,
        facts: impl FnOnce() -> Facts,
    ) -> (AlertChange, Option<u8>) {
        let time = view.event.time;
        let key = (firing.rule, firing.entity);
        let open = self.latest.get(&key).copied().filter(|id| {
            // An older event belongs to it as well: logs are replayed, and clocks set back.
            self.alerts.get(id).is_some_and(|a| time.saturating_since(a.last_seen) <= self.settings.quiet)
        });
        if let Some(id) = open
            && let Some(entry) = self.alerts.get_mut(&id)
        {
            let before = entry.risk;
            entry.grow(firing.events, firing.first, view, &self.settings);
            if entry.risk != before {
                self.by_risk.remove(&(before, id));
                self.by_risk.insert((entry.risk, id));
            }
            let raised = self.settings.bands.of(entry.risk) > self.settings.bands.of(before);
            let kind = if raised { ChangeKind::Raised } else { ChangeKind::Grew };
            return (AlertChange { id, kind }, (entry.risk != before).then_some(entry.risk));
        }
        let id = AlertId(self.next);
        self.next += 1;
        let mut entry = Entry {
            rule: firing.rule,
            entity: key.1.clone(),
            facts: Facts { events: 0, ..facts() },
            risk: 0,
            first_seen: firing.first,
            last_seen: time,
            traces: Vec::new(),
            actors: Vec::new(),
        };
        entry.grow(firing.events, firing.first, view, &self.settings);
        let risk = entry.risk;
        self.latest.insert(key, id);
        self.alerts.insert(id, entry);
        self.by_risk.insert((risk, id));
        self.keep_within_bound(id);
        (AlertChange { id, kind: ChangeKind::Created }, Some(risk))
    }

    /// Forgets the alert of least risk, of those the oldest, but not the one just made.
    fn keep_within_bound(&mut self, newest: AlertId) {
        while self.alerts.len() > self.settings.alerts_max.max(1) {
            let Some((risk, least)) = self.by_risk.iter().find(|(_, id)| *id != newest).copied() else {
                return;
            };
            self.by_risk.remove(&(risk, least));
            if let Some(entry) = self.alerts.remove(&least) {
                let key = (entry.rule, entry.entity);
                if self.latest.get(&key) == Some(&least) {
                    self.latest.remove(&key);
                }
            }
            self.evicted += 1;
        }
    }

    /// The alert with this id, if it is still held.
    pub(crate) fn get(&self, id: AlertId, rules: &[RuleInfo]) -> Option<Alert> {
        self.alerts.get(&id).map(|entry| self.alert(id, entry, rules))
    }

    /// Every alert, highest risk first, then most events, then the earliest.
    pub(crate) fn ranked(&self, rules: &[RuleInfo]) -> Vec<Alert> {
        let mut all: Vec<Alert> =
            self.alerts.iter().map(|(id, entry)| self.alert(*id, entry, rules)).collect();
        all.sort_by_key(|a| (std::cmp::Reverse((a.risk, a.events)), a.first_seen, a.id));
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.alerts.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn alert(&self, id: AlertId, entry: &Entry, rules: &[RuleInfo]) -> Alert {
        let rule = &rules[entry.rule];
        Alert {
            id,
            rule: rule.name.clone(),
            rule_id: rule.id.clone(),
            title: rule.title.clone(),
            level: rule.level,
            risk: entry.risk,
            band: self.settings.bands.of(entry.risk),
            entity: entry.entity.clone(),
            events: entry.facts.events,
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            contributions: entry.facts.contributions(&self.settings.weights, self.settings.bands),
            traces: entry.traces.clone(),
            actors: entry.actors.iter().map(ToString::to_string).collect(),
            techniques: rule.techniques.clone(),
        }
    }
}

impl Entry {
    fn grow(&mut self, events: u64, first: Timestamp, view: &EventView<'_>, settings: &BookSettings) {
        let event = view.event;
        self.first_seen = self.first_seen.min(first).min(event.time);
        self.last_seen = self.last_seen.max(event.time);
        self.facts.events = self.facts.events.saturating_add(events);
        self.facts.span_nanos = self.last_seen.as_nanos().saturating_sub(self.first_seen.as_nanos());
        if let Some(trace) = event.trace
            && self.traces.len() < NAMED_MAX
            && !self.traces.contains(&trace.trace_id)
        {
            self.traces.push(trace.trace_id);
        }
        if let Some(name) = event.actor.as_ref().and_then(|actor| actor.name.as_ref())
            && self.actors.len() < NAMED_MAX
            && !self.actors.contains(name)
        {
            self.actors.push(name.clone());
        }
        self.risk = self.facts.risk(&settings.weights, settings.bands);
    }
}
