//! `NAME=VALUE` words become an event: known names its fields, all others attributes.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use veribus_core::codec::event_from_json;
use veribus_core::escape::truncated;
use veribus_core::{EventKind, Family, SpanId, Timestamp, TraceContext, TraceError, VerificationEvent};

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
        let value = understood(&name, value)?;
        place(&mut document, family, &name, value)?;
    }
    if document.get("target").is_some_and(|target| target["name"].is_null()) {
        return Err(CommandError::usage("`target_kind` is given without a `target`"));
    }
    let line = Json::Object(document).to_string();
    event_from_json(line.as_bytes()).map_err(|error| {
        let name = as_typed(error.path());
        let fault = error.fault().to_string().replace(&format!("`{}`", error.path()), &format!("`{name}`"));
        let is_named = name.is_empty() || fault.contains(&format!("`{name}`"));
        let place = if is_named { String::new() } else { format!("`{name}`: ") };
        let code = error.code();
        CommandError::usage(format_args!("the event is not valid [{code}]: {place}{fault}")).code(code)
    })
}

/// The word's name for the field at `path`.
fn as_typed(path: &str) -> &str {
    let known = WORDS.iter().find(|(_, parent, field)| path.strip_prefix(parent) == Some(field));
    known.map_or(path.strip_prefix("attributes.").unwrap_or(path), |(word, ..)| word)
}

/// Words whose field has another name: the word, the beginning of the field's path, the rest of it.
const WORDS: [(&str, &str, &str); 7] = [
    ("duration", "", "duration_ns"),
    ("actor", "actor", ".name"),
    ("source_ip", "actor", ".ip"),
    ("source_port", "actor", ".port"),
    ("source_host", "actor", ".host"),
    ("target", "target", ".name"),
    ("target_kind", "target", ".kind"),
];

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

/// The value in the form that an event has: a trace id alone becomes a trace context with a new span.
fn understood(name: &str, value: Json) -> Result<Json, CommandError> {
    let Json::String(text) = &value else { return Ok(value) };
    let shown = || truncated(text, 64);
    match name {
        "source_ip" if text.parse::<IpAddr>().is_err() => {
            Err(CommandError::usage(format_args!("`source_ip` is not an IP address: `{}`", shown())))
        }
        "trace" => trace(text).map(|trace| trace.to_string().into()).map_err(|error| {
            let told = format!("`trace` is neither a trace id nor a `traceparent`: `{}`", shown());
            let told = CommandError::usage(told).help(TRACE_HELP);
            // That it is no `traceparent` says nothing new.
            if matches!(error, TraceError::ZeroId) { told.because(error) } else { told }
        }),
        _ => Ok(value),
    }
}

const TRACE_HELP: &str =
    "a trace id is 32 hexadecimal digits, a traceparent 00-<trace id>-<16 digits>-<2 digits>";

/// A whole `traceparent`, or a trace id, to which a random span is added.
fn trace(text: &str) -> Result<TraceContext, TraceError> {
    let text = text.to_ascii_lowercase();
    if text.contains('-') {
        return text.parse();
    }
    Ok(TraceContext::new(text.parse()?, SpanId::random(), TraceContext::SAMPLED))
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
        Json::String(text) => {
            serde_json::from_str::<serde_json::Number>(text).map(Json::Number).map_err(|_| {
                CommandError::usage(format_args!("`{name}` is not a number: `{}`", truncated(text, 64)))
            })
        }
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
    fn a_trace_id_alone_gets_a_span_of_its_own() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let trace = |word: &str| of("security", &[word]).unwrap().trace.unwrap();
        let (one, two) = (trace(&format!("trace={id}")), trace(&format!("trace={}", id.to_uppercase())));
        assert_eq!((one.trace_id, one.trace_id.to_string().as_str()), (two.trace_id, id));
        assert_ne!(one.span_id, two.span_id);
        let whole = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(trace(&format!("trace={whole}")).to_string(), whole);
    }

    #[test]
    fn a_wrong_word_is_named() {
        for (words, part) in [
            (&["actor"][..], "NAME=VALUE"),
            (&["actor=a", "actor=b"], "given twice"),
            (&["severity=hgih"], "EVT_SEVERITY_INVALID"),
            (&["source_ip=300.1.1.1"], "`source_ip` is not an IP address: `300.1.1.1`"),
            (&["source_port=99999"], ": `source_port` is out of range"),
            (&["source_port=ssh"], "`source_port` is not a number: `ssh`"),
            (&["target_kind=order"], "`target_kind` is given without a `target`"),
            (&["trace=4bf9"], "`trace` is neither a trace id nor a `traceparent`: `4bf9`"),
            (&["duration=soon"], "duration"),
            (&["a:=b"], "not JSON"),
        ] {
            let error = of("authentication", words).unwrap_err().to_string();
            assert!(error.contains(part), "{words:?}: {error}");
        }
        assert!(of("banana", &[]).unwrap_err().to_string().contains("authentication, authorization"));
    }
}
