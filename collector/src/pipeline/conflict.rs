//! The same identity with another content is an attack or a fault: the first is kept, and it is said aloud.

use veribus_core::{Severity, Source, Timestamp, event};

use super::NO_IDENTITY;
use crate::store::{IncomingBatch, IncomingEvent, Inserted};

/// Name of the security event.
const ACTION: &str = "integrity.conflict";

/// One security event for each batch that has a conflict; `None` if none has.
pub(super) fn noticed(
    batches: &[IncomingBatch],
    answers: &[Vec<Inserted>],
    now: Timestamp,
) -> Option<IncomingBatch> {
    let events: Vec<IncomingEvent> =
        batches.iter().zip(answers).filter_map(|(batch, answers)| of_batch(batch, answers, now)).collect();
    (!events.is_empty()).then(|| IncomingBatch::new(Source::new("veribus-collector"), now, events))
}

/// How many events conflict.
pub(super) fn count(answers: &[Vec<Inserted>]) -> usize {
    answers.iter().flatten().filter(|answer| **answer == Inserted::Conflict).count()
}

fn of_batch(batch: &IncomingBatch, answers: &[Inserted], now: Timestamp) -> Option<IncomingEvent> {
    let mut conflicts = batch.events.iter().zip(answers).filter(|(_, a)| **a == Inserted::Conflict);
    let first = conflicts.next()?.0.event.id.to_string();
    let conflicts = 1 + conflicts.count() as u64;
    let raised = event::security(ACTION)
        .severity(Severity::High)
        .failure()
        .reason("same_id_other_content")
        .actor(&batch.source.service)
        .target(&first)
        .target_kind("event")
        .attribute("conflicts", conflicts)
        .into_event(NO_IDENTITY, now);
    Some(IncomingEvent::new(raised.expect("the service name was checked when it was decoded")))
}
