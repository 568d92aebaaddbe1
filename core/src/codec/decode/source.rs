//! What a decoder reads from, whatever the format.

use std::borrow::Cow;

use super::super::error::{CodecError, CodecFault, Format};

/// One value: a leaf, or the beginning of a list or map.
#[derive(Debug)]
pub(in crate::codec) enum Token<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    /// Finite.
    Float(f64),
    /// At most `TEXT_BYTES_MAX` bytes.
    Text(Cow<'a, str>),
    /// At most `TEXT_BYTES_MAX` bytes.
    Bytes(Cow<'a, [u8]>),
    List(Open),
    Map(Open),
}

/// How far an open list or map has been read.
#[derive(Debug, Clone, Copy)]
pub(in crate::codec) struct Open {
    /// Entries still to come, as claimed; only MessagePack knows.
    pub(in crate::codec) left: usize,
    /// Nothing has been read yet.
    pub(in crate::codec) first: bool,
    /// JSON: a `$map` closes with one more brace.
    pub(in crate::codec) wrapped: bool,
    /// JSON: a tag may not be a name here.
    pub(in crate::codec) no_tags: bool,
}

/// A format being read, one value at a time. Nothing is allocated by a claimed length, and nothing that is
/// longer than `TEXT_BYTES_MAX` is copied.
pub(in crate::codec) trait Reader<'a> {
    const FORMAT: Format;

    /// The next byte.
    fn offset(&self) -> usize;
    /// Where the name that was read last begins.
    fn key_offset(&self) -> usize;
    /// Back to an earlier offset, where a value begins.
    fn rewind(&mut self, offset: usize);
    /// The next value, where any value may stand.
    fn token(&mut self) -> Result<Token<'a>, CodecError>;
    /// Opens the next value if it is a map with names of its own, in which tags mean nothing; otherwise stays.
    fn map(&mut self) -> Result<Option<Open>, CodecError>;
    /// Whether another item follows.
    fn next_item(&mut self, list: &mut Open) -> Result<bool, CodecError>;
    /// The next name, if another pair follows.
    fn next_key(&mut self, map: &mut Open) -> Result<Option<Cow<'a, str>>, CodecError>;
    /// Passes over one value, checking grammar and depth and nothing else.
    fn skip(&mut self) -> Result<(), CodecError>;
    /// Checks that nothing follows.
    fn end(&mut self) -> Result<(), CodecError>;
}

/// Deepest nesting that [`Reader::skip`] passes over.
pub(in crate::codec) const SKIP_DEPTH_MAX: usize = 64;

impl Token<'_> {
    /// The type, as error messages call it.
    pub(in crate::codec) fn type_name(&self) -> &'static str {
        match self {
            Token::Null => "null",
            Token::Bool(_) => "a boolean",
            Token::Unsigned(_) | Token::Negative(_) => "an integer",
            Token::Float(_) => "a float",
            Token::Text(_) => "text",
            Token::Bytes(_) => "bytes",
            Token::List(_) => "a list",
            Token::Map(_) => "a map",
        }
    }

    /// The error that this stands where `expected` should.
    pub(in crate::codec) fn instead_of(&self, expected: &'static str, offset: usize) -> CodecError {
        CodecError::new(CodecFault::FieldType { expected, found: self.type_name() }, offset)
    }
}
