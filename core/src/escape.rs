//! Text of an event, shown so that it cannot act: no control sequence, no faked line, no hidden or reordered
//! character reaches a terminal or a log.

use std::fmt::{self, Display, Formatter, Write};

/// Displays a text with everything that could act made visible; all other Unicode stays as it is.
///
/// Line feed, carriage return and tab become `\n`, `\r`, `\t`; every other control (C0 with ESC, DEL, C1), and
/// every character that is invisible or changes the direction, the order or the lines of what stands around it
/// becomes `\u{…}` with lower-case hexadecimal digits; a backslash becomes two. What is shown can therefore
/// be read back without doubt, and is one line.
///
/// ```
/// use veribus_core::escape::Escaped;
/// let name = "alice\x1b]0;owned\x07\nroot logged in";
/// assert_eq!(Escaped(name).to_string(), r"alice\u{1b}]0;owned\u{7}\nroot logged in");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    /// Width and precision of the format are not applied; see [`truncated`].
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut shown = 0;
        for (at, character) in self.0.char_indices().filter(|(_, c)| acts(*c)) {
            f.write_str(&self.0[shown..at])?;
            shown = at + character.len_utf8();
            match character {
                '\n' => f.write_str(r"\n")?,
                '\r' => f.write_str(r"\r")?,
                '\t' => f.write_str(r"\t")?,
                '\\' => f.write_str(r"\\")?,
                other => write!(f, r"\u{{{:x}}}", u32::from(other))?,
            }
        }
        f.write_str(&self.0[shown..])
    }
}

/// Displays the first `chars_max` characters of `text` [`Escaped`], and `…` behind them if there are more.
///
/// Counts characters of the text, not of what is shown: an escape is longer than what it stands for, at most
/// nine times. Costs nothing for what is cut off.
///
/// ```
/// # use veribus_core::escape::truncated;
/// assert_eq!(truncated("orders\n17", 7).to_string(), r"orders\n…");
/// assert_eq!(truncated("orders", 7).to_string(), "orders");
/// ```
pub fn truncated(text: &str, chars_max: usize) -> impl Display + '_ {
    let cut = text.char_indices().nth(chars_max).map_or(text.len(), |(at, _)| at);
    Truncated { head: Escaped(&text[..cut]), cut: cut < text.len() }
}

struct Truncated<'a> {
    head: Escaped<'a>,
    cut: bool,
}

impl Display for Truncated<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)?;
        if self.cut { f.write_char('…') } else { Ok(()) }
    }
}

/// Whether a character could do more than be seen, or makes an escape ambiguous.
fn acts(character: char) -> bool {
    match character {
        '\\' => true,
        ' '..='~' => false,
        // C0, DEL and C1, of which U+009B alone begins a control sequence.
        '\0'..='\u{9f}' => true,
        other => hides(other),
    }
}

/// Zero width, blank without being a space, bidirectional control, line or paragraph separator, tag.
///
/// Source: Unicode 17, general category Cf and property Default_Ignorable_Code_Point; Trojan Source
/// (CVE-2021-42574). Variation selectors 1 to 16 stay, emoji need them, and so do the marks that are visible.
fn hides(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        Escaped(text).to_string()
    }

    #[test]
    fn terminal_sequences_cannot_act() {
        let cases = [
            ("\x1b[31mred\x1b[0m", r"\u{1b}[31mred\u{1b}[0m"),
            (
                "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
                r"\u{1b}]8;;http://evil\u{1b}\\click\u{1b}]8;;\u{1b}\\",
            ),
            ("\x1b]52;c;Zm9v\x07", r"\u{1b}]52;c;Zm9v\u{7}"),
            ("\u{9b}2J\u{90}q\u{9c}", r"\u{9b}2J\u{90}q\u{9c}"),
            ("over\x08\x08write\rroot\0\x7f", r"over\u{8}\u{8}write\rroot\u{0}\u{7f}"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn one_text_is_one_line_in_one_direction() {
        assert_eq!(
            shown("a\r\nb\tc\u{b}\u{c}\u{85}\u{2028}\u{2029}"),
            r"a\r\nb\tc\u{b}\u{c}\u{85}\u{2028}\u{2029}"
        );
        assert_eq!(
            shown("ad\u{200b}min\u{202e}gnp.exe\u{2066}\u{feff}\u{61c}"),
            r"ad\u{200b}min\u{202e}gnp.exe\u{2066}\u{feff}\u{61c}"
        );
        assert_eq!(shown("a\u{e0041}\u{ad}b\u{3164}"), r"a\u{e0041}\u{ad}b\u{3164}");
    }

    #[test]
    fn ordinary_text_of_the_world_stays() {
        for text in
            ["", "alice@example.com", "Ünïcödé", "日本語", "مرحبا", "שלום", "❤️ 👍🏽", "a\u{a0}b", "e\u{301}"]
        {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn a_written_escape_is_not_mistaken_for_a_made_one() {
        assert_eq!(shown(r"\n"), r"\\n");
        assert_ne!(shown(r"\u{1b}"), shown("\x1b"));
    }

    #[test]
    fn what_is_cut_is_marked_and_cut_between_characters() {
        assert_eq!(truncated("日本語", 2).to_string(), "日本…");
        assert_eq!(truncated("日本語", 3).to_string(), "日本語");
        assert_eq!(truncated("x", 0).to_string(), "…");
        assert_eq!(truncated("", 0).to_string(), "");
        assert_eq!(truncated("\x1b\x1b", 1).to_string(), r"\u{1b}…");
    }

    /// Reads back what [`Escaped`] shows.
    fn unescaped(shown: &str) -> String {
        let mut text = String::new();
        let mut rest = shown.chars();
        while let Some(character) = rest.next() {
            text.push(match character {
                '\\' => match rest.next().unwrap() {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap()
                    }
                    other => other,
                },
                other => other,
            });
        }
        text
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_shown_and_nothing_is_lost(text in any::<String>()) {
            let shown = shown(&text);
            prop_assert!(!shown.chars().any(|c| c.is_control() || hides(c)));
            prop_assert_eq!(unescaped(&shown), text);
        }
    }
}
