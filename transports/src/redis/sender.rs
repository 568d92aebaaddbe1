//! The sending end: pipelines of parcels, several under way, and a second connection that waits for receipts.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, Value, cmd};
use tokio::time::timeout;
use veribus_core::codec::MEDIA_TYPE_MSGPACK;
use veribus_core::event::limits::BATCH_BYTES_MAX;
use veribus_core::transport::{Parcel, Transport, TransportError};

use super::link::{ask, check, failure, open};
use super::value::{integer, read_entries};
use super::{BODY, ENCODING, MEDIA_TYPE, PARCEL, RECEIPT, RECEIPTS, SEAL, events, receipts};
use crate::address::Address;
use crate::engine::{Engine, Inbox, Out, Way};
use crate::network::{Dialer, random_name};

/// Parcels of one pipeline.
const PIPELINE_PARCELS_MAX: usize = 64;
/// Bytes after which a pipeline takes no further parcel.
const PIPELINE_BYTES_MAX: usize = 4 << 20;
/// Pipelines under way.
const PIPELINES_MAX: usize = 8;
/// Parcels that the stream may hold: beyond it nobody reads, and Redis must not fill the machine's memory.
const BACKLOG_MAX: u64 = 100_000;
/// How long one wait for receipts takes.
const BLOCK: Duration = Duration::from_secs(1);

/// The sending end.
pub(crate) fn sender(address: &Address) -> Result<Box<dyn Transport>, TransportError> {
    let way =
        Redis { dialer: Dialer::new(address)?, sender: random_name()?, heard: Mutex::new("0-0".into()) };
    let engine = Engine::start(way, address.shown(), address.in_flight_max, address.answer_timeout)?;
    Ok(Box::new(engine))
}

struct Redis {
    dialer: Dialer,
    /// Where this sender hears of its receipts.
    sender: String,
    /// The last receipt that was read.
    heard: Mutex<String>,
}

struct Session {
    writer: MultiplexedConnection,
    reader: MultiplexedConnection,
}

impl Way for Redis {
    type Session = Session;
    const KEEPS_ORDER: bool = true;

    async fn dial(&self) -> Result<Session, TransportError> {
        let mut writer = open(&self.dialer).await?;
        check(&self.dialer, &mut writer).await?;
        let reader = open(&self.dialer).await?;
        Ok(Session { writer, reader })
    }

    fn body_bytes_max(&self, _: &Session) -> usize {
        BATCH_BYTES_MAX
    }

    async fn run(&self, session: Session, inbox: &Inbox, out: &Out) -> Result<(), TransportError> {
        let Session { writer, reader } = session;
        tokio::select! {
            written = self.write(writer, inbox, out) => written,
            broken = self.listen(reader, out) => Err(broken),
        }
    }
}

impl Redis {
    async fn write(
        &self,
        writer: MultiplexedConnection,
        inbox: &Inbox,
        out: &Out,
    ) -> Result<(), TransportError> {
        let key = events(&self.dialer.address.stream);
        let mut pipelines = FuturesUnordered::new();
        let length = Cell::new(0);
        let mut open = true;
        while open || !pipelines.is_empty() {
            tokio::select! {
                next = inbox.next(), if open && pipelines.len() < PIPELINES_MAX => {
                    let Some(first) = next else {
                        open = false;
                        continue;
                    };
                    let parcels = gather(first, inbox, out).await;
                    if length.get() > BACKLOG_MAX {
                        let found = ask(&self.dialer, &mut writer.clone(), cmd("XLEN").arg(&key)).await?;
                        length.set(integer(&found).unwrap_or(0));
                    }
                    if length.get() > BACKLOG_MAX {
                        let full = || self.dialer.busy(&format!("{} parcels wait for a collector", length.get()));
                        parcels.iter().for_each(|parcel| out.failed(parcel.id, full()));
                        continue;
                    }
                    let pipeline = self.pipeline(&key, &parcels);
                    let mut writer = writer.clone();
                    pipelines.push(async move {
                        let replies = writer.send_packed_commands(&pipeline, 0, parcels.len() + 1).await;
                        (parcels, replies)
                    });
                }
                Some((parcels, replies)) = pipelines.next() => self.answered(&parcels, replies, &length, out)?,
            }
        }
        Ok(())
    }

    fn pipeline(&self, key: &str, parcels: &[Parcel]) -> Pipeline {
        let mut pipeline = redis::pipe();
        for parcel in parcels {
            pipeline.cmd("XADD").arg(key).arg("*");
            pipeline.arg(PARCEL).arg(parcel.id.to_string()).arg(RECEIPTS).arg(&self.sender);
            pipeline.arg(MEDIA_TYPE).arg(MEDIA_TYPE_MSGPACK).arg(ENCODING).arg(parcel.compression.as_str());
            pipeline.arg(BODY).arg(&*parcel.body);
        }
        pipeline.cmd("XLEN").arg(key);
        pipeline
    }

    fn answered(
        &self,
        parcels: &[Parcel],
        replies: Result<Vec<Value>, RedisError>,
        length: &Cell<u64>,
        out: &Out,
    ) -> Result<(), TransportError> {
        let replies = match replies {
            Ok(replies) => replies,
            Err(error) => {
                parcels.iter().for_each(|parcel| out.failed(parcel.id, failure(&self.dialer, &error)));
                let broken = failure(&self.dialer, &error);
                return if matches!(broken, TransportError::Unreachable { .. }) {
                    Err(broken)
                } else {
                    Ok(())
                };
            }
        };
        length.set(replies.last().and_then(integer).unwrap_or(0));
        for (parcel, reply) in parcels.iter().zip(replies) {
            match reply {
                Value::BulkString(_) | Value::SimpleString(_) => out.accepted(parcel.id),
                Value::ServerError(error) => out.failed(parcel.id, failure(&self.dialer, &error.into())),
                _ => out.failed(parcel.id, self.dialer.unreachable("an answer that is no id")),
            }
        }
        Ok(())
    }

    /// Passes receipts on until the connection breaks.
    async fn listen(&self, mut reader: MultiplexedConnection, out: &Out) -> TransportError {
        let key = receipts(&self.dialer.address.stream, &self.sender);
        let limit = BLOCK + self.dialer.address.answer_timeout;
        loop {
            let last = self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut read = cmd("XREAD");
            read.arg("COUNT").arg(1000).arg("BLOCK").arg(BLOCK.as_millis() as u64);
            read.arg("STREAMS").arg(&key).arg(last);
            let found = match timeout(limit, ask(&self.dialer, &mut reader, &read)).await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => return error,
                Err(_late) => return self.dialer.unreachable("it does not answer"),
            };
            for entry in read_entries(found) {
                let receipt = entry.field(RECEIPT).unwrap_or_default();
                let stream = &self.dialer.address.stream;
                if self.dialer.seal().is_good(stream, &self.sender, receipt, &entry.text(SEAL)) {
                    out.receipt(receipt);
                } else {
                    out.forged();
                }
                *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = entry.id;
            }
        }
    }
}

/// The first parcel, and what else is there already.
async fn gather(first: Parcel, inbox: &Inbox, out: &Out) -> Vec<Parcel> {
    let mut bytes = first.body.len();
    out.sent(&first);
    let mut parcels = vec![first];
    while parcels.len() < PIPELINE_PARCELS_MAX && bytes < PIPELINE_BYTES_MAX {
        let Some(parcel) = inbox.also().await else { break };
        bytes += parcel.body.len();
        out.sent(&parcel);
        parcels.push(parcel);
    }
    parcels
}
