//! The event's JSON as serde would write it: a derived struct whose output is the codec's, byte for byte.

use std::fmt::Display;
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use veribus::{EventId, EventKind, Timestamp, TraceContext, Value, VerificationEvent};

/// An event, borrowed; ids, time and trace are formatted while it is written, as the codec does.
#[derive(Debug, Serialize)]
pub(crate) struct JsonEvent<'a> {
    #[serde(serialize_with = "shown")]
    pub(crate) id: EventId,
    #[serde(serialize_with = "shown")]
    pub(crate) time: Timestamp,
    pub(crate) kind: &'a str,
    pub(crate) action: &'a str,
    pub(crate) severity: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) actor: JsonActor<'a>,
    pub(crate) target: JsonTarget<'a>,
    #[serde(serialize_with = "shown")]
    pub(crate) trace: TraceContext,
    pub(crate) duration_ns: u64,
    pub(crate) method: &'a str,
    pub(crate) attributes: JsonAttributes<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct JsonActor<'a> {
    pub(crate) name: &'a str,
    pub(crate) ip: IpAddr,
}

#[derive(Debug, Serialize)]
pub(crate) struct JsonTarget<'a> {
    pub(crate) name: &'a str,
}

#[derive(Debug, Serialize)]
pub(crate) struct JsonAttributes<'a> {
    pub(crate) session: &'a str,
    pub(crate) user_agent: &'a str,
    pub(crate) region: &'a str,
}

fn shown<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl<'a> JsonEvent<'a> {
    /// Of an event that was made from a [`Sample`](crate::sample::Sample); `None` of any other.
    pub(crate) fn of(event: &'a VerificationEvent) -> Option<JsonEvent<'a>> {
        let attribute = |name| match event.attributes.get(name) {
            Some(Value::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let EventKind::Authentication(payload) = &event.kind else { return None };
        let actor = event.actor.as_ref()?;
        Some(JsonEvent {
            id: event.id,
            time: event.time,
            kind: event.kind.name(),
            action: &event.action,
            severity: event.severity.as_str(),
            outcome: event.outcome.as_str(),
            reason: event.reason.as_deref()?,
            actor: JsonActor { name: actor.name.as_deref()?, ip: actor.ip? },
            target: JsonTarget { name: &event.target.as_ref()?.name },
            trace: event.trace?,
            duration_ns: event.duration?.as_nanos() as u64,
            method: payload.method.as_deref()?,
            attributes: JsonAttributes {
                session: attribute("session")?,
                user_agent: attribute("user_agent")?,
                region: attribute("region")?,
            },
        })
    }
}
