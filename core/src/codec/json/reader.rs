//! Reads JSON strictly: RFC 8259 without duplicate keys, lone surrogates or numbers that do not fit.

use std::borrow::Cow;

use super::super::decode::{Open, Reader, SKIP_DEPTH_MAX, Token};
use super::super::error::{CodecError, CodecFault, Format};
use super::number::{fraction, whole};
use super::{base64, is_tag};
use crate::event::EventError;
use crate::event::limits::TEXT_BYTES_MAX;

const TOO_DEEP: CodecFault = CodecFault::TooDeep { format: Format::Json, limit: SKIP_DEPTH_MAX };

pub(in crate::codec) struct JsonReader<'a> {
    input: &'a [u8],
    at: usize,
    key_at: usize,
}

impl<'a> JsonReader<'a> {
    pub(in crate::codec) fn new(input: &'a [u8]) -> Self {
        JsonReader { input, at: 0, key_at: 0 }
    }

    fn error(&self, fault: CodecFault) -> CodecError {
        CodecError::new(fault, self.at)
    }

    /// The error that something else than `expected` stands here.
    fn unexpected(&self, expected: &'static str) -> CodecError {
        self.error(match self.input.get(self.at) {
            None => CodecFault::Truncated { format: Format::Json },
            Some(_) => CodecFault::Syntax { format: Format::Json, expected },
        })
    }

    /// The next byte that is not white space, which stays.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.input.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), CodecError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), CodecError> {
        if !self.input[self.at..].starts_with(word) {
            let whole = word.starts_with(&self.input[self.at..]);
            self.at = if whole { self.input.len() } else { self.at };
            return Err(self.unexpected("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The content of a string of at most `max` bytes; its opening quote comes next.
    fn string(&mut self, max: usize) -> Result<Cow<'a, str>, CodecError> {
        self.expect(b'"', "expected a string in double quotes")?;
        let plain = self.plain(max)?;
        if self.input[self.at] == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = String::from(plain);
        loop {
            self.escape(&mut text)?;
            text.push_str(self.plain(max.saturating_sub(text.len()))?);
            if self.input[self.at] == b'"' {
                self.at += 1;
                return if text.len() > max {
                    Err(self.too_long(max, text.len()))
                } else {
                    Ok(Cow::Owned(text))
                };
            }
        }
    }

    /// The run of plain characters from here to the next quote or backslash, which exists.
    #[inline]
    fn plain(&mut self, max: usize) -> Result<&'a str, CodecError> {
        let rest = &self.input[self.at..];
        let length = rest.iter().position(|b| matches!(b, b'"' | b'\\' | ..0x20)).unwrap_or(rest.len());
        let bytes = &rest[..length];
        if !matches!(rest.get(length), Some(b'"' | b'\\')) {
            self.at += length;
            return Err(self.unexpected("a control character in a string must be escaped"));
        }
        if length > max {
            return Err(self.too_long(max, length));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.at += length;
                Ok(text)
            }
            Err(error) => {
                self.at += error.valid_up_to();
                Err(self.text_invalid("not UTF-8"))
            }
        }
    }

    fn too_long(&self, limit: usize, actual: usize) -> CodecError {
        self.error(EventError::TextTooLong { field: "text".into(), limit, actual }.into())
    }

    fn text_invalid(&self, why: &'static str) -> CodecError {
        self.error(CodecFault::TextInvalid { format: Format::Json, why })
    }

