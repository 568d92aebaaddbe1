//! One thread for one subscription: takes parcels while the last ones are committed, and settles each after its commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use veribus_core::Timestamp;
use veribus_core::transport::{Delivery, DeliveryTag, ParcelId, Settlement, Subscription, TransportError};

use super::open::{Opened, READ, Read, Reason, Unopened, open};
use super::unusable::{DELIVERIES_MAX, FULL_AGAIN, again_after, letter, refusal_of_all};
use super::{Notice, Pause, Reception};
use crate::ingest::{Job, Queue, Refused, Rejected, Undecided};
use crate::server::Counters;
use crate::store::{Inserted, SetAside};

/// Parcels that are taken at once.
const PARCELS_MAX: usize = 64;
/// Bytes that are taken at once, if parcels stay as large as the last ones.
const BYTES_MAX: usize = 16 << 20;
/// How long the broker may let us wait for the first parcel; a collector that stops waits so long at most.
const PATIENCE: Duration = Duration::from_millis(500);
/// After this a parcel that the store could not take is delivered again.
const AGAIN: Duration = Duration::from_secs(1);
/// Pause while too much waits for its commit.
const FULL_PAUSE: Duration = Duration::from_millis(5);
/// Longest pause that a broker may ask for.
const ASKED_MAX: Duration = Duration::from_secs(60);
/// How often a pause looks whether the collector stops.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// A parcel on its way through the store.
struct InHand {
    tag: DeliveryTag,
    parcel: Option<ParcelId>,
    answer: Answer,
}

/// What the writer will say of it.
enum Answer {
    /// Nothing: nothing of it has to be kept.
    None(Undecided),
    /// What became of its events.
    Batch(Undecided, oneshot::Receiver<Result<Vec<Inserted>, Refused>>),
    /// It is a dead letter, for this reason.
    Letter(&'static str, oneshot::Receiver<Result<SetAside, Refused>>),
}

/// Why the next attempt has to wait.
enum Trouble {
    Broker(TransportError),
    Store,
}

/// Everything that the thread of a subscription owns.
pub struct Receiver {
    subscription: Box<dyn Subscription>,
    queue: Queue,
    counters: Arc<Counters>,
    reception: Arc<Reception>,
    stopping: watch::Receiver<bool>,
    notices: mpsc::UnboundedSender<Notice>,
    read: Read,
    in_hand: VecDeque<InHand>,
    /// What went wrong since the last pause.
    trouble: Option<Trouble>,
    pause: Pause,
    /// Bytes of the largest of the last parcels.
    largest: usize,
}

impl Receiver {
    /// A receiver that hands parcels to `queue` until `stopping` says so.
    pub fn new(
        subscription: Box<dyn Subscription>,
        reception: Arc<Reception>,
        queue: Queue,
        counters: Arc<Counters>,
        stopping: watch::Receiver<bool>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        Receiver {
            subscription,
            queue,
            counters,
            reception,
            stopping,
            notices,
            read: READ,
            in_hand: VecDeque::new(),
            trouble: None,
            pause: Pause::default(),
            largest: 0,
        }
    }

    /// The same with another way to read bodies: one that has a fault.
    #[cfg(test)]
    pub(super) fn reading(mut self, read: Read) -> Self {
        self.read = read;
        self
    }

