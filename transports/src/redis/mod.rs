//! Through Redis Streams: one stream of parcels, a consumer group, and a bounded stream of receipts for each sender.

mod bounded;
mod link;
mod sender;
mod settling;
mod subscription;
mod value;

pub(crate) use sender::sender;
pub(crate) use subscription::subscription;

/// Parcels of one `receive`: each may have 5 MiB.
const RECEIVE_MAX: usize = 64;
/// Fields of an entry.
const PARCEL: &str = "parcel";
const RECEIPTS: &str = "receipts";
const MEDIA_TYPE: &str = "type";
const ENCODING: &str = "encoding";
const BODY: &str = "body";
/// What a receipt's entry says.
const RECEIPT: &str = "receipt";
/// Its seal, where there is a key.
const SEAL: &str = "seal";

/// The key of a stream's parcels.
fn events(stream: &str) -> String {
    format!("{stream}:events")
}

/// The key of one sender's receipts.
fn receipts(stream: &str, sender: &str) -> String {
    format!("{stream}:receipts:{sender}")
}
