//! A collector as a model, and ways to it: one that keeps order, one on which parcels overtake each other, and a broker
//! that accepts and sometimes forgets.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use veribus_core::Batch;
use veribus_core::transport::{
    Confirms, News, Parcel, ParcelId, StoreReceipt, Transport, TransportError, TransportFactory,
};
use veribus_testkit::oracle::{Content, Found, Key, Lost, Stored, Tag};
use veribus_testkit::{Choices, Seed};

#[derive(Debug)]
struct Inside {
    found: Found,
    keys: HashSet<Key>,
    choices: Choices,
}

/// How parcels come to the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelRoute {
    /// Each is stored before the next is sent; receipts get lost.
    InOrder,
    /// They overtake each other, and some do not arrive.
    SideBySide,
    /// Each is accepted first, then delivered in order; what was accepted may be forgotten.
    Broker,
}

/// The model's store and its switch; all clones are one.
#[derive(Debug, Clone)]
pub struct ModelCollector {
    inside: Arc<(Mutex<Inside>, Condvar)>,
    is_up: Arc<AtomicBool>,
    forgets: Arc<AtomicBool>,
    route: ModelRoute,
}

impl ModelCollector {
    /// One that cannot be reached yet.
    pub fn new(seed: Seed, route: ModelRoute) -> Self {
        let inside = Inside { found: Found::default(), keys: HashSet::new(), choices: seed.choices() };
        ModelCollector {
            inside: Arc::new((Mutex::new(inside), Condvar::new())),
            is_up: Arc::default(),
            forgets: Arc::default(),
            route,
        }
    }

    /// How parcels come to it.
    pub fn route(&self) -> ModelRoute {
        self.route
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it can be reached from now on, and whether half of the receipts get lost, or of what a broker accepted.
    pub fn set(&self, is_up: bool, forgets: bool) {
        self.is_up.store(is_up, Ordering::SeqCst);
        self.forgets.store(forgets, Ordering::SeqCst);
    }

    /// The sending end of a way to it.
    pub fn factory(&self) -> TransportFactory {
        let collector = self.clone();
        Box::new(move || {
            let (collector, news, under_way) = (collector.clone(), VecDeque::new(), Vec::new());
            Ok(Box::new(ModelWay { collector, news, under_way }))
        })
    }

    /// What is stored so far.
    pub fn found(&self) -> Found {
        self.lock().found.clone()
    }

    /// Waits until all of these are stored; whether they were within `limit`.
    pub fn wait_for(&self, keys: &[Key], limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut inside = self.lock();
        while !keys.iter().all(|key| inside.keys.contains(key)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inside = self.inside.1.wait_timeout(inside, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Stores what is new of a parcel; the receipt, unless it gets lost.
    fn take(&self, parcel: &Parcel) -> Option<StoreReceipt> {
        let batch = Batch::decode_msgpack(&parcel.body).expect("the forwarder sends batches");
        let mut inside = self.lock();
        let (mut stored, mut duplicates) = (0, 0);
        for event in &batch.events {
            let key = Key::from_bits(event.id.bits());
            if !inside.keys.insert(key) {
                duplicates += 1;
                continue;
            }
            stored += 1;
            let attribute = |name| event.attributes.get(name).and_then(|value| value.as_str());
            let actor = event.actor.as_ref().and_then(|actor| actor.name.as_deref()).unwrap_or_default();
            let content = Content {
                action: event.action.to_string(),
                actor: actor.to_owned(),
                body: attribute("body").unwrap_or_default().to_owned(),
            };
            let tag = attribute("tag").and_then(Tag::parse);
            inside.found.stored.push(Stored { key, event: tag.map(|tag| (tag, content.digest())) });
        }
        for loss in &batch.losses {
            inside.found.lost.push(Lost {
                instance: batch.instance.map_or(0, |instance| instance.0),
                lane: loss.lane,
                first: loss.first_seq,
                last: loss.last_seq,
                count: loss.count,
                reason: loss.reason.as_str().to_owned(),
            });
        }
        self.inside.1.notify_all();
        let lost = self.forgets.load(Ordering::SeqCst) && inside.choices.chance(1, 2);
        (!lost).then(|| StoreReceipt { parcel: parcel.id, stored, duplicates, refused: Vec::new() })
    }
}

/// The sending end.
#[derive(Debug)]
struct ModelWay {
    collector: ModelCollector,
    news: VecDeque<News>,
    /// Not at the collector yet.
    under_way: Vec<Parcel>,
}

impl ModelWay {
    /// One of the parcels under way arrives, or is lost.
    fn arrive(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let is_broker = self.collector.route == ModelRoute::Broker;
        let forgets = self.collector.forgets.load(Ordering::SeqCst);
        let (at, is_lost) = {
            let choices = &mut self.collector.lock().choices;
            match is_broker {
                true => (0, forgets && choices.chance(1, 2)),
                false => (choices.below(self.under_way.len() as u64) as usize, choices.chance(1, 8)),
            }
        };
        let parcel = self.under_way.remove(at);
        match if is_lost { None } else { self.collector.take(&parcel) } {
            Some(receipt) => self.news.push_back(News::Receipt(receipt)),
            None if is_broker => {}
            None => self.fail(parcel.id),
        }
    }

    fn fail(&mut self, parcel: ParcelId) {
        let error = TransportError::TimedOut { destination: self.destination(), waited: Duration::ZERO };
        self.news.push_back(News::Failed { parcel, error });
    }
}

impl Transport for ModelWay {
    fn destination(&self) -> String {
        "model".to_owned()
    }

    fn confirms(&self) -> Confirms {
        Confirms::Stored
    }

    fn keeps_order(&self) -> bool {
        self.collector.route != ModelRoute::SideBySide
    }

    fn body_bytes_max(&self) -> usize {
        1 << 20
    }

    fn send(&mut self, parcel: &Parcel, _deadline: Instant) -> Result<(), TransportError> {
        if !self.collector.is_up.load(Ordering::SeqCst) {
            return Err(TransportError::Unreachable {
                destination: self.destination(),
                source: "it is down".into(),
            });
        }
        match self.collector.route {
            ModelRoute::InOrder => match self.collector.take(parcel) {
                Some(receipt) => self.news.push_back(News::Receipt(receipt)),
                None => self.fail(parcel.id),
            },
            ModelRoute::SideBySide => self.under_way.push(parcel.clone()),
            ModelRoute::Broker => {
                self.news.push_back(News::Accepted(parcel.id));
                self.under_way.push(parcel.clone());
            }
        }
        Ok(())
    }

    fn poll(&mut self, patience: Duration) -> Option<News> {
        self.arrive();
        let news = self.news.pop_front();
        if news.is_none() {
            std::thread::sleep(patience.min(Duration::from_millis(1)));
        }
        news
    }

    fn close(&mut self, _deadline: Instant) {}
}
