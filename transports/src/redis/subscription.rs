//! The receiving end: a member of a group that takes over what dead members left, and trims what all have settled.

use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::cmd;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use veribus_core::transport::{
    Compression, Delivery, DeliveryTag, Settlement, StoreReceipt, Subscription, TransportError,
};

use super::link::{ask, ask_raw, check, failure, open};
use super::settling::Settling;
use super::value::{Entry, entries, integer, list, named, place, read_entries, text};
use super::{BODY, ENCODING, MEDIA_TYPE, PARCEL, RECEIPT, RECEIPTS, RECEIVE_MAX, SEAL, events, receipts};
use crate::address::Address;
use crate::network::{Dialer, is_random_name, random_name};

/// After this, what a member has not settled is taken over by another.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Before the first entry of a stream.
const FIRST: &str = "0-0";
/// How often dead members are looked for, and settled parcels trimmed.
const CARE_EVERY: Duration = Duration::from_secs(5);
/// How long what was settled may take to be written when the subscription ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);
/// Receipts that wait for one sender, about; and how long.
const RECEIPTS_MAX: u32 = 10_000;
const RECEIPTS_KEPT: Duration = Duration::from_secs(3600);

/// The receiving end; connects in its first `receive`.
pub(crate) fn subscription(address: &Address) -> Result<Box<dyn Subscription>, TransportError> {
    let dialer = Dialer::new(address)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("veribus-redis")
        .enable_all()
        .build()
        .map_err(|error| dialer.unreachable(error))?;
    let member = Member {
        key: events(&address.stream),
        group: address.group.clone(),
        name: random_name()?,
        dialer,
        put_back: HashMap::new(),
        cared: None,
        looked_to: FIRST.to_owned(),
    };
    Ok(Box::new(RedisSubscription {
        member,
        runtime: Some(runtime),
        connection: None,
        settling: Settling::default(),
    }))
}

struct RedisSubscription {
    member: Member,
    runtime: Option<Runtime>,
    connection: Option<MultiplexedConnection>,
    settling: Settling,
}

/// This member of the group.
struct Member {
    dialer: Dialer,
    key: String,
    group: String,
    name: String,
    /// When what was put back is due.
    put_back: HashMap<String, Instant>,
    cared: Option<Instant>,
    /// To where the pending entries were looked through for those of dead members.
    looked_to: String,
}

impl Drop for RedisSubscription {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // What was settled last is still being written. What fails now comes again.
        let _ = runtime.block_on(async { timeout(FLUSH_WITHIN, self.settling.finish()).await });
        runtime.shutdown_background();
    }
}

impl RedisSubscription {
    /// Runs `work` on the open connection, made if need be; an error closes it.
    fn on_connection<T, F>(
        &mut self,
        limit: Duration,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, TransportError>
    where
        F: Future<Output = Result<T, TransportError>>,
    {
        let runtime = self.runtime.as_ref().expect("dropped with the subscription alone");
        let connection = &mut self.connection;
        let Some(open) = connection.take() else {
            return Err(TransportError::Closed);
        };
        let late = TransportError::TimedOut { destination: String::new(), waited: limit };
        let kept = open.clone();
        let result = runtime.block_on(async { timeout(limit, work(open)).await }).unwrap_or(Err(late));
        if result.is_ok() {
            *connection = Some(kept);
        }
        result
    }

    /// An acknowledgement that failed closes the connection: what it was for comes again.
    fn look_at_settled(&mut self) -> Result<(), TransportError> {
        let Some(error) = self.settling.failed() else { return Ok(()) };
        self.connection = None;
        Err(error)
    }

    fn connect(&mut self) -> Result<(), TransportError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let (dialer, runtime) = (&self.member.dialer, self.runtime.as_ref().expect("dropped with it alone"));
        let waited = dialer.address.answer_timeout;
        let late = |_| TransportError::TimedOut { destination: dialer.address.shown(), waited };
        let connection = runtime.block_on(async {
            let opening = async {
                let mut connection = open(dialer).await?;
                check(dialer, &mut connection).await?;
                self.member.join(&mut connection).await?;
                Ok(connection)
            };
            timeout(waited, opening).await.map_err(late)?
        })?;
        self.connection = Some(connection);
        Ok(())
    }
}

impl Subscription for RedisSubscription {
    fn origin(&self) -> String {
        self.member.dialer.address.shown()
    }

