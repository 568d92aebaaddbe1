//! `NAME=VALUE` words become an event: known names its fields, all others attributes.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use veribus_core::codec::event_from_json;
use veribus_core::escape::truncated;
use veribus_core::{EventKind, Family, Timestamp, VerificationEvent};

use crate::cli::CommandError;

/// The event that the words describe, of now unless they say another time.
///
/// # Errors
/// Exit code 2 with the word that is wrong.
pub(super) fn event(kind: &str, action: &str, words: &[String]) -> Result<VerificationEvent, CommandError> {
    let Some(family) = Family::from_name(kind) else {
        let known = Family::KNOWN.map(Family::as_str).join(", ");
        let shown = truncated(kind, 64);
        return Err(CommandError::usage(format_args!("`{shown}` is not a kind of event; one of {known}")));
    };
    let mut document = Map::new();
    document.insert("time".into(), Timestamp::now().to_string().into());
    document.insert("kind".into(), kind.into());
    document.insert("action".into(), action.into());
    for word in words {
        let (name, value) = read(word)?;
        place(&mut document, family, &name, value)?;
    }
    let line = Json::Object(document).to_string();
    event_from_json(line.as_bytes()).map_err(|error| {
        let place = if error.path().is_empty() { String::new() } else { format!("`{}`: ", error.path()) };
        CommandError::usage(format_args!(
            "the event is not valid [{}]: {place}{}",
            error.code(),
            error.fault()
        ))
    })
}

/// `name=text` or `name:=json`.
fn read(word: &str) -> Result<(String, Json), CommandError> {
    let shown = || truncated(word, 64).to_string();
    let Some((name, value)) = word.split_once('=') else {
        return Err(CommandError::usage(format_args!("`{}` is not of the form NAME=VALUE", shown())));
    };
    match name.strip_suffix(':') {
        None => Ok((name.into(), value.into())),
        Some(name) => serde_json::from_str(value).map(|value| (name.into(), value)).map_err(|e| {
            CommandError::usage(format_args!("the value of `{}` is not JSON", shown())).because(e)
        }),
    }
}

fn place(
    document: &mut Map<String, Json>,
    family: Family,
    name: &str,
    value: Json,
) -> Result<(), CommandError> {
    let (parent, field) = match name {
        "outcome" | "severity" | "reason" | "trace" | "time" | "id" => ("", name),
        "duration" => return put(document, "", "duration_ns", json!(nanos(&value)?), name),
        "actor" => ("actor", "name"),
        "source_ip" => ("actor", "ip"),
        "source_port" => ("actor", "port"),
        "source_host" => ("actor", "host"),
        "target" => ("target", "name"),
        "target_kind" => ("target", "kind"),
        payload if is_payload(family, payload) => ("", payload),
        other => ("attributes", other),
    };
    let value = if parent != "attributes" && is_number(name) { number(name, value)? } else { value };
    put(document, parent, field, value, name)
}

/// Sets `parent.field`, each once.
fn put(
    document: &mut Map<String, Json>,
    parent: &str,
    field: &str,
    value: Json,
    name: &str,
) -> Result<(), CommandError> {
    let map = match parent {
        "" => document,
        parent => document.entry(parent).or_insert_with(|| json!({})).as_object_mut().expect("made as one"),
    };
    match map.insert(field.into(), value) {
        // Now, unless it is said.
        Some(_) if field != "time" => {
            Err(CommandError::usage(format_args!("`{}` is given twice", truncated(name, 64))))
        }
        _ => Ok(()),
    }
}

/// Whether the payload of `family` has a field of this name.
fn is_payload(family: Family, name: &str) -> bool {
    let fields: &[&str] = match EventKind::empty(family) {
        EventKind::Authentication(_) => &["method", "credential"],
        EventKind::Authorization(_) => &["permission", "policy"],
        EventKind::Configuration(_) => &["setting", "old_value", "new_value"],
        EventKind::Performance(_) => &["value", "unit", "count", "errors"],
        EventKind::Security(_) => &["technique", "rule", "score"],
        _ => &[],
    };
    fields.contains(&name)
}

fn is_number(name: &str) -> bool {
    matches!(name, "source_port" | "value" | "count" | "errors" | "score")
}

fn number(name: &str, value: Json) -> Result<Json, CommandError> {
    match &value {
        Json::String(text) => serde_json::from_str::<serde_json::Number>(text)
            .map(Json::Number)
            .map_err(|e| CommandError::usage(format_args!("`{name}` is not a number")).because(e)),
        _ => Ok(value),
    }
}

/// `250ms`, `1.5s`, `80us`, `900ns`.
fn nanos(value: &Json) -> Result<u64, CommandError> {
    let text = value.as_str().unwrap_or_default();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = match &text[digits..] {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => 0.0,
    };
    let seconds = text[..digits].parse::<f64>().ok().map(|number| number * unit).filter(|_| unit > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let nanos = duration.and_then(|duration| u64::try_from(duration.as_nanos()).ok());
    nanos.ok_or_else(|| CommandError::usage("`duration` is not like 250ms, 1.5s, 80us"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, words: &[&str]) -> Result<VerificationEvent, CommandError> {
        event(kind, "login", &words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn known_names_are_fields_and_others_attributes() {
        let event = of(
            "authentication",
            &[
                "actor=alice",
                "source_ip=203.0.113.9",
                "outcome=failure",
                "method=password",
                "duration=1.5ms",
                "mfa:=true",
                "rule=x",
            ],
        )
        .unwrap();
        let actor = event.actor.as_ref().unwrap();
        assert_eq!(actor.name.as_deref(), Some("alice"));
        assert_eq!(actor.ip, Some([203, 0, 113, 9].into()));
        assert_eq!(event.outcome, veribus_core::Outcome::Failure);
        assert_eq!(event.duration, Some(Duration::from_micros(1500)));
        assert_eq!(event.attributes.get("mfa"), Some(&true.into()));
        assert_eq!(event.attributes.get("rule"), Some(&"x".into()));
        assert_eq!(event.kind.text_fields().next().map(|(name, _)| name), Some("method"));
    }

    #[test]
    fn a_wrong_word_is_named() {
        for (words, part) in [
            (&["actor"][..], "NAME=VALUE"),
            (&["actor=a", "actor=b"], "given twice"),
            (&["severity=hgih"], "EVT_SEVERITY_INVALID"),
            (&["source_ip=300.1.1.1"], "actor.ip"),
            (&["duration=soon"], "duration"),
            (&["a:=b"], "not JSON"),
        ] {
            let error = of("authentication", words).unwrap_err().to_string();
            assert!(error.contains(part), "{words:?}: {error}");
        }
        assert!(of("banana", &[]).unwrap_err().to_string().contains("authentication, authorization"));
    }
}
