//! Sigma rules over events: indexed detections, and correlations with windows in bounded space.
//!
//! `rsigma` parses, checks and compiles; the conditions are walked by [`crate::rule::plan`] and the windows are
//! ours. Measured on this engine's own rules (`examples/cost.rs`), `rsigma`'s correlation engine costs several
//! times as much an event, and its state is dropped without a count when it is full.

use std::hash::{BuildHasher, Hasher, RandomState};

use hashlink::LinkedHashMap;
use veribus_core::Timestamp;

use super::timeline::Timelines;
use super::window::{Entry, Reading, Window};
use super::{EngineStats, Entity, Firing, RuleEngine, RuleStats};
use crate::field::{Field, FieldValue};
use crate::rule::correlation::Correlation;
use crate::rule::{Body, RuleInfo, RuleSet};
use crate::view::EventView;

/// Groups and entries that one engine holds at most, over all rules and timelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLimits {
    /// Groups (one for each value of the group-by fields of each correlation); 100,000 by default.
    pub groups_max: usize,
    /// Entries in all windows (16 bytes each); 2,000,000 by default.
    pub entries_max: usize,
}

impl Default for EngineLimits {
    fn default() -> Self {
        EngineLimits { groups_max: 100_000, entries_max: 2_000_000 }
    }
}

/// The engine for [`RuleSet`]s.
#[derive(Debug)]
pub struct SigmaEngine {
    rules: RuleSet,
    entities: Vec<Vec<Field>>,
    limits: EngineLimits,
    /// A group is known by a keyed 64-bit hash of its values: no copy of them, and nobody can aim at a collision.
    hasher: RandomState,
    windows: Timelines<Vec<Groups>>,
    held: Held,
    stats: EngineStats,
}

/// The groups of one correlation, the longest untouched first.
#[derive(Debug, Default)]
struct Groups {
    windows: LinkedHashMap<u64, Window>,
}

/// What all windows hold together.
#[derive(Debug, Default)]
struct Held {
    groups: usize,
    entries: usize,
}

impl SigmaEngine {
    /// An engine that runs `rules` within `limits`.
    pub fn new(rules: RuleSet, limits: EngineLimits) -> Self {
        let named = |info: &RuleInfo| RuleStats { rule: info.name.clone(), ..RuleStats::default() };
        let stats = EngineStats { rules: rules.infos().map(named).collect(), ..EngineStats::default() };
        let entities = rules.inner.rules.iter().map(|rule| rule.entity_fields()).collect();
        SigmaEngine {
            rules,
            entities,
            limits,
            hasher: RandomState::new(),
            windows: Timelines::new(),
            held: Held::default(),
            stats,
        }
    }

    /// Follows a match: alerts where the rule alerts by itself, and feeds the correlations that watch it.
    /// Ends because correlations do not refer to each other in a circle.
    fn matched(
        &mut self,
        set: &RuleSet,
        index: usize,
        reading: Option<Reading>,
        view: &EventView<'_>,
        firings: &mut Vec<Firing>,
    ) {
        let rule = &set.inner.rules[index];
        let stats = &mut self.stats.rules[index];
        stats.fired += 1;
        if rule.alerts {
            firings.push(Firing {
                rule: index,
                events: reading.map_or(1, |r| r.events.max(1)),
                first: reading.map_or(view.event.time, |r| Timestamp::from_nanos(r.first)),
                entity: entity(&self.entities[index], view),
            });
        }
        for (watcher, position) in &rule.watchers {
            let Body::Correlation(correlation) = &set.inner.rules[*watcher].body else { continue };
            let reading = self.correlate(*watcher, *position, correlation, view);
            if reading.is_some_and(|r| r.fired) {
                self.matched(set, *watcher, reading, view, firings);
            }
        }
    }

