//! A way within one process, for tests and for collectors embedded beside their senders: bounded, with receipts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use veribus_core::codec::MEDIA_TYPE_MSGPACK;
use veribus_core::event::limits::BATCH_BYTES_MAX;
use veribus_core::transport::{
    Confirms, Delivery, DeliveryTag, News, Parcel, ParcelId, Settlement, StoreReceipt, Subscription,
    Transport, TransportError,
};

/// Parcels that a broker holds.
const PARCELS_MAX: usize = 10_000;
/// Bytes of bodies that a broker holds.
const BYTES_MAX: usize = 256 << 20;
/// News that waits for one sender; older receipts make room, for they repeat when a parcel is sent again.
const NEWS_MAX: usize = 65_536;
/// After this a delivery that was not settled comes again.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

static NAMED: LazyLock<Mutex<HashMap<String, Weak<Shared>>>> = LazyLock::new(Mutex::default);

/// Holds parcels between senders and subscriptions of this process; clones are the same broker.
#[derive(Clone)]
pub struct MemoryBroker {
    name: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    down: bool,
    queue: VecDeque<Held>,
    /// Handed out, by the name of the message.
    out: HashMap<u64, (Held, Instant)>,
    bytes: usize,
    messages: u64,
    senders: HashMap<u64, VecDeque<News>>,
}

#[derive(Clone)]
struct Held {
    message: u64,
    sender: u64,
    parcel: Parcel,
    deliveries: u64,
    not_before: Instant,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, at most until `deadline`; `None` when it has passed.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, deadline: Instant) -> Option<MutexGuard<'a, State>> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        Some(self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl MemoryBroker {
    /// The broker of this process with this name, which ends with its last user.
    pub fn named(name: &str) -> Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|_, broker| broker.strong_count() > 0);
        let found = named.get(name).and_then(Weak::upgrade);
        let shared = found.unwrap_or_else(|| {
            let shared = Arc::new(Shared::default());
            named.insert(name.to_owned(), Arc::downgrade(&shared));
            shared
        });
        MemoryBroker { name: name.to_owned(), shared }
    }

    /// A sending end.
    pub fn sender(&self) -> Box<dyn Transport> {
        let mut state = self.shared.state();
        state.messages += 1;
        let sender = state.messages;
        state.senders.insert(sender, VecDeque::new());
        drop(state);
        Box::new(MemorySender { broker: self.clone(), sender, open: true })
    }

    /// A receiving end; all of a broker share its parcels.
    pub fn subscription(&self) -> Box<dyn Subscription> {
        Box::new(MemorySubscription { broker: self.clone() })
    }

    /// Makes it unreachable, or reachable again; what it holds stays.
    pub fn set_down(&self, down: bool) {
        self.shared.state().down = down;
        self.shared.changed.notify_all();
    }

    /// Forgets everything, as a broker that was wiped does.
    pub fn wipe(&self) {
        let mut state = self.shared.state();
        state.queue.clear();
        state.out.clear();
        state.bytes = 0;
    }

    fn shown(&self) -> String {
        format!("memory://{}", self.name)
    }

    fn unreachable(&self) -> TransportError {
        TransportError::Unreachable { destination: self.shown(), source: "it is down".into() }
    }
}

impl std::fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryBroker({})", self.name)
    }
}

struct MemorySender {
    broker: MemoryBroker,
    sender: u64,
    open: bool,
}

impl Transport for MemorySender {
    fn destination(&self) -> String {
        self.broker.shown()
    }

    fn confirms(&self) -> Confirms {
        Confirms::Stored
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn body_bytes_max(&self) -> usize {
        BATCH_BYTES_MAX
    }

    fn send(&mut self, parcel: &Parcel, deadline: Instant) -> Result<(), TransportError> {
        if !self.open {
            return Err(TransportError::Closed);
        }
        let destination = self.broker.shown();
        if parcel.body.len() > BATCH_BYTES_MAX {
            let reason = format!("{} bytes; the limit is {BATCH_BYTES_MAX}", parcel.body.len());
            return Err(TransportError::Refused { destination, reason });
        }
        let shared = &self.broker.shared;
        let mut state = shared.state();
        loop {
            if state.down {
                return Err(self.broker.unreachable());
            }
            let unpolled = state.senders.get(&self.sender).map_or(0, VecDeque::len);
            let held = state.queue.len() + state.out.len();
            if unpolled < NEWS_MAX && held < PARCELS_MAX && state.bytes + parcel.body.len() <= BYTES_MAX {
                break;
            }
            state = shared.wait(state, deadline).ok_or_else(|| TransportError::Busy {
                destination: destination.clone(),
                reason: format!("it holds {held} parcels, and {unpolled} news wait to be polled"),
                retry_after: None,
            })?;
        }
        state.messages += 1;
        state.bytes += parcel.body.len();
        let (message, sender) = (state.messages, self.sender);
        let held =
            Held { message, sender, parcel: parcel.clone(), deliveries: 0, not_before: Instant::now() };
        state.queue.push_back(held);
        state.tell(sender, News::Accepted(parcel.id));
        shared.changed.notify_all();
        Ok(())
    }

    fn poll(&mut self, patience: Duration) -> Option<News> {
        let deadline = Instant::now() + patience;
        let shared = &self.broker.shared;
        let mut state = shared.state();
        loop {
            if let Some(news) = state.senders.get_mut(&self.sender).and_then(VecDeque::pop_front) {
                shared.changed.notify_all();
                return Some(news);
            }
            state = shared.wait(state, deadline)?;
        }
    }

    fn close(&mut self, _deadline: Instant) {
        self.open = false;
    }
}

impl Drop for MemorySender {
    fn drop(&mut self) {
        self.broker.shared.state().senders.remove(&self.sender);
    }
}

impl State {
    fn tell(&mut self, sender: u64, news: News) {
        let Some(waiting) = self.senders.get_mut(&sender) else { return };
        if waiting.len() >= NEWS_MAX {
            waiting.pop_front();
        }
        waiting.push_back(news);
    }

