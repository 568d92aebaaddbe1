//! `--pair LINE=ACTION[:OUTCOME]`: the typed events that take the place of a line, each event of one line alone.

use std::str::FromStr;

use veribus_core::Outcome;
use veribus_core::escape::truncated;

use crate::cli::CommandError;

/// Characters of a pair that are shown.
const SHOWN_CHARS: usize = 60;

/// A line, and the typed events that are counted against it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    /// The line's text or action.
    pub(super) line: String,
    action: String,
    /// `None` takes every outcome.
    outcome: Option<Outcome>,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Pair, String> {
        let (line, events) = text.rsplit_once('=').ok_or("write it as LINE=ACTION or LINE=ACTION:OUTCOME")?;
        let (action, outcome) = match events.split_once(':') {
            Some((action, outcome)) => (action, Some(outcome.parse::<Outcome>().map_err(|e| e.to_string())?)),
            None => (events, None),
        };
        if action.is_empty() {
            return Err("it names no action: write it as LINE=ACTION or LINE=ACTION:OUTCOME".to_owned());
        }
        Ok(Pair { line: line.to_owned(), action: action.to_owned(), outcome })
    }
}

impl Pair {
    /// Whether an event of this action and outcome counts against the line.
    pub(super) fn takes(&self, action: &str, outcome: Outcome) -> bool {
        self.action == action && self.outcome.is_none_or(|asked| asked == outcome)
    }

    fn meets(&self, other: &Pair) -> bool {
        let is_same_outcome =
            self.outcome.is_none() || other.outcome.is_none() || self.outcome == other.outcome;
        self.action == other.action && is_same_outcome
    }
}

/// That no event is taken by two pairs.
///
/// # Errors
/// [`CommandError`], exit code 2: two do take the same events.
pub(super) fn are_apart(pairs: &[Pair]) -> Result<(), CommandError> {
    for (at, pair) in pairs.iter().enumerate() {
        if let Some(other) = pairs[..at].iter().find(|other| other.meets(pair)) {
            let shown = |text| truncated(text, SHOWN_CHARS);
            return Err(CommandError::usage(format_args!(
                "`--pair` gives the events `{}` to two lines, `{}` and `{}`: name an outcome in each, as in `LINE=login:failure`",
                shown(&pair.action),
                shown(&other.line),
                shown(&pair.line),
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(texts: &[&str]) -> Vec<Pair> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    #[test]
    fn a_pair_is_a_line_an_action_and_perhaps_an_outcome() {
        let events = [("login", Outcome::Success), ("login", Outcome::Failure), ("logout", Outcome::Failure)];
        for (text, line, taken) in [
            ("login failed=login", "login failed", [true, true, false]),
            ("a=b: c=login:failure", "a=b: c", [false, true, false]),
            ("in=login:success", "in", [true, false, false]),
            ("out=logout", "out", [false, false, true]),
        ] {
            let pair: Pair = text.parse().expect(text);
            assert_eq!(
                (pair.line.as_str(), events.map(|(action, outcome)| pair.takes(action, outcome))),
                (line, taken),
                "{text}"
            );
        }
        for bad in ["login", "login=", "x=:failure", "x=login:", "x=login:failed"] {
            assert!(bad.parse::<Pair>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_event_is_given_to_two_lines() {
        assert!(are_apart(&pairs(&["a=login:failure", "b=login:success", "c=logout", "a=session"])).is_ok());
        for same in
            [["a=login", "b=login"], ["a=login:failure", "b=login:failure"], ["a=login", "b=login:failure"]]
        {
            assert!(are_apart(&pairs(&same)).is_err(), "{same:?}");
        }
    }
}
