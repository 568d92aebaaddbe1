//! A batch made of events that were encoded before, one by one: nothing is decoded or encoded again.

use super::encode;
use super::error::{CodecError, CodecFault};
use super::msgpack::MsgpackWriter;
use crate::account::{LaneMark, LossRecord};
use crate::event::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_LANES_MAX, BATCH_LOSSES_MAX};
use crate::event::{EventId, InstanceId, Source};

/// A MessagePack batch whose events are the output of [`event_to_msgpack`](super::event_to_msgpack).
#[derive(Debug, Clone, Copy)]
pub struct JoinedBatch<'a> {
    /// Who sends it.
    pub source: &'a Source,
    /// The bus start of every event in it.
    pub instance: InstanceId,
    /// The events' identities, in order; all of `instance`, no sequence 0.
    pub ids: &'a [EventId],
    /// As many encoded events, one behind the other.
    pub events: &'a [u8],
    /// As [`Batch::losses`](super::Batch::losses).
    pub losses: &'a [LossRecord],
    /// As [`Batch::lanes`](super::Batch::lanes).
    pub lanes: &'a [LaneMark],
}

impl JoinedBatch<'_> {
    /// Appends the canonical MessagePack: the same bytes as `BatchView::encode_msgpack` of the events.
    ///
    /// # Errors
    /// `BATCH_TOO_MANY` beyond 1,000 events, losses or lanes, `BATCH_RUNS` for an identity of another instance, and
    /// `BATCH_TOO_LARGE` beyond 5 MiB; `out` is as before then.
    pub fn encode_msgpack(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let counts = [
            (self.ids.len(), BATCH_EVENTS_MAX),
            (self.losses.len(), BATCH_LOSSES_MAX),
            (self.lanes.len(), BATCH_LANES_MAX),
        ];
        if let Some((actual, limit)) = counts.into_iter().find(|(actual, limit)| actual > limit) {
            return Err(CodecError::new(CodecFault::BatchTooMany { limit, actual }, 0));
        }
        if self.ids.iter().any(|id| id.instance() != self.instance || id.seq() == 0) {
            let why = "an event is of another instance or has no sequence";
            return Err(CodecError::new(CodecFault::BatchRuns { why }, 0));
        }
        let before = out.len();
        encode::joined(&mut MsgpackWriter::new(out), self);
        let actual = out.len() - before;
        if actual > BATCH_BYTES_MAX {
            out.truncate(before);
            let limit = BATCH_BYTES_MAX;
            return Err(CodecError::new(CodecFault::BatchTooLarge { limit, actual }, limit));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, event_to_msgpack};
    use super::*;
    use crate::account::LaneMark;
    use crate::event::{Timestamp, VerificationEvent};
    use crate::loss::LossReason;

    fn events(instance: InstanceId, ids: &[(u16, u64)]) -> Vec<VerificationEvent> {
        let line = br#"{"time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login","outcome":"failure"}"#;
        let event = super::super::event_from_json(line).expect("an event");
        ids.iter()
            .map(|(lane, seq)| VerificationEvent { id: EventId::new(instance, *lane, *seq), ..event.clone() })
            .collect()
    }

    #[test]
    fn joined_events_are_the_bytes_of_the_batch() {
        let instance = InstanceId(7);
        let at = Timestamp::from_seconds(1);
        let loss = LossRecord {
            lane: 1,
            reason: LossReason::QueueFull,
            first_seq: 3,
            last_seq: 4,
            count: 2,
            first_at: at,
            last_at: at,
        };
        let batch = Batch {
            source: Source::new("orders"),
            instance: Some(instance),
            events: events(instance, &[(1, 1), (1, 2), (2, 9), (1, 5)]),
            losses: vec![loss],
            lanes: vec![LaneMark { lane: 1, next_seq: 6 }],
            ..Batch::default()
        };
        let (mut whole, mut parts, mut joined) = (Vec::new(), Vec::new(), Vec::new());
        batch.encode_msgpack(&mut whole).expect("encodes");
        batch.events.iter().for_each(|event| event_to_msgpack(event, &mut parts));
        let ids: Vec<EventId> = batch.events.iter().map(|event| event.id).collect();
        let view = JoinedBatch {
            source: &batch.source,
            instance,
            ids: &ids,
            events: &parts,
            losses: &batch.losses,
            lanes: &batch.lanes,
        };
        view.encode_msgpack(&mut joined).expect("encodes");
        assert_eq!(joined, whole);
        let other = JoinedBatch { instance: InstanceId(8), ..view };
        assert_eq!(other.encode_msgpack(&mut joined).expect_err("refused").code(), "BATCH_RUNS");
        assert_eq!(joined, whole);
    }
}