    /// What nobody settled in time goes to the front again.
    fn reclaim(&mut self, now: Instant) {
        let mut late: Vec<u64> =
            self.out.iter().filter(|(_, (_, until))| *until <= now).map(|(message, _)| *message).collect();
        late.sort_unstable_by(|a, b| b.cmp(a));
        for message in late {
            let (held, _) = self.out.remove(&message).expect("it was just seen");
            self.queue.push_front(held);
        }
    }

    fn take(&mut self, now: Instant) -> Option<Held> {
        let at = self.queue.iter().position(|held| held.not_before <= now)?;
        let mut held = self.queue.remove(at)?;
        held.deliveries += 1;
        self.out.insert(held.message, (held.clone(), now + SETTLE_WITHIN));
        Some(held)
    }
}

struct MemorySubscription {
    broker: MemoryBroker,
}

impl Subscription for MemorySubscription {
    fn origin(&self) -> String {
        self.broker.shown()
    }

    fn receive(&mut self, parcels_max: usize, patience: Duration) -> Result<Vec<Delivery>, TransportError> {
        let deadline = Instant::now() + patience;
        let shared = &self.broker.shared;
        let mut state = shared.state();
        loop {
            if state.down {
                return Err(self.broker.unreachable());
            }
            let now = Instant::now();
            state.reclaim(now);
            let taken: Vec<Delivery> =
                std::iter::from_fn(|| state.take(now)).take(parcels_max).map(delivery).collect();
            if !taken.is_empty() {
                return Ok(taken);
            }
            // What waits for its time wakes nobody: look again soon.
            let soon = deadline.min(now + Duration::from_millis(10));
            let until = if state.queue.is_empty() { deadline } else { soon };
            state = match shared.wait(state, until) {
                Some(state) => state,
                None if Instant::now() >= deadline => return Ok(Vec::new()),
                None => shared.state(),
            };
        }
    }

    fn settle(&mut self, delivery: &DeliveryTag, settlement: Settlement) -> Result<(), TransportError> {
        let mut state = self.broker.shared.state();
        if state.down {
            return Err(self.broker.unreachable());
        }
        let held = delivery.message.parse().ok().and_then(|message: u64| state.out.remove(&message));
        // Settled before, or wiped: nothing is left to do.
        let Some((mut held, _)) = held else { return Ok(()) };
        match settlement {
            Settlement::Stored(receipt) | Settlement::Dead(receipt) => {
                state.bytes = state.bytes.saturating_sub(held.parcel.body.len());
                if let Some(receipt) = receipt {
                    state.tell(held.sender, receipt_news(held.parcel.id, receipt));
                }
            }
            Settlement::Again(delay) => {
                held.not_before = Instant::now() + delay;
                state.queue.push_front(held);
            }
        }
        drop(state);
        self.broker.shared.changed.notify_all();
        Ok(())
    }
}

fn receipt_news(sent: ParcelId, receipt: StoreReceipt) -> News {
    if sent == receipt.parcel {
        return News::Receipt(receipt);
    }
    News::Suspicious(format!("a receipt of the parcel {}, never sent here", receipt.parcel))
}

fn delivery(held: Held) -> Delivery {
    Delivery {
        tag: DeliveryTag {
            message: held.message.to_string(),
            receipts_to: Some(format!("{:016x}", held.sender)),
        },
        parcel: Some(held.parcel.id),
        media_type: MEDIA_TYPE_MSGPACK.to_owned(),
        compression: Ok(held.parcel.compression),
        body: held.parcel.body.to_vec(),
        deliveries: held.deliveries,
    }
}