    fn receive(&mut self, parcels_max: usize, patience: Duration) -> Result<Vec<Delivery>, TransportError> {
        self.look_at_settled()?;
        self.connect()?;
        let destination = self.origin();
        let limit = patience + self.member.dialer.address.answer_timeout;
        let count = parcels_max.clamp(1, RECEIVE_MAX);
        // The member is moved out for the time of the call, so that the connection can be handled beside it.
        let mut member = self.member.lent();
        let result = self.on_connection(limit, |mut connection| {
            let member = &mut member;
            async move { member.receive(&mut connection, count, patience).await }
        });
        self.member.put_back = member.put_back;
        (self.member.cared, self.member.looked_to) = (member.cared, member.looked_to);
        result.map_err(|error| match error {
            TransportError::TimedOut { waited, .. } => TransportError::TimedOut { destination, waited },
            error => error,
        })
    }

    fn settle(&mut self, delivery: &DeliveryTag, settlement: Settlement) -> Result<(), TransportError> {
        let receipt = match settlement {
            Settlement::Again(delay) => {
                let idle = self.member.dialer.address.redeliver_after.unwrap_or(IDLE_MAX);
                let due = Instant::now() + delay.min(idle / 2);
                self.member.put_back.insert(delivery.message.clone(), due);
                return Ok(());
            }
            Settlement::Stored(receipt) | Settlement::Dead(receipt) => receipt,
        };
        self.member.put_back.remove(&delivery.message);
        self.look_at_settled()?;
        let Some(connection) = &self.connection else {
            return Err(self.member.dialer.unreachable("the connection broke"));
        };
        let runtime = self.runtime.as_ref().expect("dropped with the subscription alone");
        let (pipeline, commands) = self.member.settled(delivery, receipt);
        let begun = self.settling.begin(&self.member.dialer, connection, pipeline, commands);
        runtime.block_on(begun)
    }
}

impl Member {
    fn lent(&mut self) -> Member {
        Member {
            dialer: self.dialer.clone(),
            key: self.key.clone(),
            group: self.group.clone(),
            name: self.name.clone(),
            put_back: std::mem::take(&mut self.put_back),
            cared: self.cared,
            looked_to: self.looked_to.clone(),
        }
    }

    /// Makes the group if it is missing, from the first entry on: the store knows what it has.
    async fn join(&self, connection: &mut MultiplexedConnection) -> Result<(), TransportError> {
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(&self.key).arg(&self.group).arg("0").arg("MKSTREAM");
        match ask_raw(connection, &create).await {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(failure(&self.dialer, &error)),
            _ => Ok(()),
        }
    }

