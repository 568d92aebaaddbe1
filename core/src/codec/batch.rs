//! What travels: the events of one sender, described once.

use std::borrow::Borrow;

use super::error::{CodecError, CodecFault};
use super::json::{JsonReader, JsonWriter};
use super::msgpack::{MsgpackReader, MsgpackWriter};
use super::{decode, encode};
use crate::account::{LaneMark, LossRecord};
use crate::event::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_LANES_MAX, BATCH_LOSSES_MAX};
use crate::event::{Attributes, InstanceId, Source, VerificationEvent};

/// The version of the batch format that this side writes, and the only one it reads.
pub(super) const VERSION: u64 = 1;

/// Up to 1,000 events of one sender: what a transport carries, at most 5 MiB encoded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Who sends it.
    pub source: Source,
    /// The bus start whose lanes and sequences are run-length coded; ids of others stand in full.
    pub instance: Option<InstanceId>,
    /// In order. An event with id 0 has none: the collector gives it one.
    pub events: Vec<VerificationEvent>,
    /// Numbers of `instance` that will never come, and why; at most 1,000 records.
    pub losses: Vec<LossRecord>,
    /// How far lanes of `instance` have come; at most 1,000 of them.
    pub lanes: Vec<LaneMark>,
    /// Fields of a newer sender, as they came; those of its source are in a map named `source`.
    pub extra: Attributes,
}

/// The same by reference: for events that are owned elsewhere, as `VerificationEvent` or `Arc` of it.
#[derive(Debug)]
pub struct BatchView<'a, E> {
    /// As [`Batch::source`].
    pub source: &'a Source,
    /// As [`Batch::instance`].
    pub instance: Option<InstanceId>,
    /// As [`Batch::events`].
    pub events: &'a [E],
    /// As [`Batch::losses`].
    pub losses: &'a [LossRecord],
    /// As [`Batch::lanes`].
    pub lanes: &'a [LaneMark],
    /// As [`Batch::extra`].
    pub extra: &'a Attributes,
}

/// A batch whose events were decoded one by one: a bad one costs itself and not its neighbours.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DecodedBatch {
    /// As [`Batch::source`].
    pub source: Source,
    /// As [`Batch::instance`].
    pub instance: Option<InstanceId>,
    /// Every event in order, or what is wrong with it.
    pub events: Vec<Result<VerificationEvent, CodecError>>,
    /// As [`Batch::losses`].
    pub losses: Vec<LossRecord>,
    /// As [`Batch::lanes`].
    pub lanes: Vec<LaneMark>,
    /// As [`Batch::extra`].
    pub extra: Attributes,
}

impl DecodedBatch {
    /// The batch, if every event is good.
    ///
    /// # Errors
    /// That of the first bad event.
    pub fn all(self) -> Result<Batch, CodecError> {
        let DecodedBatch { source, instance, events, losses, lanes, extra } = self;
        let events = events.into_iter().collect::<Result<_, _>>()?;
        Ok(Batch { source, instance, events, losses, lanes, extra })
    }
}

