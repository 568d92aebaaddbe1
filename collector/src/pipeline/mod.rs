//! What happens to every event, in order: identify, store, detect and score, keep the alerts; all in one transaction.

mod commit;
mod conflict;
mod detection;
mod gaps;
mod identity;
mod trail;

use std::sync::Arc;
use std::time::Duration;

use gaps::{GapWatch, Noticed};
use veribus_core::{Losses, Source, Timestamp};

pub use commit::{Commit, CommittedBatch, CommittedEvent};
pub use detection::{Detection, DetectionError};
pub use identity::{Identity, NO_IDENTITY};
pub use trail::{Trail, TrailError, TrailState};

use crate::store::{AUDIT_CURSOR, Gap, IncomingBatch, IncomingEvent, Ingest, Inserted, Store, StoreError};

/// The state of the stages between transactions.
#[derive(Debug)]
pub struct Pipeline {
    identity: Identity,
    detection: Detection,
    gaps: GapWatch,
    /// Number of the last event that was stored here.
    ingest: Ingest,
}

/// What one transaction has done.
#[derive(Debug)]
pub struct Outcome {
    /// For each batch, what became of each of its events.
    pub answers: Vec<Vec<Inserted>>,
    /// What is new, in the order of storing.
    pub commit: Arc<Commit>,
    /// Alerts that were raised or renewed.
    pub alerts: usize,
    /// Ids that came again with another content.
    pub conflicts: usize,
    /// Losses that senders told of for the first time.
    pub losses: Losses,
}

impl Pipeline {
    /// The stages at their beginning.
    pub fn new(detection: Detection) -> Self {
        Pipeline { identity: Identity::new(), detection, gaps: GapWatch::default(), ingest: 0 }
    }

    /// Takes `batches` through all stages and commits. `audited` is how far the trail is by now.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of it has happened then, but the detection must be rebuilt.
    pub fn run(
        &mut self,
        store: &mut dyn Store,
        batches: Vec<IncomingBatch>,
        now: Timestamp,
        audited: Ingest,
    ) -> Result<Outcome, StoreError> {
        self.pass(store, batches, &[], now, audited)
    }

    /// Looks for gaps, and says what it finds; `None` if there is nothing to say. `steady` never goes back.
    ///
    /// # Errors
    /// As [`Pipeline::run`]; it is noticed again later then.
    pub fn look_for_gaps(
        &mut self,
        store: &mut dyn Store,
        now: Timestamp,
        steady: Duration,
        audited: Ingest,
    ) -> Result<Option<Outcome>, StoreError> {
        let Noticed { events, gaps } = self.gaps.look(store, self.ingest, now, steady)?;
        if gaps.is_empty() {
            return Ok(None);
        }
        let events = events.into_iter().map(IncomingEvent::new).collect();
        let said = IncomingBatch::new(Source::new("veribus-collector"), now, events);
        let outcome = self.pass(store, vec![said], &gaps, now, audited);
        outcome.map(Some).inspect_err(|_| self.gaps.again(&gaps))
    }

    fn pass(
        &mut self,
        store: &mut dyn Store,
        mut batches: Vec<IncomingBatch>,
        gaps: &[Gap],
        now: Timestamp,
        audited: Ingest,
    ) -> Result<Outcome, StoreError> {
        let mut transaction = store.begin()?;
        self.identity.assign(&mut batches);
        let mut answers =
            batches.iter().map(|batch| transaction.admit(batch)).collect::<Result<Vec<_>, _>>()?;
        let mut commit = Commit::of(&batches, &answers);
        let write =
            || batches.iter().zip(&answers).try_for_each(|(b, answers)| transaction.write(b, answers));
        let mut alerts = self.detection.observe_beside(&commit, write)?;
        for (batch, answers) in batches.iter().zip(&mut answers) {
            transaction.judge(batch, answers)?;
        }
        if let Some(mut noticed) = conflict::noticed(&batches, &answers, now) {
            self.identity.assign(std::slice::from_mut(&mut noticed));
            let stored = [transaction.insert(&noticed)?];
            let said = Commit::of(&[noticed], &stored);
            alerts.extend(self.detection.observe(&said)?);
            commit.batches.extend(said.batches);
        }
        for alert in &alerts {
            transaction.save_alert(alert)?;
        }
        for gap in gaps {
            transaction.set_gap(gap)?;
        }
        transaction.set_cursor(AUDIT_CURSOR, audited)?;
        let losses = transaction.lost();
        transaction.commit()?;
        self.ingest = commit.range().map_or(self.ingest, |(_, last)| last);
        let conflicts = conflict::count(&answers);
        Ok(Outcome { answers, commit: Arc::new(commit), alerts: alerts.len(), conflicts, losses })
    }

    /// The detection, to be rebuilt.
    pub fn detection_mut(&mut self) -> &mut Detection {
        &mut self.detection
    }
}
