//! Detection over what is committed: the same events in the same order give the same alerts, also after a restart.
//!
//! Rules, windows and indicators are in memory. They are rebuilt from the newest events of the store, at most
//! [`REPLAY_WINDOW`] and [`REPLAY_EVENTS`]; alerts that this gives again replace nothing, because they are stored.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use veribus_core::Timestamp;
use veribus_detection::{Alert, AlertId, Detector, RuleSet, Settings};

use super::Commit;
use crate::store::{Reader, StoreError, StoredAlert};

/// How far back the rebuilding looks.
const REPLAY_WINDOW: Duration = Duration::from_secs(7 * 86_400);
/// How many events it takes at most: about a second of work.
const REPLAY_EVENTS: u32 = 200_000;
/// Events of a commit for which a thread is worth its start.
const BESIDE_EVENTS_MIN: usize = 200;
/// Events read at once.
const REPLAY_CHUNK: u32 = 4_096;

/// The detection cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectionError {
    /// The store cannot be read.
    #[error("cannot rebuild the detection from the store")]
    Store(#[from] StoreError),
}

/// The detector, and where it is rebuilt from.
#[derive(Debug)]
pub struct Detection {
    detector: Detector,
    rules: RuleSet,
    store: Reader,
    /// Whether the detector has seen what was never committed.
    astray: bool,
}

impl Detection {
    /// A detector with these rules that has seen the recent events of `store`.
    ///
    /// # Errors
    /// [`DetectionError::Store`].
    pub fn rebuilt_from(store: Reader, rules: RuleSet) -> Result<Self, DetectionError> {
        let mut detection = Detection { detector: new_detector(&rules), rules, store, astray: false };
        detection.rebuild()?;
        Ok(detection)
    }

    /// Shows a commit to the detector; answers the alerts that it made or changed, each once.
    ///
    /// # Errors
    /// [`StoreError`] if the detector had to be rebuilt and could not be.
    pub(super) fn observe(&mut self, commit: &Commit) -> Result<Vec<StoredAlert>, StoreError> {
        if self.astray {
            self.rebuild()?;
        }
        let mut changed: BTreeSet<AlertId> = BTreeSet::new();
        for batch in &commit.batches {
            let service = batch.source.service.as_str();
            for stored in &batch.events {
                let changes = self.detector.observe(&stored.event, Some(service));
                changed.extend(changes.iter().map(|change| change.id));
            }
        }
        Ok(changed
            .into_iter()
            .filter_map(|id| self.detector.alert(id))
            .map(|alert| to_stored(&alert))
            .collect())
    }

    /// [`Detection::observe`] on a thread of its own while `work` is done on this one, if it is worth one.
    ///
    /// # Errors
    /// That of `work` or of [`Detection::observe`].
    pub(super) fn observe_beside(
        &mut self,
        commit: &Commit,
        work: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<Vec<StoredAlert>, StoreError> {
        let events: usize = commit.batches.iter().map(|batch| batch.events.len()).sum();
        if events < BESIDE_EVENTS_MIN {
            work()?;
            return self.observe(commit);
        }
        let detection = &mut *self;
        let (worked, observed) = thread::scope(|scope| {
            let named = thread::Builder::new().name("veribus-detect".into());
            let observing = named.spawn_scoped(scope, move || detection.observe(commit));
            let worked = work();
            (
                worked,
                observing.ok().map(|observing| observing.join().unwrap_or_else(|panic| resume_unwind(panic))),
            )
        });
        worked?;
        // Where no thread can be had it is done here.
        observed.unwrap_or_else(|| self.observe(commit))
    }

    /// A transaction was not committed: what the detector saw of it never happened.
    pub fn must_rebuild(&mut self) {
        self.astray = true;
    }

    fn rebuild(&mut self) -> Result<(), StoreError> {
        self.detector = new_detector(&self.rules);
        let since = Timestamp::now().saturating_sub(REPLAY_WINDOW);
        let mut at = self.store.recent(since, REPLAY_EVENTS)?;
        let detector = &mut self.detector;
        while let Some(last) = self.store.after(at, REPLAY_CHUNK, |stored| {
            detector.observe(&stored.event, Some(&stored.source.service));
        })? {
            at = last;
        }
        self.astray = false;
        Ok(())
    }
}

fn new_detector(rules: &RuleSet) -> Detector {
    Detector::new(rules.clone(), Settings::default())
}

fn to_stored(alert: &Alert) -> StoredAlert {
    StoredAlert {
        rule: alert.rule.clone(),
        entity: format!("{}:{}", alert.entity.kind, alert.entity.value),
        risk: alert.risk,
        first_seen: alert.first_seen,
        last_seen: alert.last_seen,
        detail: serde_json::to_string(alert).expect("an alert is text, numbers and lists"),
    }
}