    /// Works until the collector stops; what is in hand then is committed and settled, the rest stays with the broker.
    pub fn run(mut self) {
        while !self.is_stopping() {
            let most = (BYTES_MAX / self.largest.max(1)).clamp(1, PARCELS_MAX);
            let patience = if self.in_hand.is_empty() { PATIENCE } else { Duration::ZERO };
            match self.subscription.receive(most, patience) {
                Ok(deliveries) => self.take_all(deliveries),
                Err(error) => self.trouble = Some(Trouble::Broker(error)),
            }
            match self.trouble.take() {
                None => self.works(),
                Some(trouble) => self.wait_after(&trouble),
            }
        }
        // What cannot be settled now comes again, which does no harm.
        self.settle_all_but(0);
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Hands these to the writer, and settles those before them: each commit has the time of a `receive` and a decoding.
    fn take_all(&mut self, deliveries: Vec<Delivery>) {
        if let Some(largest) = deliveries.iter().map(|delivery| delivery.body.len()).max() {
            self.largest = largest;
        }
        let before = self.in_hand.len();
        deliveries.into_iter().for_each(|delivery| self.take(delivery));
        self.settle_all_but(self.in_hand.len().saturating_sub(before));
    }

    fn take(&mut self, delivery: Delivery) {
        loop {
            match open(&delivery, Timestamp::now(), self.queue.budget(), self.read) {
                Ok(opened) => return self.hand_over(delivery, opened),
                Err(Unopened::Full) if self.is_stopping() => {
                    return self.settle(&delivery.tag, Settlement::Again(Duration::ZERO));
                }
                Err(Unopened::Full) => self.make_room(),
                Err(Unopened::Malformed(reason)) => return self.unusable(delivery, &reason),
                Err(Unopened::Fault) => return self.unusable(delivery, &Reason::fault()),
            }
        }
    }

    /// A parcel that cannot be read: another collector of the group may be newer, so it is tried some times.
    fn unusable(&mut self, delivery: Delivery, reason: &Reason) {
        if delivery.deliveries < DELIVERIES_MAX {
            return self.settle(&delivery.tag, Settlement::Again(again_after(delivery.deliveries)));
        }
        let (reply, answer) = oneshot::channel();
        let (tag, parcel) = (delivery.tag.clone(), delivery.parcel);
        let letter = letter(delivery, reason, self.reception.origin(), Timestamp::now());
        if self.send(Job::SetAside { letter, reply }) {
            self.in_hand.push_back(InHand { tag, parcel, answer: Answer::Letter(reason.code, answer) });
        } else {
            self.put_back(&tag);
        }
    }

    /// Gives the writer a job when there is a place for it; `false` when the collector stops.
    fn send(&mut self, job: Job) -> bool {
        let queue = self.queue.clone();
        loop {
            match queue.place() {
                Ok(place) => {
                    place.send(job);
                    return true;
                }
                Err(Rejected::Full) => self.make_room(),
                Err(Rejected::Stopping) => return false,
            }
        }
    }

    /// Gives the queue time, without holding anything of it.
    fn make_room(&mut self) {
        self.settle_all_but(0);
        thread::sleep(FULL_PAUSE);
    }

    fn hand_over(&mut self, delivery: Delivery, opened: Opened) {
        let Opened { batch, undecided, permit, rejected, redacted } = opened;
        let (tag, parcel) = (delivery.tag, delivery.parcel);
        self.counters.rejected.fetch_add(rejected, Ordering::Relaxed);
        self.counters.redacted.fetch_add(redacted, Ordering::Relaxed);
        if batch.is_empty() {
            return self.in_hand.push_back(InHand { tag, parcel, answer: Answer::None(undecided) });
        }
        let (reply, answer) = oneshot::channel();
        if !self.send(Job::Batch { batch, reply, permit }) {
            return self.put_back(&tag);
        }
        self.in_hand.push_back(InHand { tag, parcel, answer: Answer::Batch(undecided, answer) });
    }

    /// Waits for the commits of the oldest, and settles them.
    fn settle_all_but(&mut self, keep: usize) {
        while self.in_hand.len() > keep {
            let Some(oldest) = self.in_hand.pop_front() else { return };
            self.settle_one(oldest);
        }
    }

    fn settle_one(&mut self, in_hand: InHand) {
        let InHand { tag, parcel, answer } = in_hand;
        let (undecided, inserted) = match answer {
            Answer::None(undecided) => (undecided, Vec::new()),
            Answer::Batch(undecided, answer) => match answer.blocking_recv() {
                Ok(Ok(inserted)) => (undecided, inserted),
                Ok(Err(Refused { .. })) | Err(_) => return self.put_back(&tag),
            },
            Answer::Letter(code, answer) => return self.settle_letter(&tag, parcel, code, answer),
        };
        let verdict = undecided.decide(&inserted);
        let receipt = parcel.map(|parcel| verdict.receipt(parcel));
        self.settle(&tag, Settlement::Stored(receipt));
    }

    /// A sender hears of a dead letter only when it has sent the same twice: a parcel that was damaged on the way is
    /// still whole where it came from, and comes again.
    fn settle_letter(
        &mut self,
        tag: &DeliveryTag,
        parcel: Option<ParcelId>,
        code: &'static str,
        answer: oneshot::Receiver<Result<SetAside, Refused>>,
    ) {
        match answer.blocking_recv() {
            Ok(Ok(set_aside)) => {
                let told = parcel.filter(|_| set_aside.is_meant);
                self.settle(tag, Settlement::Dead(told.map(|parcel| refusal_of_all(parcel, code))));
            }
            Ok(Err(Refused { code: "DEAD_LETTERS_FULL" })) => {
                self.counters.letters_refused.fetch_add(1, Ordering::Relaxed);
                self.settle(tag, Settlement::Again(FULL_AGAIN));
            }
            Ok(Err(_)) | Err(_) => self.put_back(tag),
        }
    }

    /// The store could not take it.
    fn put_back(&mut self, tag: &DeliveryTag) {
        self.settle(tag, Settlement::Again(AGAIN));
        self.trouble.get_or_insert(Trouble::Store);
    }

    fn settle(&mut self, tag: &DeliveryTag, settlement: Settlement) {
        let counter = match settlement {
            Settlement::Stored(_) => &self.reception.stored,
            Settlement::Again(_) => &self.reception.again,
            Settlement::Dead(_) => &self.reception.dead,
        };
        match self.subscription.settle(tag, settlement) {
            Ok(()) => drop(counter.fetch_add(1, Ordering::Relaxed)),
            Err(error) => self.trouble = Some(Trouble::Broker(error)),
        }
    }

    fn works(&mut self) {
        self.pause.reset();
        self.notice(self.reception.works());
    }

    /// Waits, longer each time: neither a broker nor a store is asked again at once.
    fn wait_after(&mut self, trouble: &Trouble) {
        let mut asked = Duration::ZERO;
        if let Trouble::Broker(error) = trouble {
            self.notice(self.reception.fails(error));
            asked = error.retry_after().unwrap_or_default().min(ASKED_MAX);
        }
        let until = Instant::now() + self.pause.longer().max(asked);
        while !self.is_stopping() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(STOP_CHECK));
        }
    }

    fn notice(&self, notice: Option<Notice>) {
        if let Some(notice) = notice {
            // Once the collector stops, nobody listens.
            let _ = self.notices.send(notice);
        }
    }
}
