//! A line of an old log, as pino, winston, structlog and the JSON formatters of `logging` write them.

use std::borrow::Cow;

use serde_json::Value as Json;
use veribus_core::{Redactor, Timestamp};

/// Characters of a text that a bridge keeps.
const TEXT_CHARS: usize = 1024;

/// How bad a line says it is; each logger's own words and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Level {
    /// pino 10, `silly`, `trace`
    Trace,
    /// pino 20, `debug`, `verbose`
    Debug,
    /// pino 30, `info`, `notice`, `http`
    Info,
    /// pino 40, `warn`, `warning`
    Warn,
    /// pino 50, `error`
    Error,
    /// pino 60, `fatal`, `critical` and above
    Fatal,
}

/// What a line says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// What counts it: the action that it names, else its text; [`shown`]. Empty if it has neither.
    pub(super) name: String,
    /// `None` if it has none that is understood.
    pub(super) level: Option<Level>,
    /// `None` if it has none that is understood.
    pub(super) time: Option<Timestamp>,
}

impl Line {
    /// Reads a line; `None` if it is no JSON object.
    pub(super) fn read(line: &[u8], redactor: &Redactor) -> Option<Line> {
        let record: Json = serde_json::from_slice(line).ok().filter(Json::is_object)?;
        let text = || ["msg", "message", "event", "body"].iter().find_map(|name| in_words(record.get(name)?));
        let name = record.get("action").and_then(Json::as_str).map(Cow::from).or_else(text);
        let name = shown(name.as_deref().unwrap_or_default(), redactor);
        let level = ["level", "levelname", "severity"].iter().find_map(|name| level(record.get(name)?));
        let time = ["time", "timestamp", "ts", "@timestamp"].iter().find_map(|name| time(record.get(name)?));
        Some(Line { name, level, time })
    }
}

/// A message as a bridge writes it: an object as compact JSON; `None` for none.
fn in_words(message: &Json) -> Option<Cow<'_, str>> {
    match message {
        Json::Null => None,
        Json::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    }
}

/// A text or an action as it is in the event that a bridge makes of it: cut, and without secrets.
pub(super) fn shown(text: &str, redactor: &Redactor) -> String {
    let end = text.char_indices().nth(TEXT_CHARS).map_or(text.len(), |(end, _)| end);
    ordered(&redactor.redact_text(&text[..end]))
}

/// An object or a list in JSON, with its names in their order: loggers write them in orders of their own.
pub(super) fn ordered(text: &str) -> String {
    let is_json = text.starts_with(['{', '[']);
    let json = is_json.then(|| serde_json::from_str::<Json>(text).ok()).flatten();
    json.map_or_else(|| text.to_owned(), |json| json.to_string())
}

fn level(value: &Json) -> Option<Level> {
    if let Some(number) = value.as_u64() {
        return Some(match number {
            0..20 => Level::Trace,
            20..30 => Level::Debug,
            30..40 => Level::Info,
            40..50 => Level::Warn,
            50..60 => Level::Error,
            _ => Level::Fatal,
        });
    }
    Some(match value.as_str()?.to_ascii_lowercase().as_str() {
        "trace" | "silly" => Level::Trace,
        "debug" | "verbose" => Level::Debug,
        "info" | "notice" | "http" => Level::Info,
        "warn" | "warning" => Level::Warn,
        "error" | "err" => Level::Error,
        "fatal" | "critical" | "crit" | "alert" | "emerg" => Level::Fatal,
        _ => return None,
    })
}

/// RFC 3339, or a number of milliseconds (pino) or seconds since 1970.
fn time(value: &Json) -> Option<Timestamp> {
    /// Seconds of the year 5138: what is more is milliseconds.
    const SECONDS_MAX: f64 = 1e11;
    if let Some(text) = value.as_str() {
        return text.parse().ok();
    }
    let number = value.as_f64()?;
    let nanos = if number < SECONDS_MAX { number * 1e9 } else { number * 1e6 };
    Some(Timestamp::from_nanos(nanos as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Line> {
        Line::read(line.as_bytes(), &Redactor::standard())
    }

    #[test]
    fn lines_of_every_logger_have_a_name_a_level_and_a_time() {
        let at = Timestamp::from_nanos(1_763_722_800_123_000_000);
        for (line, name, level) in [
            (
                r#"{"level":40,"time":1763722800123,"pid":1,"msg":"login failed"}"#,
                "login failed",
                Level::Warn,
            ),
            (
                r#"{"level":"warn","message":"login failed","timestamp":"2025-11-21T11:00:00.123Z"}"#,
                "login failed",
                Level::Warn,
            ),
            (
                r#"{"event":"denied","level":"error","timestamp":"2025-11-21T11:00:00.123Z"}"#,
                "denied",
                Level::Error,
            ),
            (r#"{"levelname":"CRITICAL","message":"x","time":1763722800.123}"#, "x", Level::Fatal),
            (r#"{"level":30,"time":1763722800123,"action":"login","msg":"hello"}"#, "login", Level::Info),
        ] {
            let found = read(line).expect(line);
            assert_eq!((found.name.as_str(), found.level), (name, Some(level)), "{line}");
            let time = found.time.expect(line).as_nanos();
            assert!((time - at.as_nanos()).abs() < 1000, "{line}: {time}");
        }
        for bad in ["", "login failed", "[1]", "5", "\"msg\"", "{"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_text_is_what_the_bridge_made_of_it() {
        let line = format!(r#"{{"msg":"{}"}}"#, "ä".repeat(2000));
        assert_eq!(read(&line).map(|line| line.name.chars().count()), Some(1024));
        let secret = read(r#"{"msg":"password=hunter2 refused"}"#).expect("a line");
        assert!(!secret.name.contains("hunter2"), "{secret:?}");
        let action = format!(r#"{{"action":"password=hunter2 {}"}}"#, "a".repeat(2000));
        let action = read(&action).expect("a line").name;
        assert!(action.len() <= 1024 && !action.contains("hunter2"), "{action}");
    }

    #[test]
    fn a_record_without_a_text_and_one_that_is_an_object_count_as_in_the_event() {
        for (line, name) in [
            (r#"{"level":30}"#, ""),
            (r#"{"msg":null}"#, ""),
            (r#"{"msg":5}"#, "5"),
            (r#"{"message":{ "order": 7, "by": "alice" }}"#, r#"{"by":"alice","order":7}"#),
            (r#"{"body":[1, 2]}"#, "[1,2]"),
            (r#"{"msg":"{ no json"}"#, "{ no json"),
        ] {
            assert_eq!(read(line).map(|line| line.name).as_deref(), Some(name), "{line}");
        }
        assert_eq!(ordered(r#"{"order":7,"by":"alice"}"#), r#"{"by":"alice","order":7}"#);
    }
}
