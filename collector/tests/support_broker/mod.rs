//! A real broker, and a sender that keeps each parcel until its receipt comes, as a spool does, and writes down for
//! the oracle what it sent.

#![allow(dead_code, unreachable_pub)]
#![allow(clippy::print_stderr)] // a skipped test has to be seen

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use veribus_core::transport::{
    Compression, News, Parcel, ParcelId, StoreReceipt, Transport, TransportFactory,
};
use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, VerificationEvent, event};
use veribus_testkit::oracle::{
    Answer, Class, Content, Found, Key, Order, Record, Rules, Tag, judge, read_store,
};
use veribus_testkit::server::{Kind, Server};
use veribus_transports::{Options, from_url};

/// How long anything may take.
pub const SOON: Duration = Duration::from_secs(60);
/// After this a parcel without a receipt is sent again.
const RECEIPT_WITHIN: Duration = Duration::from_secs(3);

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    Nats,
    Redis,
}

/// A running broker.
pub struct Broker {
    pub brand: Brand,
    pub server: Server,
}

impl Broker {
    /// Starts one; where its program is not installed, says so and answers `None`.
    pub fn start(brand: Brand) -> Option<Broker> {
        let kind = match brand {
            Brand::Nats => Kind::Nats(String::new()),
            Brand::Redis => Kind::Redis(Vec::new()),
        };
        match Server::start(kind) {
            Ok(server) => Some(Broker { brand, server }),
            Err(why) => {
                eprintln!("skipped: no {brand:?} here: {why}");
                None
            }
        }
    }

    pub fn url(&self) -> String {
        match self.brand {
            Brand::Nats => format!("nats://{}", self.server.address()),
            Brand::Redis => format!("redis://{}", self.server.address()),
        }
    }

    /// The arguments that make a collector receive from it.
    pub fn arguments(&self) -> [String; 2] {
        let option = if self.brand == Brand::Nats { "--nats" } else { "--redis" };
        [option.to_owned(), self.url()]
    }

    pub fn sender(&self) -> Sender {
        Sender::new(from_url(&self.url(), &Options::new()).expect("a good address"))
    }
}

/// One bus start that sends.
pub struct Sender {
    factory: TransportFactory,
    transport: Box<dyn Transport>,
    pub instance: InstanceId,
    parcels: u64,
    pub events: u64,
    record: Record,
    unreceipted: BTreeMap<ParcelId, (Parcel, Instant)>,
    pub receipts: BTreeMap<ParcelId, StoreReceipt>,
}

impl Sender {
    fn new(factory: TransportFactory) -> Self {
        let transport = factory().expect("a transport");
        let instance = InstanceId::random();
        let mut record = Record::default();
        record.life(instance.0, 1, 2);
        Sender {
            factory,
            transport,
            instance,
            record,
            parcels: 0,
            events: 0,
            unreceipted: BTreeMap::new(),
            receipts: BTreeMap::new(),
        }
    }

    /// One that has nobody to send to.
    pub fn nowhere() -> Self {
        Sender::new(from_url("memory://nowhere", &Options::new()).expect("a good address"))
    }

    /// A parcel of the next `events`; every second one is compressed.
    pub fn parcel(&mut self, events: u64) -> Parcel {
        let seqs = self.events + 1..=self.events + events;
        let events: Vec<_> = seqs.map(|seq| self.event(seq)).collect();
        let count = events.len();
        let (source, instance) = (Source::new("broker-test"), Some(self.instance));
        let batch = Batch { source, instance, events, ..Batch::default() };
        let mut body = Vec::new();
        batch.encode_msgpack(&mut body).expect("it is within the limits");
        self.events += count as u64;
        self.parcels += 1;
        let (compression, body) = match self.parcels % 2 {
            0 => (Compression::Zstd, zstd::bulk::compress(&body, 3).expect("zstd")),
            _ => (Compression::None, body),
        };
        let id = ParcelId::new(self.instance.0, self.parcels);
        Parcel { id, events: u32::try_from(count).expect("few"), compression, body: body.into() }
    }

    /// An event that says who it is; from now on it is a loss if it does not arrive.
    fn event(&mut self, seq: u64) -> VerificationEvent {
        let (tag, key) = (Tag { stream: 1, number: seq }, Key { instance: self.instance.0, lane: 1, seq });
        let content = Content::of(tag, 60);
        self.record.attempt(tag, Class::Durable, content.digest());
        self.record.answer(tag, Answer::Confirmed(key));
        let text = tag.to_string();
        event::authentication(content.action.as_str())
            .failure()
            .actor(&content.actor)
            .attribute("tag", text.as_str())
            .attribute("body", content.body.as_str())
            .into_event(EventId::new(self.instance, 1, seq), Timestamp::now())
            .expect("within limits")
    }