    /// Reads one escape, which stands here, into `text`.
    fn escape(&mut self, text: &mut String) -> Result<(), CodecError> {
        let plain = match self.input.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(text),
            Some(_) => return Err(self.unexpected(r#"an escape is one of \" \\ \/ \b \f \n \r \t \uXXXX"#)),
            None => {
                self.at = self.input.len();
                return Err(self.unexpected(""));
            }
        };
        text.push(plain);
        self.at += 2;
        Ok(())
    }

    fn unicode_escape(&mut self, text: &mut String) -> Result<(), CodecError> {
        let high = self.hex4(self.at + 2)?;
        let (code, length) = match high {
            0xd800..=0xdbff if self.input[self.at + 6..].starts_with(b"\\u") => {
                match self.hex4(self.at + 8)? {
                    low @ 0xdc00..=0xdfff => (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12),
                    _ => return Err(self.text_invalid("lone surrogate")),
                }
            }
            _ => (high, 6),
        };
        let Some(character) = char::from_u32(code) else {
            return Err(self.text_invalid("lone surrogate"));
        };
        text.push(character);
        self.at += length;
        Ok(())
    }

    fn hex4(&mut self, from: usize) -> Result<u32, CodecError> {
        let mut code = 0;
        for at in from..from + 4 {
            let digit = self.input.get(at).map(|b| char::from(*b).to_digit(16));
            match digit {
                Some(Some(digit)) => code = code << 4 | digit,
                Some(None) => return Err(self.unexpected(r"four hexadecimal digits stand behind \u")),
                None => {
                    self.at = self.input.len();
                    return Err(self.unexpected(""));
                }
            }
        }
        Ok(code)
    }

    /// The extent of the number that begins here, and whether it is an integer.
    fn scan_number(&mut self) -> Result<(&'a [u8], bool), CodecError> {
        let from = self.at;
        let digits = |reader: &mut Self| {
            let begin = reader.at;
            while reader.input.get(reader.at).is_some_and(u8::is_ascii_digit) {
                reader.at += 1;
            }
            if reader.at > begin { Ok(()) } else { Err(reader.number_error("a digit is missing")) }
        };
        if self.input[self.at] == b'-' {
            self.at += 1;
        }
        let zero = self.input.get(self.at) == Some(&b'0');
        let whole_from = self.at;
        digits(self)?;
        if zero && self.at > whole_from + 1 {
            self.at = whole_from;
            return Err(self.number_error("it begins with a zero"));
        }
        let mut integer = true;
        if self.input.get(self.at) == Some(&b'.') {
            integer = false;
            self.at += 1;
            digits(self)?;
        }
        if matches!(self.input.get(self.at), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if matches!(self.input.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        Ok((&self.input[from..self.at], integer))
    }

    fn number_error(&self, why: &'static str) -> CodecError {
        self.error(match self.input.get(self.at) {
            None => CodecFault::Truncated { format: Format::Json },
            Some(_) => CodecFault::Number { format: Format::Json, why },
        })
    }

    fn number(&mut self) -> Result<Token<'a>, CodecError> {
        let from = self.at;
        let (text, integer) = self.scan_number()?;
        let token = if integer { whole(text) } else { fraction(text) };
        token.map_err(|why| CodecError::new(CodecFault::Number { format: Format::Json, why }, from))
    }

    /// What stands behind `{`: a tagged value or the pairs of a map.
    fn tagged_or_map(&mut self) -> Result<Token<'a>, CodecError> {
        let inside = self.at;
        if self.peek() == Some(b'"') && self.input[self.at..].starts_with(b"\"$") {
            let tag = self.string(TEXT_BYTES_MAX)?;
            if is_tag(&tag) {
                self.expect(b':', "expected `:` behind a name")?;
                return self.tagged(&tag);
            }
            self.at = inside;
        }
        Ok(Token::Map(Open { left: 0, first: true, wrapped: false, no_tags: true }))
    }

    fn tagged(&mut self, tag: &str) -> Result<Token<'a>, CodecError> {
        let next = self.peek();
        let from = self.at;
        let fault = |why| CodecError::new(CodecFault::Tag { why }, from);
        if tag == "$map" {
            if next != Some(b'{') {
                return Err(next.map_or_else(|| self.unexpected(""), |_| fault("`$map` holds a map")));
            }
            self.at += 1;
            return Ok(Token::Map(Open { left: 0, first: true, wrapped: true, no_tags: false }));
        }
        if next != Some(b'"') {
            return Err(next.map_or_else(|| self.unexpected(""), |_| fault("the tag's value is a string")));
        }
        let token = if tag == "$bytes" {
            let text = self.string(TEXT_BYTES_MAX.div_ceil(3) * 4)?;
            let bytes =
                base64::decode(text.as_bytes()).ok_or_else(|| fault("`$bytes` holds padded base64"))?;
            if bytes.len() > TEXT_BYTES_MAX {
                return Err(self.too_long(TEXT_BYTES_MAX, bytes.len()));
            }
            Token::Bytes(bytes.into())
        } else {
            let text = self.string(TEXT_BYTES_MAX)?;
            let grammar = || {
                let mut inner = JsonReader::new(text.as_bytes());
                let starts = matches!(inner.input.first(), Some(b'-' | b'0'..=b'9'));
                starts && inner.scan_number().is_ok_and(|(all, integer)| integer && all.len() == text.len())
            };
            let read = if grammar() { whole(text.as_bytes()).ok() } else { None };
            match (tag, read) {
                ("$u64", Some(token @ Token::Unsigned(_))) => token,
                ("$i64", Some(token @ Token::Negative(_))) => token,
                ("$i64", Some(Token::Unsigned(n))) if i64::try_from(n).is_ok() => Token::Unsigned(n),
                _ => return Err(fault("the tag's text is not such an integer")),
            }
        };
        self.close_tag()?;
        Ok(token)
    }

    fn close_tag(&mut self) -> Result<(), CodecError> {
        if self.peek() == Some(b',') {
            return Err(self.error(CodecFault::Tag { why: "a tag stands alone in its map" }));
        }
        self.expect(b'}', "expected `}` behind a tagged value")
    }