impl Batch {
    /// This batch by reference.
    pub fn view(&self) -> BatchView<'_, VerificationEvent> {
        BatchView {
            source: &self.source,
            instance: self.instance,
            events: &self.events,
            losses: &self.losses,
            lanes: &self.lanes,
            extra: &self.extra,
        }
    }

    /// Appends the canonical JSON, without a newline.
    ///
    /// # Errors
    /// As [`BatchView::encode_json`].
    pub fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.view().encode_json(out)
    }

    /// Reads a JSON batch of which every event is good.
    ///
    /// # Errors
    /// As [`Batch::decode_json_each`], or that of the first bad event.
    pub fn decode_json(input: &[u8]) -> Result<Batch, CodecError> {
        Batch::decode_json_each(input)?.all()
    }

    /// Reads a JSON batch, each event by itself.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not such JSON as a batch is, or too large (5 MiB, 1,000 events).
    pub fn decode_json_each(input: &[u8]) -> Result<DecodedBatch, CodecError> {
        if input.trim_ascii_start().is_empty() {
            return Err(CodecError::new(CodecFault::BatchEmpty, 0));
        }
        decode(JsonReader::new(bounded(input)?))
    }

    /// Appends the canonical MessagePack.
    ///
    /// # Errors
    /// As [`BatchView::encode_msgpack`].
    pub fn encode_msgpack(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.view().encode_msgpack(out)
    }

    /// Reads a MessagePack batch of which every event is good.
    ///
    /// # Errors
    /// As [`Batch::decode_msgpack_each`], or that of the first bad event.
    pub fn decode_msgpack(input: &[u8]) -> Result<Batch, CodecError> {
        Batch::decode_msgpack_each(input)?.all()
    }

    /// Reads a MessagePack batch, each event by itself.
    ///
    /// # Errors
    /// [`CodecError`] if the bytes are not such MessagePack as a batch is, or too large (5 MiB, 1,000 events).
    pub fn decode_msgpack_each(input: &[u8]) -> Result<DecodedBatch, CodecError> {
        if input.is_empty() {
            return Err(CodecError::new(CodecFault::BatchEmpty, 0));
        }
        decode(MsgpackReader::new(bounded(input)?))
    }
}

fn bounded(input: &[u8]) -> Result<&[u8], CodecError> {
    if input.len() > BATCH_BYTES_MAX {
        return Err(too_large(input.len()));
    }
    Ok(input)
}

fn too_large(actual: usize) -> CodecError {
    CodecError::new(CodecFault::BatchTooLarge { limit: BATCH_BYTES_MAX, actual }, BATCH_BYTES_MAX)
}

fn decode<'a, R: decode::Reader<'a>>(mut reader: R) -> Result<DecodedBatch, CodecError> {
    let batch = decode::batch(&mut reader)?;
    reader.end()?;
    Ok(batch)
}

impl<E: Borrow<VerificationEvent>> BatchView<'_, E> {
    /// Appends the canonical JSON, without a newline.
    ///
    /// # Errors
    /// `BATCH_TOO_MANY` beyond 1,000 events, `BATCH_LOSSES` and `BATCH_LANES` beyond 1,000 of them or without an
    /// `instance`, and `BATCH_TOO_LARGE` beyond 5 MiB; `out` is as before then.
    pub fn encode_json(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.encode(out, |out| encode::batch(&mut JsonWriter::new(out), self))
    }

    /// Appends the canonical MessagePack.
    ///
    /// # Errors
    /// As [`BatchView::encode_json`].
    pub fn encode_msgpack(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.encode(out, |out| encode::batch(&mut MsgpackWriter::new(out), self))
    }

    fn encode(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), CodecError> {
        let (limit, actual, before) = (BATCH_EVENTS_MAX, self.events.len(), out.len());
        if actual > limit {
            return Err(CodecError::new(CodecFault::BatchTooMany { limit, actual }, 0));
        }
        self.check_account()?;
        write(out);
        let size = out.len() - before;
        if size > BATCH_BYTES_MAX {
            out.truncate(before);
            return Err(too_large(size));
        }
        Ok(())
    }

    /// What a decoder would refuse is not written.
    fn check_account(&self) -> Result<(), CodecError> {
        let why = |given: usize, limit| match self.instance {
            _ if given == 0 => None,
            None => Some("`instance` is missing"),
            Some(_) => (given > limit).then_some("there are more than 1000"),
        };
        if let Some(why) = why(self.losses.len(), BATCH_LOSSES_MAX) {
            return Err(CodecError::new(CodecFault::BatchLosses { why }, 0));
        }
        if let Some(why) = why(self.lanes.len(), BATCH_LANES_MAX) {
            return Err(CodecError::new(CodecFault::BatchLanes { why }, 0));
        }
        Ok(())
    }
}