    fn correlate(
        &mut self,
        index: usize,
        position: usize,
        correlation: &Correlation,
        view: &EventView<'_>,
    ) -> Option<Reading> {
        let stats = &mut self.stats.rules[index];
        stats.evaluated += 1;
        let Some((group, entry)) = place(&self.hasher, position, correlation, view) else {
            stats.ungrouped += 1;
            return None;
        };
        stats.matched += 1;
        let total = self.rules.inner.rules.len();
        let time = view.event.time;
        let held = &mut self.held;
        let before = self.windows.closed();
        let (clock, groups) = self.windows.at(time, || (0..total).map(|_| Groups::default()).collect());
        let own = &mut groups[index];
        own.expire(clock.as_nanos().saturating_sub(correlation.timespan_nanos), held);
        let (window, entries) = match own.windows.to_back(&group) {
            Some(window) => {
                let entries = window.len();
                (window, entries)
            }
            None => {
                held.groups += 1;
                (own.windows.entry(group).or_insert_with(|| Window::new(correlation)), 0)
            }
        };
        let reading = window.take(correlation, entry);
        held.entries = held.entries + window.len() - entries;
        while (held.groups > self.limits.groups_max || held.entries > self.limits.entries_max)
            && own.windows.len() > 1
            && let Some((_, window)) = own.windows.pop_front()
        {
            held.remove(&window);
            self.stats.groups_evicted += 1;
        }
        if self.windows.closed() != before {
            self.recount();
        }
        let stats = &mut self.stats.rules[index];
        match reading {
            None => self.stats.late += 1,
            Some(reading) if !reading.fired => stats.closest = stats.closest.max(reading.value),
            Some(_) => {}
        }
        reading
    }

    /// What is held, after a timeline went with all its windows.
    fn recount(&mut self) {
        self.held = Held::default();
        for window in self.windows.states().flatten().flat_map(|groups| groups.windows.values()) {
            self.held.groups += 1;
            self.held.entries += window.len();
        }
    }
}

impl RuleEngine for SigmaEngine {
    fn rules(&self) -> Vec<RuleInfo> {
        self.rules.infos().cloned().collect()
    }

    fn evaluate(&mut self, view: &EventView<'_>, firings: &mut Vec<Firing>) {
        let set = self.rules.clone();
        let candidates = set.inner.index.candidates(&view.event.kind, &view.event.action);
        let outcome = 1 << view.event.outcome.id();
        let mut looked_at = 0;
        for candidate in candidates.iter().filter(|c| c.outcomes & outcome != 0) {
            looked_at += 1;
            let Body::Detection(plan) = &set.inner.rules[candidate.rule].body else { continue };
            let stats = &mut self.stats.rules[candidate.rule];
            stats.evaluated += 1;
            if plan.matches(view) {
                stats.matched += 1;
                self.matched(&set, candidate.rule, None, view, firings);
            }
        }
        self.stats.events += 1;
        self.stats.evaluated += looked_at;
        self.stats.skipped += set.inner.index.detections() as u64 - looked_at;
    }

    fn stats(&self) -> EngineStats {
        EngineStats {
            groups: self.held.groups as u64,
            jumps_back: self.windows.jumps_back(),
            timelines_closed: self.windows.closed(),
            ..self.stats.clone()
        }
    }
}

impl Groups {
    /// Lets go of the groups whose newest event is not after `horizon`: their windows are over.
    fn expire(&mut self, horizon: i64, held: &mut Held) {
        while self.windows.front().is_some_and(|(_, window)| window.newest <= horizon) {
            if let Some((_, window)) = self.windows.pop_front() {
                held.remove(&window);
            }
        }
    }
}

impl Held {
    fn remove(&mut self, window: &Window) {
        self.groups -= 1;
        self.entries -= window.len();
    }
}

/// The group of an event and its entry; `None` where a field that is needed for it is missing.
fn place(
    state: &RandomState,
    position: usize,
    correlation: &Correlation,
    view: &EventView<'_>,
) -> Option<(u64, Entry)> {
    let fingerprint = |fields: &[Field]| {
        let mut hasher = state.build_hasher();
        for field in fields {
            view.get(field)?.hash_into(&mut hasher);
        }
        Some(hasher.finish())
    };
    let group = fingerprint(&correlation.groups[position])?;
    let value = if correlation.values.is_empty() { 0 } else { fingerprint(&correlation.values)? };
    let number = match correlation.needs_number() {
        true => view.get(correlation.values.first()?)?.to_number()?,
        false => 0.0,
    };
    Some((group, Entry { time: view.event.time.as_nanos(), value, number, position }))
}

/// The first of `fields` that the event has, as an entity.
fn entity(fields: &[Field], view: &EventView<'_>) -> Entity {
    let found = fields.iter().find_map(|field| Some((field, view.get(field)?)));
    let Some((field, value)) = found else {
        return Entity { kind: "event".into(), value: view.event.id.to_string().into() };
    };
    let kind = match (field.name(), value) {
        (_, FieldValue::Ip(_)) => "ip",
        ("source" | "source_host", _) => "host",
        ("actor", _) => "user",
        ("trace_id", _) => "trace",
        (name, _) => name,
    };
    Entity { kind: kind.into(), value: value.to_short_text() }
}
