//! The detector: events in, alerts and indicators out. What a pipeline calls.

use std::time::Duration;

use serde::Serialize;
use veribus_core::{Family, Outcome, Severity, Text, Timestamp, VerificationEvent};

use crate::alert::{Alert, AlertChange, AlertId};
use crate::book::{AlertBook, BookSettings};
use crate::engine::{EngineLimits, EngineStats, Firing, RuleEngine, SigmaEngine};
use crate::enrich::{Enrichment, NoEnrichment};
use crate::memory::{Indicator, IndicatorMemory, SAME_VISIT, Seen};
use crate::rule::{RuleInfo, RuleSet};
use crate::score::{Bands, Facts, LEVELS, Weights};
use crate::view::EventView;

/// How a [`Detector`] scores, folds and bounds. The default is safe to use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Points of each signal.
    pub weights: Weights,
    /// Where the bands begin.
    pub bands: Bands,
    /// A firing later than this after an alert's last event begins a new alert; 24 hours.
    pub quiet: Duration,
    /// Most alerts held; 10,000. Beyond, the one of least risk is forgotten, counted.
    pub alerts_max: usize,
    /// Most indicators of each kind; 50,000. Beyond, the least recently seen is forgotten, counted.
    pub indicators_max: usize,
    /// Bounds of the windows.
    pub engine: EngineLimits,
    /// ISO country codes from which access is expected; empty for everywhere.
    pub countries: Vec<Text>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            weights: Weights::default(),
            bands: Bands::default(),
            quiet: Duration::from_secs(24 * 3_600),
            alerts_max: 10_000,
            indicators_max: 50_000,
            engine: EngineLimits::default(),
            countries: Vec::new(),
        }
    }
}

/// Runs events through rules, memory and scoring. Owned by one thread; driven by the events' own time.
///
/// ```
/// use veribus_core::{event, EventId, Timestamp};
/// use veribus_detection::{Detector, RuleSet, Settings};
///
/// let mut detector = Detector::new(RuleSet::starter(), Settings::default());
/// for second in 0..5 {
///     let attempt = event::authentication("login").failure().source_ip([203, 0, 113, 9].into());
///     let attempt = attempt.into_event(EventId::from_bits(second), Timestamp::from_seconds(second as i64))?;
///     detector.observe(&attempt, Some("sshd"));
/// }
/// let alerts = detector.alerts();
/// assert_eq!((alerts[0].rule.as_str(), &*alerts[0].entity.value), ("brute-force", "203.0.113.9"));
/// # Ok::<(), veribus_core::EventError>(())
/// ```
#[derive(Debug)]
pub struct Detector {
    engine: Box<dyn RuleEngine>,
    rules: Vec<RuleInfo>,
    memory: IndicatorMemory,
    book: AlertBook,
    enrichment: Box<dyn Enrichment>,
    settings: Settings,
    firings: Vec<Firing>,
    changes: Vec<AlertChange>,
}

/// What a [`Detector`] did and holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DetectorStats {
    /// The engine's part.
    pub engine: EngineStats,
    /// Alerts held.
    pub alerts: u64,
    /// Alerts forgotten to stay within the bound.
    pub alerts_evicted: u64,
    /// Indicators held.
    pub indicators: u64,
    /// Indicators forgotten to stay within the bound.
    pub indicators_evicted: u64,
}

impl Detector {
    /// A detector that runs `rules` through a [`SigmaEngine`].
    pub fn new(rules: RuleSet, settings: Settings) -> Self {
        let engine = SigmaEngine::new(rules, settings.engine);
        Self::with_engine(Box::new(engine), settings)
    }

