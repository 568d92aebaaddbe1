//! The receiving end: a durable pull consumer that its whole group shares, acknowledged one by one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};
use veribus_core::transport::{
    Compression, Delivery, DeliveryTag, Settlement, StoreReceipt, Subscription, TransportError,
};

use super::link::Link;
use super::{ENCODING, MEDIA_TYPE, PARCEL, RECEIPTS, SEAL, events, receipts};
use crate::address::Address;
use crate::network::{Dialer, is_random_name};

/// After this an unsettled parcel goes to another member of the group.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// So long the server is told that work goes on; then the parcel is left to others.
const WORK_MAX: Duration = Duration::from_secs(300);
/// Parcels of a group that may be unsettled at once.
const UNSETTLED_MAX: i64 = 4096;
/// Bytes that one `receive` takes.
const RECEIVE_BYTES_MAX: usize = 64 << 20;

/// The receiving end; connects in its first `receive`.
pub(crate) fn subscription(address: &Address) -> Result<Box<dyn Subscription>, TransportError> {
    let dialer = Dialer::new(address)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("veribus-nats")
        .enable_all()
        .build()
        .map_err(|error| dialer.unreachable(error))?;
    Ok(Box::new(NatsSubscription {
        dialer,
        runtime: Some(runtime),
        session: None,
        unsettled: Arc::default(),
    }))
}

type Unsettled = Arc<Mutex<HashMap<String, Instant>>>;

struct NatsSubscription {
    dialer: Dialer,
    runtime: Option<Runtime>,
    session: Option<Session>,
    /// Acknowledgement subjects of what was handed out.
    unsettled: Unsettled,
}

struct Session {
    link: Link,
    consumer: PullConsumer,
    progress: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.progress.abort();
    }
}

impl Drop for NatsSubscription {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if let Some(session) = self.session.take() {
            // What was settled last is still being written.
            let flush = async { timeout(Duration::from_secs(1), session.link.client.flush()).await };
            let _ = runtime.block_on(flush);
        }
        runtime.shutdown_background();
    }
}

impl Subscription for NatsSubscription {
    fn origin(&self) -> String {
        self.dialer.address.shown()
    }

    fn receive(&mut self, parcels_max: usize, patience: Duration) -> Result<Vec<Delivery>, TransportError> {
        let runtime = self.runtime.as_ref().expect("dropped with the subscription alone");
        let limit = patience + self.dialer.address.answer_timeout;
        let (dialer, session, unsettled) = (&self.dialer, &mut self.session, &self.unsettled);
        let result = runtime.block_on(async {
            let received = async {
                let mut open = match session.take() {
                    Some(open) => open,
                    None => connect(dialer, unsettled).await?,
                };
                let received = pull(dialer, &mut open, parcels_max.max(1), patience).await?;
                *session = Some(open);
                Ok(received)
            };
            let late = |_| TransportError::TimedOut { destination: dialer.address.shown(), waited: limit };
            timeout(limit, received).await.map_err(late)?
        });
        let deliveries: Vec<Delivery> = result?.into_iter().filter_map(delivery).collect();
        let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        unsettled.extend(deliveries.iter().map(|delivery| (delivery.tag.message.clone(), Instant::now())));
        Ok(deliveries)
    }

    fn settle(&mut self, delivery: &DeliveryTag, settlement: Settlement) -> Result<(), TransportError> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).remove(&delivery.message);
        let runtime = self.runtime.as_ref().expect("dropped with the subscription alone");
        let Some(session) = &self.session else {
            return Err(self.dialer.unreachable("the connection broke"));
        };
        let (acknowledgement, receipt): (Bytes, Option<StoreReceipt>) = match settlement {
            Settlement::Stored(receipt) => (Bytes::from_static(b"+ACK"), receipt),
            Settlement::Dead(receipt) => (Bytes::from_static(b"+TERM"), receipt),
            Settlement::Again(delay) => (format!(r#"-NAK {{"delay":{}}}"#, delay.as_nanos()).into(), None),
        };
        let client = &session.link.client;
        let write = async {
            client.publish(delivery.message.clone(), acknowledgement).await?;
            if let (Some(receipt), Some(sender)) = (receipt, &delivery.receipts_to) {
                let mut json = Vec::new();
                receipt.to_json(&mut json);
                let stream = &self.dialer.address.stream;
                let headers = self.dialer.seal().of(stream, sender, &json).map(|seal| {
                    let mut headers = HeaderMap::new();
                    headers.insert(SEAL, seal);
                    headers
                });
                let subject = receipts(stream, sender);
                match headers {
                    Some(headers) => client.publish_with_headers(subject, headers, json.into()).await?,
                    None => client.publish(subject, json.into()).await?,
                }
            }
            Ok::<_, async_nats::PublishError>(())
        };
        let limit = self.dialer.address.answer_timeout;
        match runtime.block_on(async { timeout(limit, write).await }) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.dialer.unreachable(error)),
            Err(_late) => Err(self.dialer.unreachable("nothing can be written")),
        }
    }
}

