//! A body becomes events one by one: a bad one costs itself and not its neighbours.

use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use veribus_core::codec::{
    Batch, CodecError, DecodedBatch, MEDIA_TYPE_JSON, MEDIA_TYPE_MSGPACK, event_from_json,
};
use veribus_core::event::limits::BATCH_EVENTS_MAX;
use veribus_core::transport::Compression;
use veribus_core::{Attributes, InstanceId, LaneMark, LossRecord, Redactor, Source, VerificationEvent};

use crate::server::ApiError;
use crate::store::IncomingEvent;

/// The rules of a bus: a sender that is no bus has had no redactor.
static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::standard);

/// What a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// A batch as MessagePack.
    Msgpack,
    /// A batch as JSON.
    Json,
    /// Events as JSON, one a line, of one sender.
    JsonLines,
}

/// The media types of a body, and what they say.
const MEDIA_TYPES: [(&str, Encoding); 9] = [
    (MEDIA_TYPE_MSGPACK, Encoding::Msgpack),
    (MEDIA_TYPE_JSON, Encoding::Json),
    ("application/msgpack", Encoding::Msgpack),
    ("application/vnd.msgpack", Encoding::Msgpack),
    ("application/x-msgpack", Encoding::Msgpack),
    ("application/json", Encoding::Json),
    ("application/x-ndjson", Encoding::JsonLines),
    ("application/jsonl", Encoding::JsonLines),
    ("application/x-jsonlines", Encoding::JsonLines),
];

impl Encoding {
    /// What the headers say about a body.
    ///
    /// # Errors
    /// 415 `HTTP_CONTENT_TYPE` with the list of media types; 415 `HTTP_CONTENT_ENCODING` for any compression but one
    /// `zstd`.
    pub fn of(headers: &HeaderMap) -> Result<(Self, Compression), ApiError> {
        let unsupported = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let compression = compression(headers).ok_or_else(|| {
            let message = "the body's Content-Encoding is neither `identity` nor one `zstd`";
            ApiError::new(unsupported, "HTTP_CONTENT_ENCODING", message).close()
        })?;
        let given =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::named(given).map(|encoding| (encoding, compression)).ok_or_else(|| {
            let message = format!("the body's Content-Type is none of {}", Self::names());
            ApiError::new(unsupported, "HTTP_CONTENT_TYPE", message).close()
        })
    }

    /// What a media type says about a body; `None` if nobody knows it here.
    pub fn named(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let found = MEDIA_TYPES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(essence));
        found.map(|(_, encoding)| encoding)
    }

    /// The media types that are known here.
    pub fn names() -> String {
        MEDIA_TYPES.map(|(name, _)| name).join(", ")
    }
}

/// How the body is compressed; `None` if nobody knows here, or more than once.
fn compression(headers: &HeaderMap) -> Option<Compression> {
    let mut given = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, None) = (given.next(), given.next()) else { return None };
    let Some(first) = first else { return Some(Compression::None) };
    Compression::from_name(&first.to_str().ok()?.trim().to_ascii_lowercase())
}

/// An event that is not stored, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
}

/// The events of a body.
#[derive(Debug)]
pub struct Decoded {
    /// Who sent them.
    pub source: Arc<Source>,
    /// The bus start that sent them.
    pub instance: Option<InstanceId>,
    /// What it lost.
    pub losses: Vec<LossRecord>,
    /// How far it has come.
    pub lanes: Vec<LaneMark>,
    /// Fields of a newer sender.
    pub extra: Attributes,
    /// Those that are good, with their places in the body.
    pub events: Vec<IncomingEvent>,
    /// Place of each of [`Decoded::events`] in the body.
    pub places: Vec<usize>,
    /// Those that are not.
    pub rejected: Vec<Rejection>,
    /// Fields of the good ones that held a secret, and hold it no more.
    pub redacted: u64,
}

/// Decodes a body and replaces the secrets in it. `service` names the sender of JSON lines, which do not say it themselves.
///
/// # Errors
/// 400 or 413 with the codec's code if the body as a whole cannot be used.
pub fn decode(encoding: Encoding, body: &[u8], service: Option<&str>) -> Result<Decoded, ApiError> {
    let refuse = |error: CodecError| refusal(&error, encoding, body);
    match encoding {
        Encoding::Msgpack => Batch::decode_msgpack_each(body).map(of_batch).map_err(refuse),
        Encoding::Json => Batch::decode_json_each(body).map(of_batch).map_err(refuse),
        Encoding::JsonLines => json_lines(body, service),
    }
}

fn of_batch(batch: DecodedBatch) -> Decoded {
    let mut decoded = Decoded::of(batch.source, batch.events.len());
    decoded.instance = batch.instance;
    decoded.losses = batch.losses;
    decoded.lanes = batch.lanes;
    decoded.extra = batch.extra;
    batch.events.into_iter().enumerate().for_each(|(index, event)| decoded.add(index, event));
    decoded
}

fn json_lines(body: &[u8], service: Option<&str>) -> Result<Decoded, ApiError> {
    let mut source = Source::default();
    source.service = service.unwrap_or("unknown").into();
    let mut decoded = Decoded::of(source, 0);
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    for (index, line) in lines.enumerate() {
        if index == BATCH_EVENTS_MAX {
            let message = "the body has more lines than a batch may have events";
            return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "BATCH_TOO_MANY", message)
                .limit(BATCH_EVENTS_MAX as u64, None));
        }
        decoded.add(index, event_from_json(line));
    }
    if decoded.events.is_empty() && decoded.rejected.is_empty() {
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "BATCH_EMPTY", "the body has no lines"));
    }
    Ok(decoded)
}

impl Decoded {
    fn of(source: Source, events: usize) -> Self {
        Decoded {
            source: Arc::new(source),
            instance: None,
            losses: Vec::new(),
            lanes: Vec::new(),
            extra: Attributes::new(),
            events: Vec::with_capacity(events),
            places: Vec::with_capacity(events),
            rejected: Vec::new(),
            redacted: 0,
        }
    }

    fn add(&mut self, index: usize, event: Result<VerificationEvent, CodecError>) {
        match event {
            // All zero means that it has none; zero in a lane means a sender that does not count from 1.
            Ok(event) if event.id.seq() == 0 && event.id.bits() != 0 => self.rejected.push(Rejection {
                index,
                code: "SEQ_RANGE",
                message: "`id` has the sequence number 0; a lane counts from 1".into(),
            }),
            Ok(mut event) => {
                self.redacted += REDACTOR.redact(&mut event);
                self.events.push(IncomingEvent::new(event));
                self.places.push(index);
            }
            Err(error) => {
                self.rejected.push(Rejection { index, code: error.code(), message: error.to_string() });
            }
        }
    }
}

fn refusal(error: &CodecError, encoding: Encoding, body: &[u8]) -> ApiError {
    let status = match error.code() {
        "BATCH_TOO_MANY" | "BATCH_TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    let message = match encoding {
        Encoding::Msgpack => error.to_string(),
        Encoding::Json | Encoding::JsonLines => {
            let (line, column) = error.line_column(body);
            format!("{error}, line {line}:{column}")
        }
    };
    let refusal = ApiError::new(status, error.code(), message).path(error.path());
    match *error.fault() {
        veribus_core::codec::CodecFault::BatchTooMany { limit, actual }
        | veribus_core::codec::CodecFault::BatchTooLarge { limit, actual } => {
            refusal.limit(limit as u64, Some(actual as u64))
        }
        _ => refusal,
    }
}
