//! Attribute values: counted, bounded in depth, each name once.

use super::super::error::{CodecError, CodecFault};
use super::leaf;
use super::source::{Open, Reader, Token};
use crate::event::error::excerpt;
use crate::event::limits::{ATTRIBUTES_MAX, DEPTH_MAX, NAME_BYTES_MAX, VALUES_MAX};
use crate::event::{Attributes, EventError, Value};

/// Names up to this many are compared one by one, more of them by sorting.
const LINEAR_NAMES: usize = 32;

/// Values that one event (or the unknown part of a batch) may still have.
pub(super) struct Tally(usize);

impl Tally {
    pub(super) fn new() -> Self {
        Tally(VALUES_MAX)
    }

    fn take(&mut self, offset: usize) -> Result<(), CodecError> {
        let Some(left) = self.0.checked_sub(1) else {
            let what = "attribute values";
            let many = EventError::TooManyFields { what, limit: VALUES_MAX, actual: VALUES_MAX + 1 };
            return Err(CodecError::new(many, offset));
        };
        self.0 = left;
        Ok(())
    }
}

/// The next value; one that is not inside another has depth 1.
pub(super) fn value<'a, R: Reader<'a>>(
    reader: &mut R,
    depth: usize,
    tally: &mut Tally,
) -> Result<Value, CodecError> {
    let at = reader.offset();
    if depth > DEPTH_MAX {
        return Err(CodecError::new(CodecFault::TooDeep { format: R::FORMAT, limit: DEPTH_MAX }, at));
    }
    tally.take(at)?;
    let token = reader.token()?;
    from_token(reader, token, at, depth, tally)
}

/// The value that `token`, read at `at`, begins; the value itself has been counted.
pub(super) fn from_token<'a, R: Reader<'a>>(
    reader: &mut R,
    token: Token<'a>,
    at: usize,
    depth: usize,
    tally: &mut Tally,
) -> Result<Value, CodecError> {
    Ok(match token {
        Token::Null => return Err(CodecError::new(CodecFault::Null, at)),
        Token::Bool(v) => Value::Bool(v),
        Token::Unsigned(v) => Value::from(v),
        Token::Negative(v) => Value::I64(v),
        Token::Float(v) => Value::F64(v),
        Token::Text(v) => Value::String(leaf::owned(v)),
        Token::Bytes(v) => Value::Bytes(v.into_owned()),
        Token::List(mut list) => {
            let mut values = Vec::new();
            while reader.next_item(&mut list)? {
                let index = values.len();
                values.push(value(reader, depth + 1, tally).map_err(|e| e.in_item(index))?);
            }
            Value::List(values)
        }
        Token::Map(map) => Value::Map(pairs(reader, map, depth + 1, tally, usize::MAX)?),
    })
}

/// The attributes of an event: its map of values of depth 1, at most 64 of them.
pub(super) fn attributes<'a, R: Reader<'a>>(
    reader: &mut R,
    tally: &mut Tally,
) -> Result<Attributes, CodecError> {
    let at = reader.offset();
    match reader.map()? {
        Some(map) => pairs(reader, map, 1, tally, ATTRIBUTES_MAX),
        None => match reader.token()? {
            Token::Null => Ok(Attributes::new()),
            other => Err(other.instead_of("a map", at)),
        },
    }
}

fn pairs<'a, R: Reader<'a>>(
    reader: &mut R,
    mut map: Open,
    depth: usize,
    tally: &mut Tally,
    limit: usize,
) -> Result<Attributes, CodecError> {
    let begin = reader.offset();
    let mut pairs = Attributes::new();
    while let Some(name) = reader.next_key(&mut map)? {
        if pairs.len() == limit {
            let many = EventError::TooManyFields { what: "attributes", limit, actual: limit + 1 };
            return Err(CodecError::new(many, reader.key_offset()));
        }
        add(reader, &mut pairs, &name, depth, tally)?;
    }
    unique::<R>(&pairs, begin)?;
    Ok(pairs)
}

/// Checks what [`add`] leaves open: that each of many names stands once.
pub(super) fn unique<'a, R: Reader<'a>>(pairs: &Attributes, begin: usize) -> Result<(), CodecError> {
    if pairs.len() > LINEAR_NAMES {
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|two| two[0] == two[1]) {
            return Err(leaf::duplicate::<R>(twice[0], begin));
        }
    }
    Ok(())
}

/// Reads the value of `name`, which was read last, into `pairs`. Call [`unique`] behind the last pair.
pub(super) fn add<'a, R: Reader<'a>>(
    reader: &mut R,
    pairs: &mut Attributes,
    name: &str,
    depth: usize,
    tally: &mut Tally,
) -> Result<(), CodecError> {
    let at = reader.key_offset();
    if name.len() > NAME_BYTES_MAX {
        return Err(CodecError::new(EventError::FieldInvalid { field: excerpt(name) }, at));
    }
    if pairs.len() <= LINEAR_NAMES && pairs.get(name).is_some() {
        return Err(leaf::duplicate::<R>(name, at));
    }
    let value = value(reader, depth, tally).map_err(|e| e.in_field(name))?;
    pairs.push_unchecked(name.into(), value);
    Ok(())
}