async fn connect(dialer: &Dialer, unsettled: &Unsettled) -> Result<Session, TransportError> {
    let link = Link::open(dialer).await?;
    let group = &dialer.address.group;
    let config = pull::Config {
        durable_name: Some(group.clone()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: dialer.address.redeliver_after.unwrap_or(ACK_WAIT),
        max_ack_pending: UNSETTLED_MAX,
        filter_subject: events(&dialer.address.stream),
        ..pull::Config::default()
    };
    let consumer: PullConsumer = link
        .stream
        .get_or_create_consumer(group, config)
        .await
        .map_err(|error| dialer.unreachable(format!("the consumer `{group}`: {error}")))?;
    let found = &consumer.cached_info().config;
    if found.ack_policy != AckPolicy::Explicit || found.max_deliver > 0 {
        let reason = format!("the consumer `{group}` gives parcels up");
        return Err(dialer.not_safe(&reason, "set `ack_policy: explicit` and `max_deliver: -1`"));
    }
    // What an earlier connection handed out is delivered anew.
    unsettled.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let every = found.ack_wait.min(ACK_WAIT) / 3;
    let progress = tokio::spawn(say_progress(link.client.clone(), Arc::clone(unsettled), every));
    Ok(Session { link, consumer, progress })
}

/// Tells the server that work goes on, for a while.
async fn say_progress(client: async_nats::Client, unsettled: Unsettled, every: Duration) {
    loop {
        sleep(every.max(Duration::from_millis(100))).await;
        let working: Vec<String> = {
            let mut unsettled = unsettled.lock().unwrap_or_else(PoisonError::into_inner);
            unsettled.retain(|_, since| since.elapsed() < WORK_MAX);
            unsettled.keys().cloned().collect()
        };
        for subject in working {
            // A connection that broke is noticed by `receive`.
            let _ = client.publish(subject, Bytes::from_static(b"+WPI")).await;
        }
    }
}

/// What is there already; else the first that comes, and what came with it.
async fn pull(
    dialer: &Dialer,
    session: &mut Session,
    parcels_max: usize,
    patience: Duration,
) -> Result<Vec<Message>, TransportError> {
    let Session { link, consumer, .. } = session;
    tokio::select! {
        biased;
        broken = link.broken(dialer) => Err(broken),
        pulled = async {
            let ready = at_once(dialer, consumer, parcels_max).await?;
            if !ready.is_empty() || patience.is_zero() {
                return Ok(ready);
            }
            let mut batch = consumer
                .batch()
                .max_messages(1)
                .expires(patience)
                .messages()
                .await
                .map_err(|error| dialer.unreachable(error))?;
            let Some(first) = batch.next().await else { return Ok(Vec::new()) };
            let mut received = vec![first.map_err(|error| dialer.unreachable(error))?];
            if parcels_max > 1 {
                received.extend(at_once(dialer, consumer, parcels_max - 1).await?);
            }
            Ok(received)
        } => pulled,
    }
}

async fn at_once(
    dialer: &Dialer,
    consumer: &PullConsumer,
    parcels_max: usize,
) -> Result<Vec<Message>, TransportError> {
    let fetch = consumer.fetch().max_messages(parcels_max).max_bytes(RECEIVE_BYTES_MAX);
    let mut messages = fetch.messages().await.map_err(|error| dialer.unreachable(error))?;
    let mut received = Vec::new();
    while let Some(message) = messages.next().await {
        received.push(message.map_err(|error| dialer.unreachable(error))?);
    }
    Ok(received)
}

/// Headers are the sender's word: a receipt subject is made from a checked name, never taken whole.
fn delivery(message: Message) -> Option<Delivery> {
    let header = |name: &str| {
        let value = message.headers.as_ref().and_then(|headers| headers.get(name));
        value.map(|value| value.as_str().to_owned()).unwrap_or_default()
    };
    let deliveries = message.info().map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1).max(1));
    let receipts_to = Some(header(RECEIPTS)).filter(|name| is_random_name(name));
    let encoding = header(ENCODING);
    Some(Delivery {
        tag: DeliveryTag { message: message.reply.as_ref()?.to_string(), receipts_to },
        parcel: header(PARCEL).parse().ok(),
        media_type: header(MEDIA_TYPE),
        compression: Compression::from_name(&encoding).ok_or(encoding),
        body: message.payload.to_vec(),
        deliveries,
    })
}
