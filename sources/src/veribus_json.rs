//! Events of veribus as JSON Lines keep everything they came with, their identity too.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use veribus_core::VerificationEvent;

use crate::format::Format;
use crate::line::{Ignored, LineOutcome, LineSource, Unparsed};
use crate::text::decode;

/// Reads one event a line: plain, or as the `ev` of an audit log's line.
///
/// Lines of an audit log that record the log itself (its beginning, a rotation, a key) are
/// [`Ignored::Marker`]. The chain of hashes is not checked here: `veribus audit verify` does.
#[derive(Debug, Default)]
pub struct VeribusJson;

/// The outside of a line: that of an event or of an audit record.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    ev: Option<&'a RawValue>,
    /// Hash of the line before: what makes a line one of an audit log.
    #[serde(default)]
    p: Option<IgnoredAny>,
    #[serde(default)]
    action: Option<IgnoredAny>,
    #[serde(default)]
    kind: Option<IgnoredAny>,
}

impl VeribusJson {
    /// A translator for one input.
    pub fn new() -> Self {
        VeribusJson
    }
}

impl LineSource for VeribusJson {
    fn format(&self) -> Format {
        Format::VeribusJson
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<VerificationEvent>) -> LineOutcome {
        read(line, out).unwrap_or_else(|outcome| outcome)
    }
}

fn read(line: &[u8], out: &mut Vec<VerificationEvent>) -> Result<LineOutcome, LineOutcome> {
    let (text, replaced) = decode(line)?;
    match text.trim_ascii().as_bytes().first() {
        None => return Err(Ignored::Blank.into()),
        Some(b'#') => return Err(Ignored::Marker.into()),
        Some(b'{') => {}
        Some(_) => return Err(Unparsed::Shape.into()),
    }
    let event = match enveloped(&text) {
        Some(Some(event)) => event,
        Some(None) => return Err(Ignored::Marker.into()),
        None => &text,
    };
    let decoded = veribus_core::codec::event_from_json(event.trim_ascii().as_bytes());
    let mut event = decoded.map_err(|why| Unparsed::Event { detail: why.to_string() })?;
    if replaced {
        event.attributes.insert("invalid_utf8", true);
    }
    out.push(event);
    Ok(LineOutcome::Events(1))
}

/// Of an audit log's line: the event in it, or `Some(None)` where it records the log itself.
fn enveloped(text: &str) -> Option<Option<&str>> {
    // An event has no field of these names at its top; the search spares plain events a second parse.
    memchr::memmem::find(text.as_bytes(), b"\"p\"")?;
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    if envelope.p.is_none() || envelope.action.is_some() {
        return None;
    }
    Some(envelope.ev.map(RawValue::get).filter(|event| looks_like_one(event)))
}

/// Whether a line has the outside of an event or of an audit record; used for detection.
pub(crate) fn looks_like_one(line: &str) -> bool {
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(line) else { return false };
    let event = envelope.action.is_some() && envelope.kind.is_some();
    event || (envelope.p.is_some() && (envelope.ev.is_some() || envelope.kind.is_some()))
}
