//! The sending end: many acknowledgements in flight, each parcel's id given to JetStream.

use async_nats::Subscriber;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use veribus_core::codec::MEDIA_TYPE_MSGPACK;
use veribus_core::event::limits::BATCH_BYTES_MAX;
use veribus_core::transport::{Parcel, Transport, TransportError};

use super::link::Link;
use super::{ENCODING, HEADERS_BYTES, MEDIA_TYPE, MESSAGE_ID, PARCEL, RECEIPTS, SEAL, events, receipts};
use crate::address::Address;
use crate::engine::{Engine, Inbox, Out, Way};
use crate::network::{Dialer, random_name};

/// The sending end.
pub(crate) fn sender(address: &Address) -> Result<Box<dyn Transport>, TransportError> {
    let way = Nats { dialer: Dialer::new(address)?, sender: random_name()? };
    let engine = Engine::start(way, address.shown(), address.in_flight_max, address.answer_timeout)?;
    Ok(Box::new(engine))
}

struct Nats {
    dialer: Dialer,
    /// Where this sender hears of its receipts.
    sender: String,
}

struct Session {
    link: Link,
    receipts: Subscriber,
}

impl Way for Nats {
    type Session = Session;
    const KEEPS_ORDER: bool = true;

    async fn dial(&self) -> Result<Session, TransportError> {
        let link = Link::open(&self.dialer).await?;
        let subject = receipts(&self.dialer.address.stream, &self.sender);
        let receipts = link.client.subscribe(subject).await;
        let receipts = receipts.map_err(|error| self.dialer.unreachable(error))?;
        // Subscribed at the server before the first parcel is there.
        link.client.flush().await.map_err(|error| self.dialer.unreachable(error))?;
        Ok(Session { link, receipts })
    }

    fn body_bytes_max(&self, session: &Session) -> usize {
        session.link.client.max_payload().saturating_sub(HEADERS_BYTES).min(BATCH_BYTES_MAX)
    }

    async fn run(&self, session: Session, inbox: &Inbox, out: &Out) -> Result<(), TransportError> {
        let Session { mut link, mut receipts } = session;
        let subject = events(&self.dialer.address.stream);
        let mut acknowledgements = FuturesUnordered::new();
        let mut open = true;
        while open || !acknowledgements.is_empty() {
            let context = link.context.clone();
            tokio::select! {
                next = inbox.next(), if open => match next {
                    Some(parcel) => {
                        out.sent(&parcel);
                        match context.send_publish(subject.clone(), self.message(&parcel, out)).await {
                            Ok(ack) => acknowledgements.push(async move { (parcel.id, ack.await) }),
                            Err(error) => self.not_accepted(&parcel, &error, out)?,
                        }
                    }
                    None => open = false,
                },
                Some((id, ack)) = acknowledgements.next() => match ack {
                    Ok(_) => out.accepted(id),
                    Err(error) => {
                        let gone = error.kind() == PublishErrorKind::StreamNotFound;
                        out.failed(id, self.failure(&error));
                        if gone {
                            // Connecting again makes the stream again.
                            return Err(self.dialer.unreachable("the stream is gone"));
                        }
                    }
                },
                receipt = receipts.next() => match receipt {
                    Some(message) => self.receipt(&message, out),
                    None => return Err(self.dialer.unreachable("the connection was closed")),
                },
                broken = link.broken(&self.dialer) => return Err(broken),
            }
        }
        Ok(())
    }
}

impl Nats {
    /// The id lets JetStream drop a repetition whose acknowledgement was lost. A parcel that it has acknowledged and
    /// that is sent all the same has lost its receipt: it gets another id, or the collector would not hear of it.
    fn message(&self, parcel: &Parcel, out: &Out) -> PublishMessage {
        let id = parcel.id.to_string();
        let message_id = match out.times_accepted(parcel.id) {
            0 => id.clone(),
            times => format!("{id}.{}.{times}", self.sender),
        };
        PublishMessage::build()
            .payload(Bytes::from_owner(std::sync::Arc::clone(&parcel.body)))
            .header(MESSAGE_ID, message_id)
            .header(PARCEL, id)
            .header(RECEIPTS, self.sender.as_str())
            .header(MEDIA_TYPE, MEDIA_TYPE_MSGPACK)
            .header(ENCODING, parcel.compression.as_str())
    }

    fn receipt(&self, message: &async_nats::Message, out: &Out) {
        let seal = message.headers.as_ref().and_then(|headers| headers.get(SEAL));
        let seal = seal.map(|seal| seal.as_str()).unwrap_or_default();
        let stream = &self.dialer.address.stream;
        if self.dialer.seal().is_good(stream, &self.sender, &message.payload, seal) {
            out.receipt(&message.payload);
        } else {
            out.forged();
        }
    }

    fn not_accepted(&self, parcel: &Parcel, error: &PublishError, out: &Out) -> Result<(), TransportError> {
        out.failed(parcel.id, self.failure(error));
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => Ok(()),
            kind => Err(self.dialer.unreachable(kind.to_string())),
        }
    }

    fn failure(&self, error: &PublishError) -> TransportError {
        let (destination, waited) = (self.dialer.address.shown(), self.dialer.address.answer_timeout);
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => {
                self.dialer.refused("larger than the server's max_payload")
            }
            PublishErrorKind::TimedOut => TransportError::TimedOut { destination, waited },
            PublishErrorKind::StreamNotFound | PublishErrorKind::BrokenPipe => {
                self.dialer.unreachable(error.kind().to_string())
            }
            // A full stream above all: `discard: new` refuses until a collector has made room.
            _ => self.dialer.busy(&error.to_string()),
        }
    }
}
