//! What is wrong with encoded bytes: a stable code, the byte and the path.

use std::fmt;

use crate::event::error::excerpt;
use crate::event::{EventError, EventId};

/// An encoding of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON, RFC 8259.
    Json,
    /// MessagePack.
    Msgpack,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Json => "JSON",
            Format::Msgpack => "MessagePack",
        })
    }
}

/// Bytes that are not an event or a batch: what is wrong, at which byte, in which field.
///
/// One word wide, so that decoding pays nothing for the errors it does not have. [`CodecError::code`] is stable
/// and the same in every SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    fault: CodecFault,
    offset: usize,
    path: String,
    event_id: Option<EventId>,
}

/// What is wrong with encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecFault {
    /// Not of the format's grammar.
    #[error("{format} is malformed: {expected}")]
    Syntax {
        /// The encoding.
        format: Format,
        /// What should stand here, in words.
        expected: &'static str,
    },
    /// The bytes end inside a value.
    #[error("{format} ends in the middle of a value")]
    Truncated {
        /// The encoding.
        format: Format,
    },
    /// Bytes behind the value.
    #[error("{format} goes on behind the end of the value")]
    Trailing {
        /// The encoding.
        format: Format,
    },
    /// The same key twice in one map, also once in each spelling.
    #[error("key `{key}` is given twice")]
    DuplicateKey {
        /// The encoding.
        format: Format,
        /// At most 64 escaped bytes of the key.
        key: String,
    },
    /// Nested too deeply.
    #[error("{format} is nested deeper than {limit} levels")]
    TooDeep {
        /// The encoding.
        format: Format,
        /// Most levels allowed.
        limit: usize,
    },
    /// A number that is malformed, not finite or out of range.
    #[error("{format} number is not allowed: {why}")]
    Number {
        /// The encoding.
        format: Format,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Text that is not Unicode.
    #[error("{format} text is not valid: {why}")]
    TextInvalid {
        /// The encoding.
        format: Format,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `$bytes`, `$i64`, `$u64` or `$map` that is not what its name says, or not alone.
    #[error("tagged JSON value is not valid: {why}")]
    Tag {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A MessagePack extension type.
    #[error("MessagePack extension types are not allowed")]
    Extension,
    /// A MessagePack map key that is not a string.
    #[error("MessagePack map keys must be strings")]
    KeyNotText,
    /// No bytes at all.
    #[error("the body is empty; a batch is a map with `v`, `source` and `events`")]
    BatchEmpty,
    /// Not a batch.
    #[error("not a batch: {expected}")]
    BatchShape {
        /// What it should be.
        expected: &'static str,
    },
    /// Too many events in the batch.
    #[error("the batch has {actual} events; the limit is {limit}")]
    BatchTooMany {
        /// Most events allowed.
        limit: usize,
        /// Events given (at least).
        actual: usize,
    },
    /// Too many bytes in the batch.
    #[error("the batch has {actual} bytes; the limit is {limit}")]
    BatchTooLarge {
        /// Most bytes allowed.
        limit: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The runs do not fit the events.
    #[error("the batch's runs are not valid: {why}")]
    BatchRuns {
        /// What is wrong with them.
        why: &'static str,
    },
    /// The loss records are not valid.
    #[error("the batch's losses are not valid: {why}")]
    BatchLosses {
        /// What is wrong with them.
        why: &'static str,
    },
    /// The lane marks are not valid.
    #[error("the batch's lanes are not valid: {why}")]
    BatchLanes {
        /// What is wrong with them.
        why: &'static str,
    },
    /// A version of the batch format that is not known here.
    #[error("batch version {found} is not known; this side reads version 1")]
    Version {
        /// The version given.
        found: u64,
    },
    /// A field that has to be given is not.
    #[error("`{field}` is missing")]
    FieldMissing {
        /// Name of the field.
        field: &'static str,
    },
    /// A field of another type than it should have.
    #[error("expected {expected}, found {found}")]
    FieldType {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// Null where a value has to be.
    #[error("null is not a value; leave the name out instead")]
    Null,
    /// The event breaks a rule of the event model.
    #[error(transparent)]
    Event(#[from] EventError),
}

impl CodecError {
    pub(crate) fn new(fault: impl Into<CodecFault>, offset: usize) -> Self {
        CodecError(Box::new(Details { fault: fault.into(), offset, path: String::new(), event_id: None }))
    }

    /// The same error, found inside the field `name`.
    pub(crate) fn in_field(mut self, name: &str) -> Self {
        let dot = if self.0.path.is_empty() || self.0.path.starts_with('[') { "" } else { "." };
        self.0.path = format!("{}{dot}{}", excerpt(name), self.0.path);
        self
    }

    /// The same error, found inside item `index`.
    pub(crate) fn in_item(mut self, index: usize) -> Self {
        let dot = if self.0.path.is_empty() || self.0.path.starts_with('[') { "" } else { "." };
        self.0.path = format!("[{index}]{dot}{}", self.0.path);
        self
    }

    /// The same error, of the event with this identity.
    pub(crate) fn of_event(mut self, id: EventId) -> Self {
        self.0.event_id = Some(id);
        self
    }

    /// The stable code: `JSON_SYNTAX`, `MSGPACK_EXT`, `BATCH_TOO_MANY`, `EVT_TIME_INVALID` …
    pub fn code(&self) -> &'static str {
        self.0.fault.code()
    }

    /// What is wrong.
    pub fn fault(&self) -> &CodecFault {
        &self.0.fault
    }

    /// The byte at which it was noticed, from 0.
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// Where it is: `events[3].attributes.x`; empty for the whole. Names are escaped and cut to 64 bytes.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The identity that the batch's runs give to the event that is wrong, where they do: the hole it leaves
    /// in its lane is then one with a reason.
    pub fn event_id(&self) -> Option<EventId> {
        self.0.event_id
    }

    /// Line and column, both from 1 and the column in bytes, of the error in the `input` it came from.
    pub fn line_column(&self, input: &[u8]) -> (usize, usize) {
        let before = &input[..self.0.offset.min(input.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
        (line, column)
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { fault, offset, path, .. } = &*self.0;
        match path.as_str() {
            "" => write!(f, "{fault} (byte {offset})"),
            path => write!(f, "`{path}`: {fault} (byte {offset})"),
        }
    }
}

impl std::error::Error for CodecError {}

impl CodecFault {
    /// See [`CodecError::code`].
    pub fn code(&self) -> &'static str {
        use Format::{Json, Msgpack};
        match self {
            CodecFault::Syntax { format: Json, .. } => "JSON_SYNTAX",
            CodecFault::Syntax { format: Msgpack, .. } => "MSGPACK_SYNTAX",
            CodecFault::Truncated { format: Json } => "JSON_TRUNCATED",
            CodecFault::Truncated { format: Msgpack } => "MSGPACK_TRUNCATED",
            CodecFault::Trailing { format: Json } => "JSON_TRAILING",
            CodecFault::Trailing { format: Msgpack } => "MSGPACK_TRAILING",
            CodecFault::DuplicateKey { format: Json, .. } => "JSON_DUPLICATE_KEY",
            CodecFault::DuplicateKey { format: Msgpack, .. } => "MSGPACK_DUPLICATE_KEY",
            CodecFault::TooDeep { format: Json, .. } => "JSON_TOO_DEEP",
            CodecFault::TooDeep { format: Msgpack, .. } => "MSGPACK_TOO_DEEP",
            CodecFault::Number { format: Json, .. } => "JSON_NUMBER",
            CodecFault::Number { format: Msgpack, .. } => "MSGPACK_NUMBER",
            CodecFault::TextInvalid { format: Json, .. } => "JSON_TEXT_INVALID",
            CodecFault::TextInvalid { format: Msgpack, .. } => "MSGPACK_TEXT_INVALID",
            CodecFault::Tag { .. } => "JSON_TAG",
            CodecFault::Extension => "MSGPACK_EXT",
            CodecFault::KeyNotText => "MSGPACK_KEY",
            CodecFault::BatchEmpty => "BATCH_EMPTY",
            CodecFault::BatchShape { .. } => "BATCH_SHAPE",
            CodecFault::BatchTooMany { .. } => "BATCH_TOO_MANY",
            CodecFault::BatchTooLarge { .. } => "BATCH_TOO_LARGE",
            CodecFault::BatchRuns { .. } => "BATCH_RUNS",
            CodecFault::BatchLosses { .. } => "BATCH_LOSSES",
            CodecFault::BatchLanes { .. } => "BATCH_LANES",
            CodecFault::Version { .. } => "ENV_VERSION",
            CodecFault::FieldMissing { .. } => "EVT_FIELD_MISSING",
            CodecFault::FieldType { .. } => "EVT_FIELD_TYPE",
            CodecFault::Null => "EVT_TYPE_UNSUPPORTED",
            CodecFault::Event(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_reads_from_the_outside_in() {
        let error = CodecError::new(CodecFault::Null, 7).in_item(2).in_field("x\n").in_field("attributes");
        let error = error.in_item(3).in_field("events");
        assert_eq!(error.path(), "events[3].attributes.x\\u{a}[2]");
        assert!(error.to_string().ends_with("(byte 7)"), "{error}");
    }

    #[test]
    fn line_and_column_count_from_one() {
        let at = |offset| CodecError::new(CodecFault::Null, offset).line_column(b"ab\nc\n");
        assert_eq!([at(0), at(2), at(3), at(5), at(99)], [(1, 1), (1, 3), (2, 1), (3, 1), (3, 1)]);
    }
}
