//! The one thread that writes: takes what waits, commits it together, answers, and tells those behind the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc};
use veribus_core::{Clock, Source, VerificationEvent};

use super::letters::{Letter, keep};
use super::prune::{prune, pruned_event};
use super::queue::{Job, Refused, Reply};
use crate::pipeline::{Commit, Outcome, Pipeline, TrailState};
use crate::server::Counters;
use crate::store::{
    AUDIT_CURSOR, IncomingBatch, IncomingEvent, Inserted, PruneLimit, PruneReport, PruneWhat, Store,
    StoreError,
};

/// Events after which no more batches join a transaction.
const GROUP_EVENTS_MAX: usize = 16_384;

/// Everything that the writing thread owns.
pub struct Writer {
    /// Where events go.
    pub store: Box<dyn Store>,
    /// The stages they pass.
    pub pipeline: Pipeline,
    /// Work to do; ends when every sender is gone.
    pub jobs: mpsc::Receiver<Job>,
    /// Those who watch.
    pub live: broadcast::Sender<Arc<Commit>>,
    /// The audit trail; it reads from the store what does not fit here.
    pub trail: SyncSender<Arc<Commit>>,
    /// How far the trail is.
    pub audited: Arc<TrailState>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
}

/// Who waits for one batch.
struct Waiting {
    reply: Option<Reply<Vec<Inserted>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Batches that are committed together.
#[derive(Default)]
struct Group {
    batches: Vec<IncomingBatch>,
    waiting: Vec<Waiting>,
    letters: Vec<Letter>,
    prunes: Vec<(PruneLimit, Reply<PruneReport>)>,
    events: usize,
    keep_cursor: bool,
    tick: bool,
}

impl Writer {
    /// Works until every sender of jobs is gone and everything they sent is answered; gives the store back.
    pub fn run(mut self) -> Box<dyn Store> {
        while let Some(first) = self.jobs.blocking_recv() {
            let group = self.gather(first);
            self.work(group);
        }
        self.store
    }

    /// The first job and all that wait behind it: what came during the last commit shares the next.
    fn gather(&mut self, first: Job) -> Group {
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Batch { batch, reply, permit } => group.add(batch, Some(reply), permit),
                Job::Own(event) => {
                    let batch = self.own_batch(*event);
                    group.add(batch, None, None);
                }
                Job::SetAside { letter, reply } => group.letters.push(Letter::Arrived { letter, reply }),
                Job::RemoveLetter { id, reply } => group.letters.push(Letter::Redriven { id, reply }),
                Job::KeepCursor => group.keep_cursor = true,
                Job::Tick => group.tick = true,
                Job::Prune { limit, reply } => group.prunes.push((limit, reply)),
            }
            next = if group.events < GROUP_EVENTS_MAX { self.jobs.try_recv().ok() } else { None };
        }
        group
    }

    fn own_batch(&self, event: VerificationEvent) -> IncomingBatch {
        let source = Source::new("veribus-collector");
        IncomingBatch::new(source, self.clock.now(), vec![IncomingEvent::new(event)])
    }

    fn work(&mut self, group: Group) {
        let Group { batches, waiting, letters, prunes, keep_cursor, tick, .. } = group;
        if !batches.is_empty() {
            let result = self.commit(batches);
            answer(waiting, result);
        } else if keep_cursor {
            // If this fails, the trail compares a few more lines after a restart.
            let _ = self.keep_cursor();
        }
        if !letters.is_empty() {
            self.letters(letters);
        }
        if tick {
            self.look_for_gaps();
        }
        for (limit, reply) in prunes {
            let done = self.prune(&limit).map_err(|error| Refused { code: error.code() });
            // Whoever asked may have gone away.
            let _ = reply.send(done);
        }
    }

    fn commit(&mut self, batches: Vec<IncomingBatch>) -> Result<Vec<Vec<Inserted>>, Refused> {
        let audited = self.audited.ingest();
        match self.pipeline.run(&mut *self.store, batches, self.clock.now(), audited) {
            Ok(outcome) => Ok(self.committed(outcome)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Counts, and tells those behind the store.
    fn committed(&self, outcome: Outcome) -> Vec<Vec<Inserted>> {
        self.counters.committed(&outcome);
        if outcome.commit.range().is_some() {
            // Nobody watching is fine; a trail that is behind reads the store.
            let _ = self.live.send(Arc::clone(&outcome.commit));
            let _ = self.trail.try_send(outcome.commit);
        }
        outcome.answers
    }

    fn failed(&mut self, error: &StoreError) -> Refused {
        self.counters.commit_failures.fetch_add(1, Ordering::Relaxed);
        self.counters.remember_store_error(error);
        self.pipeline.detection_mut().must_rebuild();
        Refused { code: error.code() }
    }

    fn letters(&mut self, letters: Vec<Letter>) {
        match keep(&mut *self.store, letters, |held| self.counters.hold_letters(held)) {
            Ok(()) => {}
            Err(error) => drop(self.failed(&error)),
        }
    }

    fn look_for_gaps(&mut self) {
        let (now, steady) = (self.clock.now(), self.clock.steady());
        let audited = self.audited.ingest();
        match self.pipeline.look_for_gaps(&mut *self.store, now, steady, audited) {
            Ok(None) => {}
            Ok(Some(outcome)) => drop(self.committed(outcome)),
            // It is noticed again at a later tick.
            Err(error) => drop(self.failed(&error)),
        }
    }

    fn keep_cursor(&mut self) -> Result<(), StoreError> {
        let mut transaction = self.store.begin()?;
        transaction.set_cursor(AUDIT_CURSOR, self.audited.ingest())?;
        transaction.commit()
    }

    /// Deletes in small transactions, and says in the trail that it did.
    fn prune(&mut self, limit: &PruneLimit) -> Result<PruneReport, StoreError> {
        self.keep_cursor()?;
        let report = prune(&mut *self.store, limit)?;
        if limit.what == PruneWhat::DeadLetters {
            self.letters(Vec::new());
        }
        let said = self.own_batch(pruned_event(&report, self.clock.now()));
        // The rows are gone; a failure to say so is counted like every other failed commit.
        let _ = self.commit(vec![said]);
        Ok(report)
    }
}

impl Group {
    fn add(
        &mut self,
        batch: IncomingBatch,
        reply: Option<Reply<Vec<Inserted>>>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        self.events += batch.events.len();
        self.batches.push(batch);
        self.waiting.push(Waiting { reply, _permit: permit });
    }
}

/// Gives everybody their answer. A sender that went away sends again, and is told `duplicate`.
fn answer(waiting: Vec<Waiting>, result: Result<Vec<Vec<Inserted>>, Refused>) {
    let mut answers = result.map(Vec::into_iter);
    for who in waiting {
        let answer = match &mut answers {
            Ok(answers) => Ok(answers.next().expect("one answer for each batch")),
            Err(refused) => Err(*refused),
        };
        if let Some(reply) = who.reply {
            let _ = reply.send(answer);
        }
    }
}
