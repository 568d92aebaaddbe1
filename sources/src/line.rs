//! One line in, its events and exactly one outcome out.

use veribus_core::VerificationEvent;

use crate::format::Format;

/// Longest line that is translated, in bytes, without its newline; the caller cuts what is longer and says so.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Most events that one `message repeated N times` becomes; more is [`Unparsed::Repeats`].
pub const REPEATS_MAX: u32 = 10_000;

/// Translates the lines of one input, in order; keeps what one line says about the next (the year, a
/// repeated message), and no more.
pub trait LineSource: Send {
    /// What it reads.
    fn format(&self) -> Format;

    /// Translates `line` (without its newline; a carriage return at its end and a byte-order mark at its
    /// beginning are ignored) and appends its events to `out`.
    ///
    /// Events carry the time of the line and `EventId` bits 0: who publishes them gives them their identity.
    /// Invalid UTF-8 is replaced by U+FFFD and the events say so in the attribute `invalid_utf8`. Fields
    /// longer than [`crate::FIELD_BYTES_MAX`] are cut, and the attribute `truncated` says so. Never panics.
    fn line(&mut self, line: &[u8], out: &mut Vec<VerificationEvent>) -> LineOutcome;
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOutcome {
    /// It gave this many events, at least one.
    Events(u32),
    /// It was recognised and carries no verification of its own.
    Ignored(Ignored),
    /// It matches nothing that is known: to be counted, and shown.
    Unparsed(Unparsed),
}

/// Why a recognised line gives no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Ignored {
    /// Nothing but white space.
    Blank,
    /// Repeats what another line says about the same attempt.
    Companion,
    /// A connection opened, closed or broke.
    Connection,
    /// A session of somebody already let in.
    Session,
    /// The service itself: started, stopped, reconfigured.
    Service,
    /// Another program's line in the same file.
    OtherProgram,
    /// A request that was not refused.
    NotDenied,
    /// A marker of the log itself, such as `-- Boot … --`, a comment, or an audit log's own record.
    Marker,
}

impl Ignored {
    /// A stable name for counts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ignored::Blank => "blank",
            Ignored::Companion => "companion",
            Ignored::Connection => "connection",
            Ignored::Session => "session",
            Ignored::Service => "service",
            Ignored::OtherProgram => "other_program",
            Ignored::NotDenied => "not_denied",
            Ignored::Marker => "marker",
        }
    }
}

/// Why a line could not be read. [`Unparsed::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unparsed {
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("line has {bytes} bytes; the limit is {LINE_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The line's outer shape is not that of the format.
    #[error("not a line of this format")]
    Shape,
    /// There is no such date or time.
    #[error("time stamp is not a real date and time")]
    Time,
    /// The program is known, its message is not.
    #[error("message is not known")]
    Message,
    /// The message is known but a field in it makes no sense.
    #[error("field `{field}` cannot be read")]
    Field {
        /// Which.
        field: &'static str,
    },
    /// Repeated never, or more than [`REPEATS_MAX`] times, or there is no message to repeat.
    #[error("repeat count is not 1 to {REPEATS_MAX}, or nothing stands before it")]
    Repeats,
    /// Not an event of veribus.
    #[error("{detail}")]
    Event {
        /// What the decoder says, with hostile text escaped.
        detail: String,
    },
}

impl Unparsed {
    /// A stable name for counts.
    pub const fn code(&self) -> &'static str {
        match self {
            Unparsed::TooLong { .. } => "too_long",
            Unparsed::Shape => "shape",
            Unparsed::Time => "time",
            Unparsed::Message => "message",
            Unparsed::Field { .. } => "field",
            Unparsed::Repeats => "repeats",
            Unparsed::Event { .. } => "event",
        }
    }
}

impl From<Ignored> for LineOutcome {
    fn from(why: Ignored) -> Self {
        LineOutcome::Ignored(why)
    }
}

impl From<Unparsed> for LineOutcome {
    fn from(why: Unparsed) -> Self {
        LineOutcome::Unparsed(why)
    }
}
