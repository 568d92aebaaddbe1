//! What is wrong with a rule: a stable code, the file and line, a sentence for its author.

use std::fmt;

use serde::{Serialize, Serializer};

/// What kind of fault it is; printed as `RULE_…` and never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Not YAML, or not a Sigma document.
    Yaml,
    /// More text or more rules than are taken.
    TooLarge,
    /// No `title`, or one longer than 256 characters.
    Title,
    /// No `id`.
    IdMissing,
    /// An `id` or `name` that another rule has.
    Duplicate,
    /// No `level`, or not one of the five.
    Level,
    /// No `logsource`.
    LogsourceMissing,
    /// A `category` or `product` that no event has: the rule could never match.
    LogsourceUnknown,
    /// A field that looks like a misspelt one of ours.
    FieldUnknown,
    /// A timespan of zero.
    WindowZero,
    /// A timespan of more than 30 days.
    WindowLong,
    /// A correlation or filter that refers to a rule which is not there.
    ReferenceMissing,
    /// Correlations that refer to each other in a circle.
    ReferenceCycle,
    /// A condition that lacks what its type needs.
    ConditionInvalid,
    /// Thresholds that no number meets.
    ConditionContradictory,
    /// A count compared with more than is kept.
    ThresholdLarge,
    /// A part of Sigma that veribus does not do.
    Unsupported,
}

impl Code {
    /// The code as it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Yaml => "RULE_YAML",
            Code::TooLarge => "RULE_TOO_LARGE",
            Code::Title => "RULE_TITLE",
            Code::IdMissing => "RULE_ID_MISSING",
            Code::Duplicate => "RULE_DUPLICATE",
            Code::Level => "RULE_LEVEL",
            Code::LogsourceMissing => "RULE_LOGSOURCE_MISSING",
            Code::LogsourceUnknown => "RULE_LOGSOURCE_UNKNOWN",
            Code::FieldUnknown => "RULE_FIELD_UNKNOWN",
            Code::WindowZero => "RULE_WINDOW_ZERO",
            Code::WindowLong => "RULE_WINDOW_LONG",
            Code::ReferenceMissing => "RULE_REFERENCE_MISSING",
            Code::ReferenceCycle => "RULE_REFERENCE_CYCLE",
            Code::ConditionInvalid => "RULE_CONDITION_INVALID",
            Code::ConditionContradictory => "RULE_CONDITION_CONTRADICTORY",
            Code::ThresholdLarge => "RULE_THRESHOLD_LARGE",
            Code::Unsupported => "RULE_UNSUPPORTED",
        }
    }

    /// Whether a rule with this fault is still loaded: lint shows it, `parse` lets it pass.
    pub const fn is_warning(self) -> bool {
        matches!(self, Code::IdMissing | Code::Level | Code::LogsourceUnknown | Code::FieldUnknown)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One fault of one rule file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}:{line}: {} {}: {message}", if code.is_warning() { "warning" } else { "error" }, code.as_str())]
#[non_exhaustive]
pub struct RuleError {
    /// Name of the file, as it was given.
    pub file: String,
    /// Line, from 1: of the word at fault where it can be found, else of the document's first line.
    pub line: usize,
    /// What kind of fault.
    pub code: Code,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// A fault before its place is known: found by a word of the document.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) word: String,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn at(word: &str, code: Code, message: impl Into<String>) -> Self {
        Fault { code, word: word.to_owned(), message: message.into() }
    }
}

/// One YAML document of a file, with the line it begins on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

impl<'a> Document<'a> {
    /// The documents of a file: between lines that are `---`, empty ones left out.
    pub(crate) fn split(file: &'a str, text: &'a str) -> Vec<Document<'a>> {
        let (mut documents, mut start, mut start_line, mut offset) = (Vec::new(), 0, 1, 0);
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let bare = line.trim_end();
            if bare == "---" || bare.starts_with("--- ") {
                documents.push(Document { file, line: start_line, text: &text[start..offset] });
                (start, start_line) = (offset + line.len(), number + 2);
            }
            offset += line.len();
        }
        documents.push(Document { file, line: start_line, text: &text[start..] });
        let written = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        documents.retain(|d| d.text.lines().any(written));
        documents
    }

    /// The error for `fault`, at the first line that holds its word as a whole.
    pub(crate) fn error(&self, fault: Fault) -> RuleError {
        let whole = |line: &str| {
            let edge = |c: Option<char>| c.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '-'));
            line.match_indices(&fault.word).any(|(at, word)| {
                edge(line[..at].chars().next_back()) && edge(line[at + word.len()..].chars().next())
            })
        };
        let first = self.text.lines().position(|l| !l.trim().is_empty()).unwrap_or(0);
        let found = if fault.word.is_empty() { None } else { self.text.lines().position(whole) };
        RuleError {
            file: self.file.to_owned(),
            line: self.line + found.unwrap_or(first),
            code: fault.code,
            message: fault.message,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_shown_on_the_line_of_its_word() {
        let text = "# comment\n---\ntitle: a\nlevel: high\n---\n\ntitle: b\ndetection:\n  levels: x\n  level: hgih\n";
        let documents = Document::split("x.yml", text);
        assert_eq!(documents.iter().map(|d| d.line).collect::<Vec<_>>(), [3, 6]);
        let line = |word: &str| documents[1].error(Fault::at(word, Code::Level, "m")).line;
        assert_eq!((line("level"), line("absent"), line("")), (10, 7, 7));
    }
}
