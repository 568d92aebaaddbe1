//! JSON that is safe to look at: characters that steer a terminal or turn text around are written as `\u….`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use veribus_core::escape::Escaped;

/// Writes `document` with two spaces of indentation.
pub(super) fn write_pretty(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    let formatter = Visible(PrettyFormatter::new());
    document.serialize(&mut Serializer::with_formatter(out, formatter)).map_err(io::Error::from)
}

/// Writes `document` on one line, without a newline behind it.
pub(super) fn write_line(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    let formatter = Visible(serde_json::ser::CompactFormatter);
    document.serialize(&mut Serializer::with_formatter(out, formatter)).map_err(io::Error::from)
}

/// Another formatter, with every character that cannot be seen written as an escape. The value stays the
/// same: a JSON reader gets the text exactly as it was.
struct Visible<F>(F);

impl<F: Formatter> Formatter for Visible<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.is_ascii() && !fragment.contains('\x7f') {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, hidden)) = rest.char_indices().find(|(_, c)| is_hidden(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + hidden.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }
    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }
    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

/// Whether a page for people would show `c` as an escape; what JSON itself escapes is not asked.
fn is_hidden(c: char) -> bool {
    match c {
        ' '..='~' => false,
        other => {
            let mut bytes = [0; 4];
            let text: &str = other.encode_utf8(&mut bytes);
            Escaped(text).to_string() != text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_line(&mut out, &text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_that_steers_a_terminal_is_written_as_escapes() {
        assert_eq!(
            written("a\x1b[31m\u{202e}b\u{9b}\u{e0041}é"),
            r#""a\u001b[31m\u202eb\u009b\udb40\udc41é""#
        );
    }

    proptest! {
        #[test]
        fn a_reader_gets_the_text_back_and_a_terminal_only_what_it_can_show(text in any::<String>()) {
            let shown = written(&text);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_hidden(c)), "{:?}", shown);
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
