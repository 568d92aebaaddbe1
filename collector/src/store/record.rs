//! The stored form of an event: its JSON line, which is also what every command and stream shows.

use veribus_core::codec::{CodecError, event_from_json, event_to_json, value_to_json};
use veribus_core::{Attributes, Source, Text, Value, VerificationEvent};

/// What is stored cannot be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The event.
    #[error("its record is not an event")]
    Event(#[from] CodecError),
    /// Its sender.
    #[error("its source is not JSON")]
    Source(#[from] serde_json::Error),
}

/// The JSON line of an event, without a newline.
pub fn encode(event: &VerificationEvent) -> String {
    let mut line = Vec::with_capacity(512);
    event_to_json(event, &mut line);
    String::from_utf8(line).expect("the encoder writes UTF-8")
}

/// The event of a JSON line.
pub(super) fn decode(record: &str) -> Result<VerificationEvent, RecordError> {
    Ok(event_from_json(record.as_bytes())?)
}

/// A sender as one JSON object, the same text for the same sender. What a newer one says of itself and of its batch
/// stands in the member `unknown`.
pub fn source_to_json(source: &Source, extra: &Attributes) -> String {
    let fields: serde_json::Map<String, serde_json::Value> =
        source.fields().map(|(name, value)| (name.to_owned(), value.as_str().into())).collect();
    let mut text = serde_json::Value::Object(fields).to_string();
    if !extra.is_empty() {
        let mut unknown = Vec::new();
        value_to_json(&Value::Map(extra.clone()), &mut unknown);
        text.pop();
        text.push_str(",\"unknown\":");
        text.push_str(&String::from_utf8(unknown).expect("the encoder writes UTF-8"));
        text.push('}');
    }
    text
}

/// The sender of a JSON object, without what is unknown here.
pub(super) fn source_from_json(fields: &str) -> Result<Source, RecordError> {
    let fields: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(fields)?;
    let mut source = Source::default();
    for (name, value) in fields {
        let serde_json::Value::String(value) = value else { continue };
        if name == "service" {
            source.service = value.into();
        } else if let Some(field) = source.field_mut(&name) {
            *field = Some(Text::from(value));
        }
    }
    Ok(source)
}
