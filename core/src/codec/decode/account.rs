//! Reads what a sender says about its numbers: loss records and lane marks that can be true.

use super::super::error::{CodecError, CodecFault};
use super::super::fields::{BatchField, LossField, Spelled};
use super::leaf::{self, Seen};
use super::source::{Open, Reader, Token};
use crate::account::{LaneMark, LossRecord};
use crate::event::limits::{BATCH_LANES_MAX, BATCH_LOSSES_MAX};
use crate::event::{EventId, InstanceId, Timestamp};
use crate::loss::LossReason;

fn losses_fault(why: &'static str, at: usize) -> CodecError {
    CodecError::new(CodecFault::BatchLosses { why }, at)
}

fn lanes_fault(why: &'static str, at: usize) -> CodecError {
    CodecError::new(CodecFault::BatchLanes { why }, at)
}

/// The next value as the list of loss records; null is none.
pub(super) fn losses<'a, R: Reader<'a>>(reader: &mut R) -> Result<Vec<LossRecord>, CodecError> {
    let at = reader.offset();
    let mut list = match reader.token()? {
        Token::List(list) => list,
        Token::Null => return Ok(Vec::new()),
        _ => return Err(losses_fault("`losses` is a list of maps", at)),
    };
    let mut losses = Vec::new();
    while reader.next_item(&mut list)? {
        if losses.len() == BATCH_LOSSES_MAX {
            return Err(losses_fault("there are more than 1000", reader.offset()));
        }
        losses.push(loss(reader).map_err(|e| e.in_item(losses.len()))?);
    }
    Ok(losses)
}

fn loss<'a, R: Reader<'a>>(reader: &mut R) -> Result<LossRecord, CodecError> {
    let at = reader.offset();
    let fault = |why| losses_fault(why, at);
    let Some(map) = reader.map()? else {
        reader.token()?;
        return Err(fault("a loss record is a map"));
    };
    let record = fields(reader, map, at)?;
    if record.first_seq == 0 || record.last_seq > EventId::SEQ_MAX {
        return Err(fault("a sequence is 1 to 2^48 − 1"));
    }
    if record.first_seq > record.last_seq {
        return Err(fault("`first_seq` is behind `last_seq`"));
    }
    if !(1..=record.last_seq - record.first_seq + 1).contains(&record.count) {
        return Err(fault("`count` is 1 to the numbers from `first_seq` to `last_seq`"));
    }
    Ok(record)
}

fn fields<'a, R: Reader<'a>>(reader: &mut R, mut map: Open, at: usize) -> Result<LossRecord, CodecError> {
    let fault = |why| losses_fault(why, at);
    let (mut lane, mut reason, mut times) = (None, None, [None::<Timestamp>; 2]);
    let (mut numbers, mut seen) = ([None; 3], Seen::default());
    while let Some(key) = reader.next_key(&mut map)? {
        let Some(field) = LossField::find(&key) else {
            return Err(fault("a loss record has no other fields"));
        };
        seen.once(field, reader)?;
        let named = |error: CodecError| error.in_field(field.word());
        match field {
            LossField::Lane => {
                let number = number(reader)?.and_then(|n| u16::try_from(n).ok());
                lane = Some(number.ok_or_else(|| named(fault("a lane is 0 to 65535")))?);
            }
            LossField::Reason => {
                let text = leaf::text(reader).map_err(named)?;
                let found = text.and_then(|name| LossReason::from_name(&name));
                reason = Some(found.ok_or_else(|| named(fault("no such reason")))?);
            }
            LossField::FirstSeq => numbers[0] = number(reader)?,
            LossField::LastSeq => numbers[1] = number(reader)?,
            LossField::Count => numbers[2] = number(reader)?,
            LossField::FirstAt => times[0] = Some(leaf::time(reader).map_err(named)?),
            LossField::LastAt => times[1] = Some(leaf::time(reader).map_err(named)?),
        }
    }
    let (Some(lane), Some(reason), [Some(first_at), Some(last_at)]) = (lane, reason, times) else {
        return Err(fault("a loss record has all its fields"));
    };
    let [Some(first_seq), Some(last_seq), Some(count)] = numbers else {
        return Err(fault("sequences and the count are integers"));
    };
    Ok(LossRecord { lane, reason, first_seq, last_seq, count, first_at, last_at })
}

/// The next value, if it is an integer that is not negative.
fn number<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<u64>, CodecError> {
    Ok(leaf::integer(&reader.token()?).and_then(|n| u64::try_from(n).ok()))
}

/// The next value as the list of `[lane, next_seq]`; null is none.
pub(super) fn lanes<'a, R: Reader<'a>>(reader: &mut R) -> Result<Vec<LaneMark>, CodecError> {
    const SHAPE: &str = "a lane mark is [lane, next_seq]";
    let at = reader.offset();
    let mut list = match reader.token()? {
        Token::List(list) => list,
        Token::Null => return Ok(Vec::new()),
        _ => return Err(lanes_fault("`lanes` is a list of [lane, next_seq]", at)),
    };
    let mut marks = Vec::new();
    while reader.next_item(&mut list)? {
        let at = reader.offset();
        let fault = |why| lanes_fault(why, at).in_item(marks.len());
        if marks.len() == BATCH_LANES_MAX {
            return Err(lanes_fault("there are more than 1000", at));
        }
        let Token::List(mut pair) = reader.token()? else { return Err(fault(SHAPE)) };
        let (mut numbers, mut given) = ([0_u64; 2], 0);
        while reader.next_item(&mut pair)? {
            let (Some(slot), Some(number)) = (numbers.get_mut(given), number(reader)?) else {
                return Err(fault(SHAPE));
            };
            *slot = number;
            given += 1;
        }
        if given != 2 {
            return Err(fault(SHAPE));
        }
        let lane = u16::try_from(numbers[0]).map_err(|_| fault("a lane is 0 to 65535"))?;
        if !(1..=EventId::SEQ_MAX + 1).contains(&numbers[1]) {
            return Err(fault("the next sequence is 1 to 2^48"));
        }
        marks.push(LaneMark { lane, next_seq: numbers[1] });
    }
    Ok(marks)
}

/// Checks that there is an instance whose numbers they are.
pub(super) fn belongs(
    instance: Option<InstanceId>,
    losses: &[LossRecord],
    lanes: &[LaneMark],
    begin: usize,
) -> Result<(), CodecError> {
    const MISSING: &str = "`instance` is missing";
    match instance {
        None if !losses.is_empty() => Err(losses_fault(MISSING, begin).in_field(BatchField::Losses.word())),
        None if !lanes.is_empty() => Err(lanes_fault(MISSING, begin).in_field(BatchField::Lanes.word())),
        _ => Ok(()),
    }
}
