//! Reads a batch from any format: a bad event costs itself and not its neighbours.

use super::super::batch::{DecodedBatch, VERSION};
use super::super::error::{CodecError, CodecFault};
use super::super::fields::{BatchField, SourceField, Spelled};
use super::account;
use super::event::event;
use super::leaf::{self, Seen};
use super::source::{Reader, Token};
use super::value::{self, Tally};
use crate::event::limits::BATCH_EVENTS_MAX;
use crate::event::{Attributes, EventId, InstanceId, Source, Value, VerificationEvent};

type Events = Vec<Result<VerificationEvent, CodecError>>;

/// `[lane, first_seq, count]` and where it stands.
struct Run {
    lane: u16,
    first_seq: u64,
    count: usize,
    at: usize,
}

/// The next value as a batch.
pub(in crate::codec) fn batch<'a, R: Reader<'a>>(reader: &mut R) -> Result<DecodedBatch, CodecError> {
    let begin = reader.offset();
    let shape = |expected| CodecError::new(CodecFault::BatchShape { expected }, begin);
    let Some(mut map) = reader.map()? else {
        reader.skip()?;
        reader.end()?;
        return Err(shape("a batch is a map with `v`, `source` and `events`"));
    };
    let (mut version, mut source, mut instance, mut runs, mut events) = (false, None, None, Vec::new(), None);
    let (mut losses, mut lanes) = (Vec::new(), Vec::new());
    let (mut unknown, mut unknown_of_source) = (Attributes::new(), Attributes::new());
    let (mut seen, mut tally) = (Seen::default(), Tally::new());
    while let Some(key) = reader.next_key(&mut map)? {
        let Some(field) = BatchField::find(&key) else {
            value::add(reader, &mut unknown, &key, 1, &mut tally)?;
            continue;
        };
        seen.once(field, reader)?;
        let named = |error: CodecError| error.in_field(field.word());
        match field {
            BatchField::Version => version = check_version(reader).map(|()| true).map_err(named)?,
            BatchField::Source => {
                source = Some(read_source(reader, &mut unknown_of_source, &mut tally).map_err(named)?);
            }
            BatchField::Instance => instance = leaf::instance(reader).map_err(named)?,
            BatchField::Runs => runs = read_runs(reader).map_err(named)?,
            BatchField::Events => events = Some(read_events(reader).map_err(named)?),
            BatchField::Losses => losses = account::losses(reader).map_err(named)?,
            BatchField::Lanes => lanes = account::lanes(reader).map_err(named)?,
        }
    }
    value::unique::<R>(&unknown, begin)?;
    if !version {
        return Err(shape("`v`, the version, is missing"));
    }
    let source = source.ok_or_else(|| shape("`source` is missing"))?;
    let mut events = events.ok_or_else(|| shape("`events` is missing"))?;
    identify(&mut events, instance, &runs).map_err(|e| e.in_field(BatchField::Runs.word()))?;
    account::belongs(instance, &losses, &lanes, begin)?;
    let mut extra = Attributes::new();
    if !unknown_of_source.is_empty() {
        extra.push_unchecked(BatchField::Source.word().into(), Value::Map(unknown_of_source));
    }
    unknown.into_iter().for_each(|(name, value)| extra.push_unchecked(name, value));
    Ok(DecodedBatch { source, instance, events, losses, lanes, extra })
}

fn check_version<'a, R: Reader<'a>>(reader: &mut R) -> Result<(), CodecError> {
    let at = reader.offset();
    let token = reader.token()?;
    match leaf::integer(&token).map(u64::try_from) {
        Some(Ok(VERSION)) => Ok(()),
        Some(Ok(found)) => Err(CodecError::new(CodecFault::Version { found }, at)),
        _ => Err(CodecError::new(CodecFault::BatchShape { expected: "`v` is the integer 1" }, at)),
    }
}

fn read_source<'a, R: Reader<'a>>(
    reader: &mut R,
    unknown: &mut Attributes,
    tally: &mut Tally,
) -> Result<Source, CodecError> {
    let begin = reader.offset();
    let Some(mut map) = reader.map()? else {
        return Err(reader.token()?.instead_of("a map with `service`", begin));
    };
    let (mut source, mut service, mut seen) = (Source::default(), None, Seen::default());
    while let Some(key) = reader.next_key(&mut map)? {
        let Some(field) = SourceField::find(&key) else {
            value::add(reader, unknown, &key, 2, tally)?;
            continue;
        };
        seen.once(field, reader)?;
        let text = leaf::text(reader).map_err(|e| e.in_field(field.word()))?;
        match field {
            SourceField::Service => service = text,
            SourceField::Instance => source.instance = text,
            SourceField::Host => source.host = text,
            SourceField::Environment => source.environment = text,
            SourceField::Network => source.network = text,
            SourceField::Sdk => source.sdk = text,
            SourceField::SdkVersion => source.sdk_version = text,
        }
    }
    value::unique::<R>(unknown, begin)?;
    let missing = CodecFault::FieldMissing { field: "service" };
    source.service = service.ok_or_else(|| CodecError::new(missing, begin))?;
    Ok(source)
}

