//! Colours that are either there or not, and numbers that people can read.

use std::fmt::{self, Display};

use crate::cli::ColorWhen;

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    coloured: bool,
}

impl Style {
    /// No colours.
    pub const fn plain() -> Self {
        Style { coloured: false }
    }

    /// What the person asked for; else by `NO_COLOR`, `CLICOLOR_FORCE`, `TERM` and whether it is a terminal.
    ///
    /// Source: no-color.org (set and not empty), bixense.com/clicolors.
    pub fn choose(when: ColorWhen, is_terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let coloured = match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto if set("NO_COLOR") => false,
            ColorWhen::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0") => true,
            ColorWhen::Auto => is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        };
        Style { coloured }
    }

    /// Whether there are colours.
    pub const fn is_coloured(self) -> bool {
        self.coloured
    }

    /// Bold.
    pub fn bold<T: Display>(self, text: T) -> Painted<T> {
        self.paint("1", text)
    }

    /// Dim, for what is less important.
    pub fn dim<T: Display>(self, text: T) -> Painted<T> {
        self.paint("2", text)
    }

    /// Red, for what is wrong.
    pub fn red<T: Display>(self, text: T) -> Painted<T> {
        self.paint("1;31", text)
    }

    /// Yellow, for what deserves a look.
    pub fn yellow<T: Display>(self, text: T) -> Painted<T> {
        self.paint("33", text)
    }

    /// Green, for what is as it should be.
    pub fn green<T: Display>(self, text: T) -> Painted<T> {
        self.paint("32", text)
    }

    /// Cyan, for names.
    pub fn cyan<T: Display>(self, text: T) -> Painted<T> {
        self.paint("36", text)
    }

    fn paint<T: Display>(self, code: &'static str, text: T) -> Painted<T> {
        Painted { code: self.coloured.then_some(code), text }
    }
}

/// Text in a colour, or without.
#[derive(Debug, Clone, Copy)]
pub struct Painted<T> {
    code: Option<&'static str>,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            None => self.text.fmt(f),
            Some(code) => {
                write!(f, "\x1b[{code}m")?;
                self.text.fmt(f)?;
                f.write_str("\x1b[0m")
            }
        }
    }
}

/// `1 file`, `2,000 files`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A count with a comma at every third digit: `41,207`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let shown: Vec<String> = [0, 999, 1000, 41_207, 1_000_000].map(grouped).to_vec();
        assert_eq!(shown, ["0", "999", "1,000", "41,207", "1,000,000"]);
    }

    #[test]
    fn a_width_counts_the_text_and_not_its_colour() {
        let style = Style { coloured: true };
        assert_eq!(format!("{:>4}|", style.red("ab")), "\x1b[1;31m  ab\x1b[0m|");
        assert_eq!(format!("{:<4}|", Style::plain().red("ab")), "ab  |");
    }
}
