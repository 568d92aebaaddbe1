//! Fields: the flat names under which rules see an event, and their values without a copy.

use std::hash::{Hash, Hasher};
use std::io::Write;
use std::net::IpAddr;

use veribus_core::{Text, TraceId, Value};

/// A field as a rule names it, resolved once when the rule is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// One of [`KNOWN`].
    Known(Known),
    /// Anything else: an attribute by its own name, dots for nested maps.
    Attribute(String),
}

macro_rules! known_fields {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// The fields every event has, or that its family or the indicator memory gives it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Known {
            $(#[doc = $doc] $variant),*
        }

        /// Name, resolved form and meaning, in the order of `docs/rules.md`.
        pub(crate) const KNOWN: &[(&str, Known, &str)] = &[$(($name, Known::$variant, $doc)),*];
    };
}

known_fields! {
    Kind "kind" "family: authentication, authorization, configuration, performance, security",
    Action "action" "name of what was verified: login, jwt.signature",
    Outcome "outcome" "success, failure, unknown",
    Severity "severity" "informational, low, medium, high, critical, fatal",
    SeverityId "severity_id" "1 (informational) to 6 (fatal)",
    Reason "reason" "why it ended so: bad_password",
    Actor "actor" "who acted: account, service or key owner",
    Source "source" "where it came from: the address, or the host name where that is all that is known",
    SourceIp "source_ip" "source address",
    SourcePort "source_port" "source port",
    SourceHost "source_host" "source host name",
    Target "target" "what it was about",
    TargetKind "target_kind" "what the target is",
    Method "method" "authentication: how",
    Credential "credential" "authentication: which credential, by public name",
    Permission "permission" "authorization: what was asked",
    Policy "policy" "authorization: the policy that decided",
    Setting "setting" "configuration: name of the setting",
    OldValue "old_value" "configuration: value before",
    NewValue "new_value" "configuration: value after",
    Value "value" "performance: the measurement",
    Unit "unit" "performance: unit of value",
    Count "count" "performance: operations covered",
    Errors "errors" "performance: operations that failed",
    Technique "technique" "security: MITRE ATT&CK technique",
    Rule "rule" "security: the rule or detector that noticed it",
    Score "score" "security: risk, 0 to 100",
    DurationMs "duration_ms" "how long the verification took, in milliseconds",
    TraceId "trace_id" "trace it belongs to, 32 hex digits",
    Service "service" "service that sent it",
    FirstSeen "first_seen" "memory: true if this source has not been seen in the window",
    FirstSuccess "first_success" "memory: true for the first successful authentication of this source in the window",
    PriorFailures "prior_failures" "memory: failures of this source in the window before this event",
}

/// Prefix that names an attribute although a known field has the same name.
const ATTRIBUTE_PREFIX: &str = "attributes.";

impl Field {
    /// The field of this name; every name is one.
    pub(crate) fn named(name: &str) -> Field {
        if let Some((_, known, _)) = KNOWN.iter().find(|(known, _, _)| *known == name) {
            return Field::Known(*known);
        }
        Field::Attribute(name.strip_prefix(ATTRIBUTE_PREFIX).unwrap_or(name).to_owned())
    }

    /// The name, as rules and messages write it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Field::Known(known) => {
                KNOWN.iter().find(|(_, k, _)| k == known).map_or("unknown", |(name, _, _)| name)
            }
            Field::Attribute(name) => name,
        }
    }
}

/// A value of a field, borrowed from the event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldValue<'a> {
    Text(&'a str),
    Ip(IpAddr),
    Int(i64),
    Float(f64),
    Bool(bool),
    Trace(TraceId),
    Attribute(&'a Value),
}

impl FieldValue<'_> {
    /// The text of it, for people and for entity values.
    pub(crate) fn to_text(self) -> String {
        match self {
            FieldValue::Text(text) => text.to_owned(),
            FieldValue::Ip(ip) => ip.to_string(),
            FieldValue::Int(n) => n.to_string(),
            FieldValue::Float(n) => n.to_string(),
            FieldValue::Bool(b) => b.to_string(),
            FieldValue::Trace(id) => id.to_string(),
            FieldValue::Attribute(value) => value_text(value),
        }
    }

    /// The text of it, without an allocation up to 24 bytes.
    pub(crate) fn to_short_text(self) -> Text {
        match self {
            FieldValue::Text(text) => text.into(),
            FieldValue::Attribute(Value::String(text)) => text.clone(),
            FieldValue::Ip(ip) => {
                // 45 bytes hold any address.
                let mut out = [0_u8; 48];
                let mut rest = &mut out[..];
                match write!(rest, "{ip}") {
                    Ok(()) => {
                        let written = 48 - rest.len();
                        std::str::from_utf8(&out[..written]).unwrap_or_default().into()
                    }
                    Err(_) => ip.to_string().into(),
                }
            }
            other => other.to_text().into(),
        }
    }

    /// The number it is, or that its text says.
    pub(crate) fn to_number(self) -> Option<f64> {
        match self {
            FieldValue::Int(n) => Some(n as f64),
            FieldValue::Float(n) => Some(n),
            FieldValue::Text(text) => text.parse().ok(),
            FieldValue::Attribute(Value::I64(n)) => Some(*n as f64),
            FieldValue::Attribute(Value::U64(n)) => Some(*n as f64),
            FieldValue::Attribute(Value::F64(n)) => Some(*n),
            FieldValue::Attribute(Value::String(text)) => text.parse().ok(),
            _ => None,
        }
        .filter(|n: &f64| n.is_finite())
    }

    /// Feeds what makes two values the same to `hasher`: an attribute counts as the text or number it holds.
    pub(crate) fn hash_into(self, hasher: &mut impl Hasher) {
        match self {
            FieldValue::Text(text) => text.hash(hasher),
            FieldValue::Attribute(Value::String(text)) => text.as_str().hash(hasher),
            FieldValue::Ip(ip) => ip.hash(hasher),
            FieldValue::Int(n) | FieldValue::Attribute(&Value::I64(n)) => n.hash(hasher),
            FieldValue::Float(n) | FieldValue::Attribute(&Value::F64(n)) => n.to_bits().hash(hasher),
            FieldValue::Bool(b) => b.hash(hasher),
            FieldValue::Trace(id) => id.hash(hasher),
            FieldValue::Attribute(other) => value_text(other).hash(hasher),
        }
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::I64(n) => n.to_string(),
        Value::U64(n) => n.to_string(),
        Value::F64(n) => n.to_string(),
        Value::String(text) => text.as_str().to_owned(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::List(values) => values.iter().map(value_text).collect::<Vec<_>>().join(", "),
        Value::Map(map) => {
            map.iter().map(|(name, v)| format!("{name}={}", value_text(v))).collect::<Vec<_>>().join(", ")
        }
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_field() {
        let manual = include_str!("../../docs/rules.md");
        for (name, _, meaning) in KNOWN {
            assert!(manual.contains(&format!("| `{name}` | {meaning} |")), "{name}: {meaning}");
        }
    }

    #[test]
    fn a_name_is_a_known_field_or_an_attribute_and_comes_back() {
        for (name, known, _) in KNOWN {
            assert_eq!(Field::named(name), Field::Known(*known));
            assert_eq!(Field::named(name).name(), *name);
        }
        assert_eq!(Field::named("http.status"), Field::Attribute("http.status".to_owned()));
        assert_eq!(Field::named("attributes.rule"), Field::Attribute("rule".to_owned()));
    }
}