fn read_events<'a, R: Reader<'a>>(reader: &mut R) -> Result<Events, CodecError> {
    let at = reader.offset();
    let Token::List(mut list) = reader.token()? else {
        return Err(CodecError::new(CodecFault::BatchShape { expected: "`events` is a list" }, at));
    };
    let too_many =
        |actual, at| CodecError::new(CodecFault::BatchTooMany { limit: BATCH_EVENTS_MAX, actual }, at);
    if list.left > BATCH_EVENTS_MAX {
        return Err(too_many(list.left, at));
    }
    let mut events = Events::new();
    while reader.next_item(&mut list)? {
        let (index, begin) = (events.len(), reader.offset());
        if index == BATCH_EVENTS_MAX {
            return Err(too_many(index + 1, begin));
        }
        events.push(match event(reader) {
            Ok(event) => Ok(event),
            Err(error) => {
                // If the event can be passed over, its fault is its own; if not, the batch is broken.
                reader.rewind(begin);
                reader.skip().map_err(|e| e.in_item(index))?;
                Err(error.in_item(index).in_field(BatchField::Events.word()))
            }
        });
    }
    Ok(events)
}

fn read_runs<'a, R: Reader<'a>>(reader: &mut R) -> Result<Vec<Run>, CodecError> {
    const SHAPE: &str = "a run is [lane, first_seq, count]";
    let fault = |why, at| CodecError::new(CodecFault::BatchRuns { why }, at);
    let at = reader.offset();
    let mut list = match reader.token()? {
        Token::List(list) => list,
        Token::Null => return Ok(Vec::new()),
        _ => return Err(fault("`runs` is a list of [lane, first_seq, count]", at)),
    };
    let mut runs = Vec::new();
    while reader.next_item(&mut list)? {
        let at = reader.offset();
        if runs.len() == BATCH_EVENTS_MAX {
            return Err(fault("there are more than 1000", at));
        }
        let Token::List(mut triple) = reader.token()? else { return Err(fault(SHAPE, at)) };
        let mut numbers = [0_u64; 3];
        let mut given = 0;
        while reader.next_item(&mut triple)? {
            let number = leaf::integer(&reader.token()?).and_then(|n| u64::try_from(n).ok());
            let (Some(slot), Some(number)) = (numbers.get_mut(given), number) else {
                return Err(fault(SHAPE, at));
            };
            *slot = number;
            given += 1;
        }
        let [lane, first_seq, count] = numbers;
        let lane = u16::try_from(lane).map_err(|_| fault("a lane is 0 to 65535", at))?;
        if given != 3 {
            return Err(fault(SHAPE, at));
        }
        if count == 0 || count > BATCH_EVENTS_MAX as u64 {
            return Err(fault("a run counts 1 to 1000 events", at));
        }
        if first_seq.checked_add(count - 1).is_none_or(|last| last > EventId::SEQ_MAX) {
            return Err(fault("a sequence ends at 2^48 − 1", at));
        }
        if first_seq == 0 && lane != 0 {
            return Err(fault("events outside any lane are [0, 0, count]", at));
        }
        runs.push(Run { lane, first_seq, count: count as usize, at });
    }
    Ok(runs)
}

/// Gives the events that runs cover, in order, their ids.
fn identify(events: &mut Events, instance: Option<InstanceId>, runs: &[Run]) -> Result<(), CodecError> {
    let mut rest = events.iter_mut().enumerate();
    for run in runs {
        for step in 0..run.count {
            let fault = |why| CodecError::new(CodecFault::BatchRuns { why }, run.at);
            let Some((index, event)) = rest.next() else {
                return Err(fault("they cover more events than there are"));
            };
            if run.first_seq == 0 {
                continue;
            }
            let instance = instance.ok_or_else(|| fault("`instance` is missing"))?;
            let id = EventId::new(instance, run.lane, run.first_seq + step as u64);
            match event {
                Ok(inner) if inner.id.bits() == 0 => inner.id = id,
                Ok(_) => {
                    let error = fault("an event inside a run has an id of its own").of_event(id);
                    *event = Err(error.in_item(index).in_field(BatchField::Events.word()));
                }
                Err(error) => *error = error.clone().of_event(id),
            }
        }
    }
    Ok(())
}
