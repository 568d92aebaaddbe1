//! Through NATS JetStream: published with an awaited acknowledgement, receipts on a subject of each sender.

mod link;
mod sender;
mod subscription;

pub(crate) use sender::sender;
pub(crate) use subscription::subscription;

use std::time::Duration;

/// The sender's id of the parcel; also what JetStream removes repetitions by.
const MESSAGE_ID: &str = "Nats-Msg-Id";
const PARCEL: &str = "Veribus-Parcel";
const RECEIPTS: &str = "Veribus-Receipts";
const SEAL: &str = "Veribus-Seal";
const MEDIA_TYPE: &str = "Content-Type";
const ENCODING: &str = "Content-Encoding";
/// Room for the headers beside a body, in bytes.
const HEADERS_BYTES: usize = 1024;
/// How long JetStream remembers ids. Short: what was stored and whose receipt was lost must get through again.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(30);
/// What a stream that we make may hold, in bytes.
const STREAM_BYTES_MAX: i64 = 1 << 30;

/// The subject of a stream's parcels.
fn events(stream: &str) -> String {
    format!("{stream}.events")
}

/// The subject of one sender's receipts.
fn receipts(stream: &str, sender: &str) -> String {
    format!("{stream}.receipts.{sender}")
}
