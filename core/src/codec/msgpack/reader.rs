//! Reads MessagePack strictly: string keys, UTF-8, finite floats, no extension types, no claimed length believed.

use std::borrow::Cow;

use rmp::Marker;

use super::super::decode::{Open, Reader, SKIP_DEPTH_MAX, Token};
use super::super::error::{CodecError, CodecFault, Format};
use crate::event::EventError;
use crate::event::limits::TEXT_BYTES_MAX;

pub(in crate::codec) struct MsgpackReader<'a> {
    input: &'a [u8],
    at: usize,
    key_at: usize,
}

/// What a marker announces, its length read.
enum Head {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(usize),
    Bytes(usize),
    List(usize),
    Map(usize),
    /// Bytes of an extension value, its type included.
    Extension(usize),
}

impl<'a> MsgpackReader<'a> {
    pub(in crate::codec) fn new(input: &'a [u8]) -> Self {
        MsgpackReader { input, at: 0, key_at: 0 }
    }

    fn error(&self, fault: CodecFault) -> CodecError {
        CodecError::new(fault, self.at)
    }

    fn truncated(&self) -> CodecError {
        CodecError::new(CodecFault::Truncated { format: Format::Msgpack }, self.input.len())
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let rest = &self.input[self.at..];
        if length > rest.len() {
            return Err(self.truncated());
        }
        self.at += length;
        Ok(&rest[..length])
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// A length of 1, 2 or 4 bytes.
    fn length<const N: usize>(&mut self) -> Result<usize, CodecError> {
        let bytes: [u8; N] = self.array()?;
        Ok(bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    #[inline]
    fn head(&mut self) -> Result<Head, CodecError> {
        let marker = Marker::from_u8(self.array::<1>()?[0]);
        Ok(match marker {
            Marker::FixPos(n) => Head::Unsigned(n.into()),
            Marker::FixNeg(n) => Head::Signed(n.into()),
            Marker::FixStr(n) => Head::Text(n.into()),
            Marker::FixMap(n) => Head::Map(n.into()),
            Marker::FixArray(n) => Head::List(n.into()),
            Marker::Null => Head::Null,
            Marker::False => Head::Bool(false),
            Marker::True => Head::Bool(true),
            Marker::U8 => Head::Unsigned(u8::from_be_bytes(self.array()?).into()),
            Marker::U16 => Head::Unsigned(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Head::Unsigned(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => Head::Unsigned(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Head::Signed(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Head::Signed(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Head::Signed(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Head::Signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Head::Float(f32::from_be_bytes(self.array()?).into()),
            Marker::F64 => Head::Float(f64::from_be_bytes(self.array()?)),
            Marker::Str8 => Head::Text(self.length::<1>()?),
            Marker::Str16 => Head::Text(self.length::<2>()?),
            Marker::Str32 => Head::Text(self.length::<4>()?),
            Marker::Bin8 => Head::Bytes(self.length::<1>()?),
            Marker::Bin16 => Head::Bytes(self.length::<2>()?),
            Marker::Bin32 => Head::Bytes(self.length::<4>()?),
            Marker::Array16 => Head::List(self.length::<2>()?),
            Marker::Array32 => Head::List(self.length::<4>()?),
            Marker::Map16 => Head::Map(self.length::<2>()?),
            Marker::Map32 => Head::Map(self.length::<4>()?),
            Marker::FixExt1 => Head::Extension(2),
            Marker::FixExt2 => Head::Extension(3),
            Marker::FixExt4 => Head::Extension(5),
            Marker::FixExt8 => Head::Extension(9),
            Marker::FixExt16 => Head::Extension(17),
            Marker::Ext8 => Head::Extension(1 + self.length::<1>()?),
            Marker::Ext16 => Head::Extension(1 + self.length::<2>()?),
            Marker::Ext32 => Head::Extension(1 + self.length::<4>()?),
            Marker::Reserved => {
                let expected = "the byte 0xc1 is never used";
                let fault = CodecFault::Syntax { format: Format::Msgpack, expected };
                return Err(CodecError::new(fault, self.at - 1));
            }
        })
    }

    /// The bytes of a string or binary of `length`.
    #[inline]
    fn content(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        if length > TEXT_BYTES_MAX && length <= self.input.len() - self.at {
            let (limit, actual) = (TEXT_BYTES_MAX, length);
            return Err(self.error(EventError::TextTooLong { field: "text".into(), limit, actual }.into()));
        }
        self.take(length)
    }

    #[inline]
    fn text(&mut self, length: usize) -> Result<&'a str, CodecError> {
        let begin = self.at;
        std::str::from_utf8(self.content(length)?).map_err(|error| {
            let fault = CodecFault::TextInvalid { format: Format::Msgpack, why: "not UTF-8" };
            CodecError::new(fault, begin + error.valid_up_to())
        })
    }

    /// A list or map of `entries`, each of which takes at least `each` bytes of what is left.
    fn open(&self, entries: usize, each: usize) -> Result<Open, CodecError> {
        if entries.saturating_mul(each) > self.input.len() - self.at {
            return Err(self.truncated());
        }
        Ok(Open { left: entries, first: true, wrapped: false, no_tags: false })
    }
}

impl<'a> Reader<'a> for MsgpackReader<'a> {
    const FORMAT: Format = Format::Msgpack;

    fn offset(&self) -> usize {
        self.at
    }

    fn key_offset(&self) -> usize {
        self.key_at
    }

    fn rewind(&mut self, offset: usize) {
        self.at = offset;
    }

    fn token(&mut self) -> Result<Token<'a>, CodecError> {
        let begin = self.at;
        Ok(match self.head()? {
            Head::Null => Token::Null,
            Head::Bool(v) => Token::Bool(v),
            Head::Unsigned(v) => Token::Unsigned(v),
            Head::Signed(v) => u64::try_from(v).map_or(Token::Negative(v), Token::Unsigned),
            Head::Float(v) if v.is_finite() => Token::Float(v + 0.0),
            Head::Float(_) => {
                let fault = CodecFault::Number { format: Format::Msgpack, why: "it is not finite" };
                return Err(CodecError::new(fault, begin));
            }
            Head::Text(length) => Token::Text(Cow::Borrowed(self.text(length)?)),
            Head::Bytes(length) => Token::Bytes(Cow::Borrowed(self.content(length)?)),
            Head::List(entries) => Token::List(self.open(entries, 1)?),
            Head::Map(entries) => Token::Map(self.open(entries, 2)?),
            Head::Extension(_) => return Err(CodecError::new(CodecFault::Extension, begin)),
        })
    }

    fn map(&mut self) -> Result<Option<Open>, CodecError> {
        let begin = self.at;
        if let Head::Map(entries) = self.head()? {
            return self.open(entries, 2).map(Some);
        }
        self.at = begin;
        Ok(None)
    }

    fn next_item(&mut self, list: &mut Open) -> Result<bool, CodecError> {
        let more = list.left > 0;
        list.left = list.left.saturating_sub(1);
        Ok(more)
    }

    fn next_key(&mut self, map: &mut Open) -> Result<Option<Cow<'a, str>>, CodecError> {
        if !self.next_item(map)? {
            return Ok(None);
        }
        self.key_at = self.at;
        match self.head()? {
            Head::Text(length) => self.text(length).map(|key| Some(Cow::Borrowed(key))),
            _ => Err(CodecError::new(CodecFault::KeyNotText, self.key_at)),
        }
    }

    fn skip(&mut self) -> Result<(), CodecError> {
        // Values still to come at each level; a map's names count as values.
        let mut left = [0_usize; SKIP_DEPTH_MAX];
        let mut depth = 0;
        loop {
            let begin = self.at;
            let (inside, each) = match self.head()? {
                Head::Text(length) | Head::Bytes(length) | Head::Extension(length) => {
                    self.take(length)?;
                    (0, 0)
                }
                Head::List(entries) => (entries, 1),
                Head::Map(entries) => (entries.saturating_mul(2), 1),
                _ => (0, 0),
            };
            if inside > 0 {
                self.open(inside, each)?;
                let Some(level) = left.get_mut(depth) else {
                    let fault = CodecFault::TooDeep { format: Format::Msgpack, limit: SKIP_DEPTH_MAX };
                    return Err(CodecError::new(fault, begin));
                };
                *level = inside;
                depth += 1;
                continue;
            }
            // A value has ended, and with it perhaps the containers around it.
            loop {
                let Some(level) = depth.checked_sub(1) else { return Ok(()) };
                left[level] -= 1;
                if left[level] > 0 {
                    break;
                }
                depth = level;
            }
        }
    }

    fn end(&mut self) -> Result<(), CodecError> {
        if self.at == self.input.len() {
            return Ok(());
        }
        Err(self.error(CodecFault::Trailing { format: Format::Msgpack }))
    }
}
