//! Between two processes: what a sender hands over, and what comes back once it is stored.
//!
//! A [`Parcel`] is one encoded batch and the unit of sending, of acknowledgement and of sending again. Two different
//! things may be said about it. *Accepted*: the next hop has it; that moves a cursor and frees nothing. *Receipt*: the
//! collector has committed it to its store; only that frees the sender's copy. A broker that loses, repeats or
//! reorders parcels can therefore neither lose nor duplicate an event: what has no receipt is sent again, and the
//! store knows every event by its id.
//!
//! The traits are synchronous. A transport that needs an async runtime brings its own.

mod error;
mod parcel;
mod receipt;

use std::fmt;
use std::time::{Duration, Instant};

pub use error::TransportError;
pub use parcel::{Compression, Parcel, ParcelId};
pub use receipt::{RECEIPT_BYTES_MAX, REFUSAL_CODE_BYTES_MAX, Refused, StoreReceipt};

/// Who says that the destination has an event for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirms {
    /// The collector's receipt, given after its store's commit.
    Stored,
    /// The destination's own acknowledgement, for it gives no receipts. Health says so.
    Accepted,
}

/// The sending end of a way to a collector; used by one thread.
///
/// It connects, sends and listens; pauses, breakers and the decision to send again are the caller's. `send` and
/// `poll` never wait longer than they were told.
pub trait Transport: Send {
    /// Where it sends to, for people: without user names, passwords and tokens.
    fn destination(&self) -> String;

    /// What frees an event.
    fn confirms(&self) -> Confirms;

    /// Whether the store gets parcels in the order in which they were sent, as long as none fails. If not, a caller
    /// who cares for order waits for each parcel's receipt before it sends the next of the same lanes.
    fn keeps_order(&self) -> bool {
        false
    }

    /// Longest body of a parcel that the way takes, in bytes.
    fn body_bytes_max(&self) -> usize;

    /// Begins to send, connecting first where need be, and answers once the parcel is on its way; how it went is
    /// said by [`Transport::poll`]: one `Accepted`, `Receipt` or `Failed` for each `send` that answered `Ok`. Sending
    /// a parcel again under its id is always allowed.
    ///
    /// # Errors
    /// A [`TransportError`] if it did not get on its way before `deadline`; then `poll` says nothing about it.
    /// `Busy` if as many parcels as the way allows are in flight, or if too much news waits to be polled.
    fn send(&mut self, parcel: &Parcel, deadline: Instant) -> Result<(), TransportError>;

    /// The next news, waiting at most `patience` for one; `None` if there was none.
    fn poll(&mut self, patience: Duration) -> Option<News>;

    /// Ends connections, waiting at most until `deadline` for what is being written. Parcels without a receipt stay
    /// the caller's.
    fn close(&mut self, deadline: Instant);
}

/// Makes a transport: at the start, and again in a forked child, which must not use its parent's connections.
pub type TransportFactory = Box<dyn Fn() -> Result<Box<dyn Transport>, TransportError> + Send + Sync>;

/// What a transport has to say about parcels that were sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum News {
    /// The next hop has it. A way without a hop between, such as HTTP, answers with the receipt alone.
    Accepted(ParcelId),
    /// The collector has stored it, but for the events that it names. May come without an `Accepted` before it, and
    /// more than once; may be about a parcel that was sent long ago.
    Receipt(StoreReceipt),
    /// It did not arrive, or not whole: send it again, or act on an error that is not retryable.
    Failed {
        /// Which.
        parcel: ParcelId,
        /// Why.
        error: TransportError,
    },
    /// The connection broke: parcels that were accepted stay accepted; for the others a `Failed` follows. Receipts
    /// come again only after the next `send`, which connects.
    Disconnected(TransportError),
    /// Something that nobody asked for and that was ignored, such as a receipt of a parcel never sent.
    Suspicious(String),
}

/// The receiving end: what a collector reads parcels from; used by one thread.
pub trait Subscription: Send {
    /// Where it receives from, for people: without user names, passwords and tokens.
    fn origin(&self) -> String;

    /// At most `parcels_max` parcels, waiting at most `patience` for the first. What is never settled is delivered
    /// again, to this or another member of the same group.
    ///
    /// # Errors
    /// [`TransportError`]; call again, after a pause that grows.
    fn receive(&mut self, parcels_max: usize, patience: Duration) -> Result<Vec<Delivery>, TransportError>;

    /// Ends what [`Subscription::receive`] handed out: acknowledges to the broker and, for
    /// [`Settlement::Stored`], sends the receipt back to the sender. Only ever called *after* the store's commit.
    ///
    /// # Errors
    /// [`TransportError`]: then the parcel comes again, which does no harm.
    fn settle(&mut self, delivery: &DeliveryTag, settlement: Settlement) -> Result<(), TransportError>;
}

/// A parcel as it arrived; its content is not trusted.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// How to settle it.
    pub tag: DeliveryTag,
    /// The sender's id of it, and of the receipt; `None` if it names none that can be read.
    pub parcel: Option<ParcelId>,
    /// Media type of the body, for example [`MEDIA_TYPE_MSGPACK`](crate::codec::MEDIA_TYPE_MSGPACK), as it was said.
    pub media_type: String,
    /// How the body is compressed, or the name that nobody knows here.
    pub compression: Result<Compression, String>,
    /// The body as it came.
    pub body: Vec<u8>,
    /// How often it was delivered, this time included; at least 1.
    pub deliveries: u64,
}

/// Names one delivery to the subscription that handed it out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DeliveryTag {
    /// The broker's own name of the message: what is acknowledged.
    pub message: String,
    /// Where the sender waits for receipts, if it does.
    pub receipts_to: Option<String>,
}

impl fmt::Debug for DeliveryTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeliveryTag({})", self.message)
    }
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Committed: acknowledge, and send this receipt.
    Stored(Option<StoreReceipt>),
    /// Not now: deliver it again, not before this time has passed.
    Again(Duration),
    /// Never: it was set aside with its bytes as a dead letter; do not deliver it again. The sender gets the receipt.
    Dead(Option<StoreReceipt>),
}