    /// A detector on another engine.
    pub fn with_engine(engine: Box<dyn RuleEngine>, settings: Settings) -> Self {
        let book = BookSettings {
            quiet: settings.quiet,
            alerts_max: settings.alerts_max,
            weights: settings.weights.clone(),
            bands: settings.bands,
        };
        Detector {
            rules: engine.rules(),
            engine,
            memory: IndicatorMemory::new(),
            book: AlertBook::new(book),
            enrichment: Box::new(NoEnrichment),
            settings,
            firings: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Asks `enrichment` about the source of each new alert.
    pub fn with_enrichment(mut self, enrichment: Box<dyn Enrichment>) -> Self {
        self.enrichment = enrichment;
        self
    }

    /// Takes one event, sent by `service`, and answers the alerts that it made or changed.
    ///
    /// Cheap where nothing fires. The answer holds until the next call.
    pub fn observe(&mut self, event: &VerificationEvent, service: Option<&str>) -> &[AlertChange] {
        self.changes.clear();
        let seen = self.memory.observe(event, self.settings.indicators_max);
        let view = EventView::new(event, service, seen);
        self.engine.evaluate(&view, &mut self.firings);
        for firing in self.firings.drain(..) {
            let entity = firing.entity.clone();
            let rule = &self.rules[firing.rule];
            let began = firing.first.saturating_sub(SAME_VISIT);
            let facts = || first_facts(rule, event, seen, began, &self.settings, &*self.enrichment);
            let (change, risk) = self.book.take(firing, &view, facts);
            if let Some(risk) = risk {
                self.memory.note_score(&entity, risk, event.time);
            }
            self.changes.push(change);
        }
        &self.changes
    }

    /// Every alert, highest risk first.
    pub fn alerts(&self) -> Vec<Alert> {
        self.book.ranked(&self.rules)
    }

    /// One alert, if it is still held.
    pub fn alert(&self, id: AlertId) -> Option<Alert> {
        self.book.get(id, &self.rules)
    }

    /// Every address, host and user in memory, highest score first.
    pub fn indicators(&self) -> Vec<Indicator> {
        self.memory.indicators()
    }

    /// What the rules say of themselves, by index.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.rules
    }

    /// What it did and holds.
    pub fn stats(&self) -> DetectorStats {
        DetectorStats {
            engine: self.engine.stats(),
            alerts: self.book.len() as u64,
            alerts_evicted: self.book.evicted(),
            indicators: self.memory.len() as u64,
            indicators_evicted: self.memory.evicted(),
        }
    }
}

/// The facts that an alert begins with, of a visit that `began` at the earliest then; its events and their span come as it grows.
fn first_facts(
    rule: &RuleInfo,
    event: &VerificationEvent,
    seen: Seen,
    began: Timestamp,
    settings: &Settings,
    enrichment: &dyn Enrichment,
) -> Facts {
    let context = event.actor.as_ref().and_then(|actor| actor.ip).and_then(|ip| enrichment.about(ip));
    let listed = |country: &Text| settings.countries.iter().any(|c| c.eq_ignore_ascii_case(country));
    let abroad = context.as_ref().and_then(|c| c.country.clone());
    let earlier = [seen.scored, seen.scored_before].into_iter().flatten().find(|(then, _)| *then < began);
    let passed = event.family() == Family::Authentication && event.outcome == Outcome::Success;
    Facts {
        level: LEVELS.iter().position(|level| *level == rule.level).unwrap_or(2),
        high_signal: high_signal(event, &settings.weights),
        failures_before_success: if passed { seen.prior_failures } else { 0 },
        first_seen: seen.since.is_none_or(|since| since >= began),
        prior_score: earlier.map_or(0, |(_, risk)| risk),
        abroad: abroad.filter(|c| !settings.countries.is_empty() && !listed(c)),
        reputation: context.and_then(|c| Some((c.reputation?, c.provider))),
        ..Facts::default()
    }
}

/// What makes an event one that is rarely harmless.
fn high_signal(event: &VerificationEvent, weights: &Weights) -> Option<Text> {
    let says = |word: &&String| {
        event.action.contains(word.as_str())
            || event.reason.as_ref().is_some_and(|r| r.contains(word.as_str()))
    };
    match weights.high_signal_words.iter().find(says) {
        Some(word) => Some(word.as_str().into()),
        None => (event.severity >= Severity::Critical).then(|| event.severity.as_str().into()),
    }
}
