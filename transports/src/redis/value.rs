//! Replies of Redis taken apart: what has not the shape that it should have is left out, never guessed.

use redis::Value;

/// An entry of a stream: its id, and its fields as pairs.
pub(super) struct Entry {
    pub(super) id: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(field, _)| field == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.field(name).unwrap_or_default()).into_owned()
    }
}

pub(super) fn list(value: Value) -> Vec<Value> {
    if let Value::Array(values) = value { values } else { Vec::new() }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

pub(super) fn integer(value: &Value) -> Option<u64> {
    if let Value::Int(number) = value { u64::try_from(*number).ok() } else { None }
}

fn bytes(value: Value) -> Vec<u8> {
    if let Value::BulkString(bytes) = value { bytes } else { Vec::new() }
}

/// Entries of `XCLAIM`, `XRANGE` and inside of the others; deleted ones are left out.
pub(super) fn entries(value: Value) -> Vec<Entry> {
    let entry = |value: Value| {
        let mut parts = list(value).into_iter();
        let id = text(&parts.next()?)?;
        let mut fields = Vec::new();
        let mut flat = list(parts.next()?).into_iter();
        while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
            fields.push((bytes(name), bytes(value)));
        }
        Some(Entry { id, fields })
    };
    list(value).into_iter().filter_map(entry).collect()
}

/// Entries of `XREAD` and `XREADGROUP` of one stream.
pub(super) fn read_entries(value: Value) -> Vec<Entry> {
    let stream = list(value).into_iter().next().unwrap_or_default();
    entries(list(stream).into_iter().nth(1).unwrap_or_default())
}

/// A flat list of names and values, as of `XINFO GROUPS`.
pub(super) fn named(value: Value, name: &str) -> Option<Value> {
    let mut flat = list(value).into_iter();
    while let (Some(found), Some(value)) = (flat.next(), flat.next()) {
        if text(&found).as_deref() == Some(name) {
            return Some(value);
        }
    }
    None
}

/// Milliseconds and number of an entry's id, which order it.
pub(super) fn place(id: &str) -> Option<(u64, u64)> {
    let (millis, number) = id.split_once('-')?;
    Some((millis.parse().ok()?, number.parse().ok()?))
}