    /// Whether another entry follows in a container that ends with `close`; passes over what is between.
    fn more(&mut self, open: &mut Open, close: u8, expected: &'static str) -> Result<bool, CodecError> {
        let first = std::mem::replace(&mut open.first, false);
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                return Ok(false);
            }
            Some(b',') if !first => self.at += 1,
            Some(_) if first => return Ok(true),
            _ => return Err(self.unexpected(expected)),
        }
        // Now at the entry itself, so that offsets are those of values.
        if self.peek() == Some(close) {
            return Err(self.unexpected("a comma is followed by another entry"));
        }
        Ok(true)
    }
}

impl<'a> Reader<'a> for JsonReader<'a> {
    const FORMAT: Format = Format::Json;

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
        match self.peek() {
            Some(b'"') => self.string(TEXT_BYTES_MAX).map(Token::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => {
                self.at += 1;
                self.tagged_or_map()
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Token::List(Open { left: 0, first: true, wrapped: false, no_tags: false }))
            }
            Some(b't') => self.literal(b"true").map(|()| Token::Bool(true)),
            Some(b'f') => self.literal(b"false").map(|()| Token::Bool(false)),
            Some(b'n') => self.literal(b"null").map(|()| Token::Null),
            _ => Err(self.unexpected("expected a value")),
        }
    }

    fn map(&mut self) -> Result<Option<Open>, CodecError> {
        if self.peek() != Some(b'{') {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(Open { left: 0, first: true, wrapped: false, no_tags: false }))
    }

    fn next_item(&mut self, list: &mut Open) -> Result<bool, CodecError> {
        self.more(list, b']', "expected `,` or `]`")
    }

    fn next_key(&mut self, map: &mut Open) -> Result<Option<Cow<'a, str>>, CodecError> {
        if !self.more(map, b'}', "expected `,` or `}`")? {
            if map.wrapped {
                self.close_tag()?;
            }
            return Ok(None);
        }
        self.key_at = self.at;
        let key = self.string(TEXT_BYTES_MAX)?;
        if map.no_tags && is_tag(&key) {
            return Err(self.error(CodecFault::Tag { why: "a tag stands alone in its map" }));
        }
        self.expect(b':', "expected `:` behind a name")?;
        self.peek();
        Ok(Some(key))
    }

    fn skip(&mut self) -> Result<(), CodecError> {
        // One bit a level, the innermost lowest: set for a map.
        let (mut maps, mut depth) = (0_u64, 0);
        loop {
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if depth == SKIP_DEPTH_MAX {
                        return Err(self.error(TOO_DEEP));
                    }
                    self.at += 1;
                    depth += 1;
                    maps = maps << 1 | u64::from(open == b'{');
                    let mut first = Open { left: 0, first: true, wrapped: false, no_tags: false };
                    if self.enter(maps & 1 == 1, &mut first)? {
                        continue;
                    }
                    depth -= 1;
                    maps >>= 1;
                }
                Some(b'"') => self.skip_string()?,
                Some(b'-' | b'0'..=b'9') => self.scan_number().map(|_| ())?,
                _ => self.token().map(|_| ())?,
            }
            // A value has ended, and with it perhaps the containers around it.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let mut later = Open { left: 0, first: false, wrapped: false, no_tags: false };
                if self.enter(maps & 1 == 1, &mut later)? {
                    break;
                }
                depth -= 1;
                maps >>= 1;
            }
        }
    }

    fn end(&mut self) -> Result<(), CodecError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error(CodecFault::Trailing { format: Format::Json })),
        }
    }
}

impl JsonReader<'_> {
    /// To the next value of a container that is passed over; `false` at its end.
    fn enter(&mut self, map: bool, open: &mut Open) -> Result<bool, CodecError> {
        if !map {
            return self.next_item(open);
        }
        if !self.more(open, b'}', "expected `,` or `}`")? {
            return Ok(false);
        }
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("expected a name in double quotes"));
        }
        self.skip_string()?;
        self.expect(b':', "expected `:` behind a name")?;
        Ok(true)
    }

    /// To behind the string that begins here: its quotes, escapes and controls are checked, not its text.
    fn skip_string(&mut self) -> Result<(), CodecError> {
        self.at += 1;
        loop {
            match self.input.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') if self.input.get(self.at + 1) == Some(&b'u') => {
                    self.hex4(self.at + 2)?;
                    self.at += 6;
                }
                Some(b'\\') => self.escape(&mut String::new())?,
                Some(0x20..) => self.at += 1,
                _ => return Err(self.unexpected("a control character in a string must be escaped")),
            }
        }
    }
}