    /// First what was put back and is due, then what dead members left, then what is new.
    async fn receive(
        &mut self,
        connection: &mut MultiplexedConnection,
        count: usize,
        patience: Duration,
    ) -> Result<Vec<Delivery>, TransportError> {
        let mut taken = self.due(connection, count).await?;
        let idle = self.dialer.address.redeliver_after.unwrap_or(IDLE_MAX);
        let is_due = self.cared.is_none_or(|cared| cared.elapsed() > CARE_EVERY.min(idle / 2));
        if is_due {
            self.cared = Some(Instant::now());
            self.trim(connection).await?;
        }
        // Redis looks through some of the pending entries at a time; the rest is not left for the next time.
        if is_due || self.looked_to != FIRST {
            taken.extend(self.left_by_the_dead(connection, idle, count).await?);
        }
        if !taken.is_empty() {
            return Ok(taken);
        }
        let next_due = self.put_back.values().min().map(|due| due.saturating_duration_since(Instant::now()));
        let block = next_due.unwrap_or(patience).min(patience).max(Duration::from_millis(1));
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.group).arg(&self.name).arg("COUNT").arg(count);
        read.arg("BLOCK").arg(block.as_millis() as u64).arg("STREAMS").arg(&self.key).arg(">");
        match ask_raw(connection, &read).await {
            Ok(found) => Ok(read_entries(found).into_iter().map(|entry| delivery(&entry, 1)).collect()),
            Err(error) if error.code() == Some("NOGROUP") => {
                self.join(connection).await?;
                // Whoever destroys groups in a loop is met with patience.
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(Vec::new())
            }
            Err(error) => Err(failure(&self.dialer, &error)),
        }
    }

    async fn due(
        &mut self,
        connection: &mut MultiplexedConnection,
        count: usize,
    ) -> Result<Vec<Delivery>, TransportError> {
        let now = Instant::now();
        let due: Vec<String> = self
            .put_back
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(id, _)| id.clone())
            .take(count)
            .collect();
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut claim = cmd("XCLAIM");
        claim.arg(&self.key).arg(&self.group).arg(&self.name).arg(0).arg(&due);
        let found = entries(ask(&self.dialer, connection, &claim).await?);
        self.put_back.retain(|id, _| !due.contains(id));
        self.counted(connection, found).await
    }

    async fn left_by_the_dead(
        &mut self,
        connection: &mut MultiplexedConnection,
        idle: Duration,
        count: usize,
    ) -> Result<Vec<Delivery>, TransportError> {
        let mut claim = cmd("XAUTOCLAIM");
        claim.arg(&self.key).arg(&self.group).arg(&self.name).arg(idle.as_millis() as u64);
        claim.arg(std::mem::replace(&mut self.looked_to, FIRST.to_owned())).arg("COUNT").arg(count);
        let found = match ask_raw(connection, &claim).await {
            Ok(found) => {
                let mut parts = list(found).into_iter();
                self.looked_to = parts.next().as_ref().and_then(text).unwrap_or_else(|| FIRST.to_owned());
                parts.next().unwrap_or_default()
            }
            Err(error) if error.code() == Some("NOGROUP") => return Ok(Vec::new()),
            Err(error) => return Err(failure(&self.dialer, &error)),
        };
        self.counted(connection, entries(found)).await
    }

    /// Deliveries with how often each was delivered.
    async fn counted(
        &self,
        connection: &mut MultiplexedConnection,
        found: Vec<Entry>,
    ) -> Result<Vec<Delivery>, TransportError> {
        let mut deliveries = Vec::with_capacity(found.len());
        for entry in found {
            let mut pending = cmd("XPENDING");
            pending.arg(&self.key).arg(&self.group).arg(&entry.id).arg(&entry.id).arg(1);
            let pending = list(ask(&self.dialer, connection, &pending).await?).into_iter().next();
            let times = list(pending.unwrap_or_default()).get(3).and_then(integer).unwrap_or(2);
            deliveries.push(delivery(&entry, times.max(1)));
        }
        Ok(deliveries)
    }

    /// Deletes what every group has settled: all below the oldest entry that one of them still needs.
    async fn trim(&self, connection: &mut MultiplexedConnection) -> Result<(), TransportError> {
        let mut info = cmd("XINFO");
        info.arg("GROUPS").arg(&self.key);
        let mut keep: Option<(u64, u64)> = None;
        let Ok(groups) = ask_raw(connection, &info).await else { return Ok(()) };
        for group in list(groups) {
            let name = named(group.clone(), "name").as_ref().and_then(text);
            let last = named(group, "last-delivered-id").as_ref().and_then(text);
            let (Some(name), Some(last)) = (name, last.as_deref().and_then(place)) else { return Ok(()) };
            let pending = ask(&self.dialer, connection, cmd("XPENDING").arg(&self.key).arg(&name)).await?;
            let oldest = list(pending).get(1).and_then(text).as_deref().and_then(place);
            let needs = oldest.unwrap_or((last.0, last.1.saturating_add(1)));
            keep = Some(keep.map_or(needs, |keep| keep.min(needs)));
        }
        let Some((millis, number)) = keep else { return Ok(()) };
        let mut trim = cmd("XTRIM");
        trim.arg(&self.key).arg("MINID").arg(format!("{millis}-{number}"));
        ask(&self.dialer, connection, &trim).await.map(drop)
    }

    /// The acknowledgement, and the receipt where the sender waits for one; with the number of commands.
    fn settled(&self, delivery: &DeliveryTag, receipt: Option<StoreReceipt>) -> (redis::Pipeline, usize) {
        let mut pipeline = redis::pipe();
        pipeline.cmd("XACK").arg(&self.key).arg(&self.group).arg(&delivery.message);
        let (Some(receipt), Some(sender)) = (receipt, &delivery.receipts_to) else { return (pipeline, 1) };
        let key = receipts(&self.dialer.address.stream, sender);
        let mut json = Vec::new();
        receipt.to_json(&mut json);
        let seal = self.dialer.seal().of(&self.dialer.address.stream, sender, &json);
        pipeline.cmd("XADD").arg(&key).arg("MAXLEN").arg("~").arg(RECEIPTS_MAX).arg("*");
        pipeline.arg(RECEIPT).arg(json);
        if let Some(seal) = seal {
            pipeline.arg(SEAL).arg(seal);
        }
        pipeline.cmd("PEXPIRE").arg(&key).arg(RECEIPTS_KEPT.as_millis() as u64);
        (pipeline, 3)
    }
}

/// Fields are the sender's word: a receipt key is made from a checked name, never taken whole.
fn delivery(entry: &Entry, deliveries: u64) -> Delivery {
    let encoding = entry.text(ENCODING);
    Delivery {
        tag: DeliveryTag {
            message: entry.id.clone(),
            receipts_to: Some(entry.text(RECEIPTS)).filter(|name| is_random_name(name)),
        },
        parcel: entry.text(PARCEL).parse().ok(),
        media_type: entry.text(MEDIA_TYPE),
        compression: Compression::from_name(&encoding).ok_or(encoding),
        body: entry.field(BODY).unwrap_or_default().to_vec(),
        deliveries,
    }
}
