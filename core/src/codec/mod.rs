//! The wire, version 1: batches and events as MessagePack and JSON, of which `docs/wire-format.md` is the contract.
//!
//! Decoders check size, depth and count before they allocate, keep what a newer sender knows and this side
//! does not, and say which byte and which field is wrong. What they return has passed
//! [`VerificationEvent::check`]; what encoders write of such an event decodes to an equal one.

mod batch;
mod decode;
mod encode;
mod error;
mod fields;
mod joined;
mod json;
mod msgpack;
pub(crate) mod receipt;

pub use batch::{Batch, BatchView, DecodedBatch};
use decode::Reader as _;
pub use error::{CodecError, CodecFault, Format};
pub use joined::JoinedBatch;
pub use json::json_string;

use crate::event::limits::EVENT_BYTES_MAX;
use crate::event::{Value, VerificationEvent};

/// Media type of a JSON batch; `application/json` is taken as the same.
pub const MEDIA_TYPE_JSON: &str = "application/vnd.veribus.v1+json";
/// Media type of a MessagePack batch; `application/msgpack` is taken as the same.
pub const MEDIA_TYPE_MSGPACK: &str = "application/vnd.veribus.v1+msgpack";

/// Longest JSON of a single event: every byte of it may be an escape.
const EVENT_JSON_BYTES_MAX: usize = 8 * EVENT_BYTES_MAX;

/// Appends the event as one line of JSON without a newline: `{"id":"…","time":"…",…}`, safe to print.
pub fn event_to_json(event: &VerificationEvent, out: &mut Vec<u8>) {
    encode::event(&mut json::JsonWriter::new(out), event, Some(event.id));
}

/// Appends the event as MessagePack without its id: what [`JoinedBatch`] joins.
pub fn event_to_msgpack(event: &VerificationEvent, out: &mut Vec<u8>) {
    encode::event(&mut msgpack::MsgpackWriter::new(out), event, None);
}

/// Reads one event from JSON, for example a line of [`event_to_json`]. Without `id`, its id is 0.
///
/// # Errors
/// [`CodecError`]; `BATCH_EMPTY` for a blank line and `BATCH_TOO_LARGE` beyond 8 MiB.
///
/// ```
/// use veribus_core::codec::event_from_json;
/// let line = br#"{"time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login","outcome":"failure"}"#;
/// assert_eq!(event_from_json(line)?.action, "login");
/// let error = event_from_json(br#"{"time":"yesterday"}"#).expect_err("not a time");
/// assert_eq!((error.code(), error.path(), error.offset()), ("EVT_TIME_INVALID", "time", 8));
/// # Ok::<(), veribus_core::codec::CodecError>(())
/// ```
pub fn event_from_json(input: &[u8]) -> Result<VerificationEvent, CodecError> {
    if input.trim_ascii_start().is_empty() {
        return Err(CodecError::new(CodecFault::BatchEmpty, 0));
    }
    if input.len() > EVENT_JSON_BYTES_MAX {
        let fault = CodecFault::BatchTooLarge { limit: EVENT_JSON_BYTES_MAX, actual: input.len() };
        return Err(CodecError::new(fault, EVENT_JSON_BYTES_MAX));
    }
    let mut reader = json::JsonReader::new(input);
    let begin = reader.offset();
    let result = decode::event(&mut reader);
    if result.is_err() {
        // Malformed JSON is said first: it explains the rest.
        reader.rewind(begin);
        reader.skip()?;
    }
    reader.end()?;
    result
}

/// Appends a value as JSON; bytes, large integers and maps with names like tags are tagged.
pub fn value_to_json(value: &Value, out: &mut Vec<u8>) {
    encode::value(&mut json::JsonWriter::new(out), value);
}
