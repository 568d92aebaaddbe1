//! The `traceparent` header and its parts.

use std::fmt;
use std::str::FromStr;

/// Trace id, 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// Span id, 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

/// Why a trace context cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// Shorter than 55 characters, or longer where the version does not allow it.
    #[error("`traceparent` has {actual} characters; version 00 has 55")]
    Length {
        /// Characters given.
        actual: usize,
    },
    /// Not lower-case hexadecimal digits in their places between dashes.
    #[error("`traceparent` is not lower-case hexadecimal in the form 00-<32>-<16>-<2>")]
    Format,
    /// Version ff is forbidden.
    #[error("`traceparent` version ff is forbidden")]
    Version,
    /// An id of zeroes only.
    #[error("a trace or span id of zeroes only is not valid")]
    ZeroId,
}

macro_rules! id_impls {
    ($name:ident, $bytes:literal, $word:ident, $what:literal) => {
        impl $name {
            #[doc = concat!("The ", $what, " of these bytes.")]
            ///
            /// # Errors
            /// [`TraceError::ZeroId`] if all are zero.
            #[inline]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Result<Self, TraceError> {
                if $word::from_ne_bytes(bytes) == 0 { Err(TraceError::ZeroId) } else { Ok($name(bytes)) }
            }

            /// The bytes, big-endian as they are printed.
            #[inline]
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// A new one from the operating system's randomness.
            pub fn random() -> Self {
                let mut bytes = [0; $bytes];
                // Without a source of randomness the id is still valid, merely not unique.
                if getrandom::fill(&mut bytes).is_err() || bytes == [0; $bytes] {
                    bytes[$bytes - 1] = 1;
                }
                $name(bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl FromStr for $name {
            type Err = TraceError;

            /// Reads lower-case hexadecimal digits, two a byte.
            ///
            /// # Errors
            /// [`TraceError::Format`] or [`TraceError::ZeroId`].
            fn from_str(text: &str) -> Result<Self, TraceError> {
                let mut bytes = [0; $bytes];
                unhex(text.as_bytes(), &mut bytes)?;
                $name::from_bytes(bytes)
            }
        }
    };
}

id_impls!(TraceId, 16, u128, "trace id");
id_impls!(SpanId, 8, u64, "span id");

/// The place of an event in a distributed trace: trace id, span id, flags. 25 bytes, `Copy`.
///
/// Source: W3C Trace Context, section 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The whole trace, across services.
    pub trace_id: TraceId,
    /// The span in which the event happened.
    pub span_id: SpanId,
    /// Bit 0: sampled. Bit 1: the trace id is random. Others are zero.
    flags: u8,
}

impl TraceContext {
    /// Flag bit 0.
    pub const SAMPLED: u8 = 1;
    /// Flag bit 1.
    pub const RANDOM: u8 = 2;

    /// A context of these parts; unknown flag bits are cleared.
    #[inline]
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: u8) -> Self {
        TraceContext { trace_id, span_id, flags: flags & (Self::SAMPLED | Self::RANDOM) }
    }

    /// The root of a new trace: random ids, sampled.
    pub fn new_root() -> Self {
        Self::new(TraceId::random(), SpanId::random(), Self::SAMPLED | Self::RANDOM)
    }

    /// A new span in the same trace.
    pub fn child(self) -> Self {
        TraceContext { span_id: SpanId::random(), ..self }
    }

    /// Parses a W3C `traceparent` header.
    ///
    /// `header` is 55 ASCII characters: `version-trace_id-span_id-flags`, lower-case hex (2, 32, 16, 2
    /// digits). Fields behind these four are ignored in versions above 00, as the recommendation asks.
    ///
    /// # Errors
    /// [`TraceError::Length`], [`TraceError::Format`], [`TraceError::Version`] or [`TraceError::ZeroId`]. A
    /// receiver then starts a new trace.
    ///
    /// Source: W3C Trace Context, section 3.2.
    ///
    /// ```
    /// # use veribus_core::TraceContext;
    /// let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?;
    /// assert!(trace.is_sampled());
    /// assert_eq!(trace.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// # Ok::<(), veribus_core::TraceError>(())
    /// ```
    pub fn parse(header: &str) -> Result<Self, TraceError> {
        let text = header.as_bytes();
        if text.len() < 55 {
            return Err(TraceError::Length { actual: text.len() });
        }
        if [text[2], text[35], text[52]] != *b"---" {
            return Err(TraceError::Format);
        }
        let mut version = [0];
        unhex(&text[..2], &mut version)?;
        match version {
            [0xff] => return Err(TraceError::Version),
            [0] if text.len() > 55 => return Err(TraceError::Length { actual: text.len() }),
            _ if text.len() > 55 && text[55] != b'-' => return Err(TraceError::Format),
            _ => {}
        }
        let (mut trace_id, mut span_id, mut flags) = ([0; 16], [0; 8], [0]);
        unhex(&text[3..35], &mut trace_id)?;
        unhex(&text[36..52], &mut span_id)?;
        unhex(&text[53..55], &mut flags)?;
        Ok(Self::new(TraceId::from_bytes(trace_id)?, SpanId::from_bytes(span_id)?, flags[0]))
    }

    /// The flags: only [`TraceContext::SAMPLED`] and [`TraceContext::RANDOM`].
    #[inline]
    pub const fn flags(self) -> u8 {
        self.flags
    }

    /// Whether the caller recorded this trace.
    pub const fn is_sampled(self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

/// The `traceparent` header of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = TraceError;

    /// As [`TraceContext::parse`].
    fn from_str(text: &str) -> Result<Self, TraceError> {
        TraceContext::parse(text)
    }
}

fn unhex(text: &[u8], out: &mut [u8]) -> Result<(), TraceError> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Ok(b - b'0'),
        b'a'..=b'f' => Ok(b - b'a' + 10),
        _ => Err(TraceError::Format),
    };
    if text.len() != out.len() * 2 {
        return Err(TraceError::Format);
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_later_version_is_read_by_position_and_never_forwarded() {
        let later = format!("cc{}-what-the-future-brings", &GOOD[2..]);
        assert_eq!(TraceContext::parse(&later).map(|t| t.to_string()), Ok(GOOD.to_owned()));
    }

    #[test]
    fn what_the_recommendation_forbids_is_refused() {
        let cases = [
            (GOOD[..54].to_owned(), TraceError::Length { actual: 54 }),
            (format!("{GOOD}-extra"), TraceError::Length { actual: 61 }),
            (format!("ff{}", &GOOD[2..]), TraceError::Version),
            (GOOD.to_uppercase(), TraceError::Format),
            (format!("cc{}.x", &GOOD[2..]), TraceError::Format),
            (GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)), TraceError::ZeroId),
            (GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)), TraceError::ZeroId),
            (GOOD.replacen('-', "_", 1), TraceError::Format),
        ];
        for (header, error) in cases {
            assert_eq!(TraceContext::parse(&header), Err(error), "{header}");
        }
    }

    #[test]
    fn unknown_flags_are_cleared_and_random_is_kept() {
        let header = format!("{}ff", &GOOD[..53]);
        assert_eq!(TraceContext::parse(&header).map(TraceContext::flags), Ok(3));
    }

    #[test]
    fn a_child_stays_in_its_trace() {
        let root = TraceContext::new_root();
        let child = root.child();
        assert_eq!(child.trace_id, root.trace_id);
        assert_ne!(child.span_id, root.span_id);
    }
}