    /// A parcel of these bytes, whatever they are.
    pub fn raw(&mut self, body: &[u8]) -> Parcel {
        self.parcels += 1;
        let id = ParcelId::new(self.instance.0, self.parcels);
        Parcel { id, events: 1, compression: Compression::None, body: body.into() }
    }

    /// What the oracle says of the stores of `folders`, together: every event once, as it was sent.
    pub fn judged(&self, folders: &[&Path]) {
        let mut found = Found::default();
        for folder in folders {
            found.stored.extend(read_store(folder).expect("a sound store").stored);
        }
        let ours = |stored: &veribus_testkit::oracle::Stored| stored.key.instance == self.instance.0;
        found.stored.retain(ours);
        // Parcels come again behind later ones: a spool that sends in order is tested with its forwarder.
        let rules = Rules { order: Order::Numbered, ..Rules::default() };
        let violations = judge(&self.record, &found, &rules);
        assert!(violations.is_empty(), "{violations:?}");
        assert_eq!(found.stored.len() as u64, self.events);
    }

    /// Sends a parcel, at once or with what is sent again.
    pub fn send(&mut self, parcel: Parcel) {
        let sent = self.transport.send(&parcel, Instant::now() + Duration::from_secs(5));
        let since = if sent.is_ok() { Instant::now() } else { Instant::now() - RECEIPT_WITHIN };
        self.unreceipted.insert(parcel.id, (parcel, since));
    }

    /// Sends a parcel and forgets it: it is not sent again.
    pub fn send_once(&mut self, parcel: &Parcel) {
        let sent = self.transport.send(parcel, Instant::now() + Duration::from_secs(5));
        sent.expect("the broker is there");
    }

    /// Whether no receipt has come.
    pub fn hears_nothing(&mut self) -> bool {
        self.listen(Duration::from_millis(300));
        self.receipts.is_empty()
    }

    pub fn send_new(&mut self, events: u64) {
        let parcel = self.parcel(events);
        self.send(parcel);
    }

    /// Parcels on their way.
    pub fn waiting(&self) -> usize {
        self.unreceipted.len()
    }

    /// Hears what there is to hear for `time`, and sends again what failed or waits too long.
    pub fn listen(&mut self, time: Duration) {
        let (until, was_waiting) = (Instant::now() + time, !self.unreceipted.is_empty());
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.transport.poll(left.min(Duration::from_millis(50))) {
                Some(News::Receipt(receipt)) => {
                    self.unreceipted.remove(&receipt.parcel);
                    self.receipts.insert(receipt.parcel, receipt);
                }
                Some(News::Failed { parcel, .. }) => {
                    if let Some((_, since)) = self.unreceipted.get_mut(&parcel) {
                        *since = Instant::now() - RECEIPT_WITHIN;
                    }
                }
                Some(News::Suspicious(what)) => panic!("{what}"),
                _ => {}
            }
            let late = |(_, since): &&(Parcel, Instant)| since.elapsed() >= RECEIPT_WITHIN;
            let late: Vec<Parcel> = self.unreceipted.values().filter(late).map(|(p, _)| p.clone()).collect();
            late.into_iter().for_each(|parcel| self.send(parcel));
            if was_waiting && self.unreceipted.is_empty() {
                return;
            }
        }
    }

    /// Until every parcel has its receipt.
    pub fn finish(&mut self) {
        let until = Instant::now() + SOON;
        while !self.unreceipted.is_empty() {
            assert!(Instant::now() < until, "{} parcels have no receipt", self.unreceipted.len());
            self.listen(Duration::from_millis(200));
        }
    }

    /// How many events receipts say were stored, were there before, and are refused.
    pub fn receipted(&self) -> (u64, u64, usize) {
        let sum = |of: fn(&StoreReceipt) -> u32| self.receipts.values().map(|r| u64::from(of(r))).sum();
        (sum(|r| r.stored), sum(|r| r.duplicates), self.receipts.values().map(|r| r.refused.len()).sum())
    }
}

/// The sequence numbers of a bus start in the stores of `folders`, read by SQLite itself; none of them twice.
pub fn stored(folders: &[&Path], instance: InstanceId) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for folder in folders {
        let database = Connection::open(folder.join("events.db")).expect("a store");
        let mut find = database.prepare("SELECT id FROM events").expect("events");
        let ids = find.query_map([], |row| row.get::<_, [u8; 16]>(0)).expect("ids");
        for id in ids {
            let id = EventId::from_bits(u128::from_be_bytes(id.expect("16 bytes")));
            assert!(id.instance() != instance || found.insert(id.seq()), "{id} is stored twice");
        }
    }
    found
}

/// Waits for a condition.
pub fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < until, "it did not come: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
