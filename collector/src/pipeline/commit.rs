//! What a transaction has added, as everything behind the store sees it.

use std::sync::Arc;

use veribus_core::{Attributes, Source, Timestamp, VerificationEvent};

use crate::store::{IncomingBatch, Ingest, Inserted};

/// The new events of one transaction, in the order of storing.
#[derive(Debug, Default)]
pub struct Commit {
    /// By sender.
    pub batches: Vec<CommittedBatch>,
}

/// New events of one batch; at least one.
#[derive(Debug)]
pub struct CommittedBatch {
    /// Who sent them.
    pub source: Arc<Source>,
    /// What a newer sender says of itself.
    pub extra: Attributes,
    /// When they came.
    pub received: Timestamp,
    /// The events that are new.
    pub events: Vec<CommittedEvent>,
}

/// One new event.
#[derive(Debug, Clone)]
pub struct CommittedEvent {
    /// Its number.
    pub ingest: Ingest,
    /// The event.
    pub event: Arc<VerificationEvent>,
}

impl Commit {
    /// What `answers` say is new of `batches`.
    pub(super) fn of(batches: &[IncomingBatch], answers: &[Vec<Inserted>]) -> Self {
        let new = |(batch, answers): (&IncomingBatch, &Vec<Inserted>)| {
            let events: Vec<CommittedEvent> = batch
                .events
                .iter()
                .zip(answers)
                .filter_map(|(incoming, answer)| match answer {
                    Inserted::Stored(ingest) => {
                        Some(CommittedEvent { ingest: *ingest, event: Arc::clone(&incoming.event) })
                    }
                    Inserted::Duplicate | Inserted::Conflict => None,
                })
                .collect();
            let (source, received) = (Arc::clone(&batch.source), batch.received);
            (!events.is_empty()).then(|| CommittedBatch {
                source,
                extra: batch.extra.clone(),
                received,
                events,
            })
        };
        Commit { batches: batches.iter().zip(answers).filter_map(new).collect() }
    }

    /// All its events.
    pub fn events(&self) -> impl Iterator<Item = &CommittedEvent> {
        self.batches.iter().flat_map(|batch| &batch.events)
    }

    /// Numbers of its first and last event; `None` if nothing is new.
    pub fn range(&self) -> Option<(Ingest, Ingest)> {
        let first = self.batches.first()?.events.first()?.ingest;
        let last = self.batches.last()?.events.last()?.ingest;
        Some((first, last))
    }
}
