//! The handler: every event meets every rule; no event is held up by a sink that is down.

use std::sync::Arc;
use std::time::Duration;

use veribus_core::{
    Clock, EventHandler, HandlerError, HandlerFactory, Severity, SystemClock, VerificationEvent,
};

use super::entity::Entity;
use super::message::Alert;
use super::outbox::{AlertWatch, Counters, Outbox, count};
use super::rule::AlertRule;
use super::sink::{AlertSink, SinkFactory};
use super::tracker::Tracker;
use crate::PerProcess;

const ENTITIES_MAX: usize = 10_000;
const COOLDOWN: Duration = Duration::from_secs(600);
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Raises alerts in the process.
///
/// Windows are measured in the events' own time, so a replayed log raises what it raised when it happened;
/// cooldowns by the steady clock. Alerts wait for a sink that is down; events never do.
///
/// ```
/// use std::time::Duration;
/// use veribus_handlers::{AlertHandler, AlertRule, StdoutSink};
///
/// let alerts = AlertHandler::builder()
///     .rule(AlertRule::failures("brute-force", 5, Duration::from_secs(600)))
///     .sink(StdoutSink::new())
///     .build();
/// // bus.register_handler(Box::new(alerts));
/// # let _ = alerts;
/// ```
pub struct AlertHandler {
    rules: Vec<AlertRule>,
    cooldown: Duration,
    tracker: Tracker,
    outboxes: Vec<Outbox>,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    watch: AlertWatch,
}

/// Settings of an [`AlertHandler`].
#[must_use = "a builder does nothing until `build`"]
pub struct AlertBuilder {
    rules: Vec<AlertRule>,
    sinks: Vec<Box<dyn AlertSink>>,
    cooldown: Duration,
    entities_max: usize,
    clock: Arc<dyn Clock>,
}

impl AlertBuilder {
    /// One more rule.
    pub fn rule(mut self, rule: AlertRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// One more sink; each gets every alert, and none waits for another.
    pub fn sink(mut self, sink: impl AlertSink + 'static) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// How long the same entity raises no second alert of the same rule; 10 minutes unless said.
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Pairs of rule and entity that are remembered; 10,000 unless said.
    pub fn entities_max(mut self, entities: usize) -> Self {
        self.entities_max = entities;
        self
    }

    /// Where the time of cooldowns and pauses comes from; the system's clocks unless said.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The handler. Without a rule of its own it has two: severity High and above, and five failed
    /// authentications of one entity within ten minutes.
    pub fn build(self) -> AlertHandler {
        let defaults = || {
            vec![
                AlertRule::at_least("severe", Severity::High),
                AlertRule::failures("repeated-failures", 5, Duration::from_secs(600))
                    .severity(Severity::High),
            ]
        };
        let counters = Arc::<Counters>::default();
        let outbox = |sink| Outbox::new(sink, Arc::clone(&counters));
        AlertHandler {
            rules: if self.rules.is_empty() { defaults() } else { self.rules },
            cooldown: self.cooldown,
            tracker: Tracker::new(self.entities_max),
            outboxes: self.sinks.into_iter().map(outbox).collect(),
            clock: self.clock,
            watch: AlertWatch(PerProcess::new(Arc::clone(&counters))),
            counters,
        }
    }
}

impl AlertHandler {
    /// The default rules with one sink.
    pub fn new(sink: impl AlertSink + 'static) -> AlertHandler {
        Self::builder().sink(sink).build()
    }

    /// The settings.
    pub fn builder() -> AlertBuilder {
        AlertBuilder {
            rules: Vec::new(),
            sinks: Vec::new(),
            cooldown: COOLDOWN,
            entities_max: ENTITIES_MAX,
            clock: Arc::new(SystemClock),
        }
    }

    /// Reads what was counted, also after the handler moved into a bus.
    pub fn watch(&self) -> AlertWatch {
        self.watch.clone()
    }

    fn evaluate(&mut self, event: &Arc<VerificationEvent>, now: Duration) {
        for index in 0..self.rules.len() {
            let rule = &self.rules[index];
            if !rule.matches(event) {
                continue;
            }
            let entity = Entity::of(event);
            if entity.is_none() && rule.counts() {
                count(&self.counters.without_entity);
                continue;
            }
            let (track, evicted) = self.tracker.touch((index, entity.clone()));
            if evicted {
                count(&self.counters.evicted);
            }
            let Some(run) = track.window.add(event.time, rule.events, rule.within) else { continue };
            if track.quiet_until.is_some_and(|until| now < until) {
                track.suppressed += 1;
                count(&self.counters.suppressed);
                continue;
            }
            track.quiet_until = Some(now + rule.cooldown.unwrap_or(self.cooldown));
            let alert = Arc::new(Alert {
                rule: Arc::clone(&rule.name),
                title: Arc::clone(&rule.title),
                severity: rule.severity.unwrap_or(event.severity),
                entity,
                events: run.events,
                first_seen: run.first,
                last_seen: run.last,
                suppressed: std::mem::take(&mut track.suppressed),
                event: Arc::clone(event),
            });
            count(&self.counters.raised);
            self.outboxes.iter_mut().for_each(|outbox| outbox.push(Arc::clone(&alert)));
        }
    }

    /// Tries every sink; the error is that of the last one that failed, with `done` events taken.
    fn deliver(&mut self, done: usize, now: Duration) -> Result<(), HandlerError> {
        let mut result = Ok(());
        for outbox in &mut self.outboxes {
            result = outbox.drain(now).map_err(|waiting| HandlerError::retry(done, waiting)).and(result);
        }
        result
    }
}

impl EventHandler for AlertHandler {
    fn name(&self) -> &str {
        "alerts"
    }

    /// Evaluates all of the batch before it tries a sink, so an error never asks for an event again.
    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        let now = self.clock.steady();
        for event in batch {
            self.evaluate(event, now);
        }
        self.deliver(batch.len(), now)
    }

    /// Tries again what waits, and is an error as long as something does.
    fn flush(&mut self) -> Result<(), HandlerError> {
        self.deliver(0, self.clock.steady())
    }

    fn flush_every(&self) -> Option<Duration> {
        Some(FLUSH_EVERY)
    }

    /// A child begins with no event seen and no alert raised.
    fn for_child(&self) -> Option<HandlerFactory> {
        let sinks: Vec<SinkFactory> = self.outboxes.iter().map(Outbox::for_child).collect::<Option<_>>()?;
        let (rules, cooldown, clock) = (self.rules.clone(), self.cooldown, Arc::clone(&self.clock));
        let (entities_max, watch) = (self.tracker.tracks_max(), self.watch.clone());
        Some(Box::new(move || {
            let settings = AlertBuilder {
                rules: rules.clone(),
                sinks: sinks.iter().map(|again| again()).collect(),
                cooldown,
                entities_max,
                clock: Arc::clone(&clock),
            };
            let made = settings.build();
            watch.0.set(Arc::clone(&made.counters));
            Ok(Box::new(AlertHandler { watch: watch.clone(), ..made }))
        }))
    }
}
