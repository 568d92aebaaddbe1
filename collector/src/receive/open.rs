//! A parcel as it arrived becomes a batch, within the limits of an HTTP body; it is not trusted.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use veribus_core::Timestamp;
use veribus_core::escape::truncated;
use veribus_core::event::limits::BATCH_BYTES_MAX;
use veribus_core::transport::Delivery;

use crate::ingest::{Decoded, Encoding, Undecided, decode, expand, pay};
use crate::server::ApiError;
use crate::store::IncomingBatch;

/// A parcel that can be stored.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) batch: IncomingBatch,
    pub(super) undecided: Undecided,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    pub(super) rejected: u64,
    pub(super) redacted: u64,
}

/// Why a parcel cannot be stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// Too much waits for its commit: later.
    Full,
    /// Its bytes will never be a batch.
    Malformed(Reason),
    /// Reading it is a fault of ours.
    Fault,
}

/// What is wrong with a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    /// Stable.
    pub(super) code: &'static str,
    /// In a sentence, escaped.
    pub(super) message: String,
}

impl Reason {
    fn refused(code: &'static str, message: String) -> Unopened {
        Unopened::Malformed(Reason { code, message })
    }

    /// Of a parcel on which reading itself fails.
    pub(super) fn fault() -> Self {
        Reason {
            code: "COLLECTOR_FAULT",
            message: "to read it is a fault of the collector: report it".into(),
        }
    }
}

/// Reads the body of a batch: a media type, the bytes, and the name of a sender that does not say its own.
pub(super) type Read = fn(Encoding, &[u8], Option<&str>) -> Result<Decoded, ApiError>;

/// How bodies are read, but in tests.
pub(super) const READ: Read = decode;

/// Opens a parcel; a panic on the way ends here.
pub(super) fn open(
    delivery: &Delivery,
    received: Timestamp,
    budget: &Arc<Semaphore>,
    read: Read,
) -> Result<Opened, Unopened> {
    let opened = panic::catch_unwind(AssertUnwindSafe(|| unfenced(delivery, received, budget, read)));
    opened.unwrap_or(Err(Unopened::Fault))
}

fn unfenced(
    delivery: &Delivery,
    received: Timestamp,
    budget: &Arc<Semaphore>,
    read: Read,
) -> Result<Opened, Unopened> {
    let media_type = &delivery.media_type;
    let encoding = Encoding::named(media_type).ok_or_else(|| {
        let (given, known) = (truncated(media_type, 80), Encoding::names());
        Reason::refused("PARCEL_MEDIA_TYPE", format!("the media type `{given}` is none of {known}"))
    })?;
    let compression = delivery.compression.clone().map_err(|name| {
        let given = truncated(&name, 80);
        Reason::refused("PARCEL_ENCODING", format!("the encoding `{given}` is neither `identity` nor `zstd`"))
    })?;
    let bytes = delivery.body.len();
    if bytes > BATCH_BYTES_MAX {
        let message = format!("the body has {bytes} bytes; the limit is {BATCH_BYTES_MAX}");
        return Err(Reason::refused("BATCH_TOO_LARGE", message));
    }
    let mut permit = None;
    pay(&mut permit, bytes, budget).map_err(unopened)?;
    let expanded = expand(compression, &delivery.body, |more| pay(&mut permit, more, budget));
    let expanded = expanded.map_err(unopened)?;
    let decoded = read(encoding, expanded.as_deref().unwrap_or(&delivery.body), None).map_err(unopened)?;
    let (rejected, redacted) = (decoded.rejected.len() as u64, decoded.redacted);
    let (batch, undecided) = decoded.into_batch(received);
    Ok(Opened { batch, undecided, permit, rejected, redacted })
}

fn unopened(error: ApiError) -> Unopened {
    match error.code() {
        "INGEST_FULL" => Unopened::Full,
        code => Reason::refused(code, error.message().to_owned()),
    }
}
