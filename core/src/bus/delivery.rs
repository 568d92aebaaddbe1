//! A handler's own bounded queue: batches by reference, counted in events.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::confirm::Confirm;
use crate::account::LaneMark;
use crate::event::VerificationEvent;

/// One wait for room; a longer patience waits again.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Events on their way to one handler, with those who wait for them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Delivery {
    pub(crate) events: Batch,
    /// Bytes that they take, about.
    pub(crate) bytes: usize,
    /// Publishers who wait until the batch is durable.
    pub(crate) confirms: Vec<Arc<Confirm>>,
    /// Callers of `flush`, who wait until everything before is handled and flushed.
    pub(crate) flushes: Vec<Arc<Confirm>>,
    /// How far lanes have come with these events.
    pub(crate) marks: Vec<LaneMark>,
    /// How many handlers deep the events were published.
    pub(crate) depth: u8,
}

impl Delivery {
    fn has_only_marks(&self) -> bool {
        self.events.is_empty() && self.flushes.is_empty() && self.confirms.is_empty()
    }
}

/// Events shared by all handlers that want them all.
pub(crate) type Batch = Arc<Vec<Arc<VerificationEvent>>>;

/// What a worker finds when it looks into its queue.
#[derive(Debug)]
pub(crate) enum Next {
    /// Deliveries, oldest first.
    Work(Vec<Delivery>),
    /// Nothing came in time.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Delivery>,
    /// Events that wait, and those that the worker has taken and is not done with; and bytes of them.
    events: usize,
    bytes: usize,
    closed: bool,
    abandoned: bool,
}

/// The queue between the dispatcher and one worker.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
    capacity: usize,
    bytes_max: usize,
}

impl Queue {
    /// For `capacity` events of at most `bytes_max` bytes in all.
    pub(crate) fn new(capacity: usize, bytes_max: usize) -> Self {
        Queue {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity: capacity.max(64),
            bytes_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what there is room for, waiting for room at most `patience`; answers how many events had none.
    ///
    /// What the worker has in hand counts until it is done with it. A queue of which nothing is left takes a whole
    /// batch whatever its capacity, so there is at most one batch more than that. Those who wait for a batch that did
    /// not fit whole are told so.
    pub(crate) fn push(&self, mut delivery: Delivery, patience: Duration) -> usize {
        let mut state = self.lock();
        let (wanted, bytes) = (delivery.events.len(), delivery.bytes);
        if wanted > 0 && !self.fits(&state, wanted, bytes) && !patience.is_zero() {
            state = self.wait_for_room(state, wanted, bytes, patience);
        }
        let taken = match &*state {
            State { closed: true, .. } => 0,
            State { events: 0, .. } => wanted,
            State { events, bytes: there, .. } => {
                let fit = self.bytes_max.saturating_sub(*there) / (bytes / wanted.max(1)).max(1);
                wanted.min(self.capacity.saturating_sub(*events)).min(fit)
            }
        };
        if taken < wanted {
            delivery.events = Arc::new(delivery.events[..taken].to_vec());
            delivery.bytes = bytes / wanted * taken;
            for confirm in delivery.confirms.drain(..) {
                confirm.fail("queue", None);
            }
        }
        if state.closed {
            delivery.flushes.iter().for_each(|f| f.done());
        } else if let Some(last) = state.waiting.back_mut().filter(|_| delivery.has_only_marks())
            && last.has_only_marks()
        {
            last.marks.append(&mut delivery.marks); // a handler that takes nothing piles up nothing
        } else if taken > 0 || !delivery.flushes.is_empty() || !delivery.marks.is_empty() {
            state.events += taken;
            state.bytes += delivery.bytes;
            state.waiting.push_back(delivery);
            self.filled.notify_one();
        }
        wanted - taken
    }

    fn fits(&self, state: &State, events: usize, bytes: usize) -> bool {
        let both = state.events + events <= self.capacity && state.bytes + bytes <= self.bytes_max;
        both || state.events == 0
    }

    fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        wanted: usize,
        bytes: usize,
        patience: Duration,
    ) -> MutexGuard<'a, State> {
        let until = Instant::now().checked_add(patience);
        while !self.fits(&state, wanted, bytes) && !state.closed {
            let left = until.map_or(WAIT_MAX, |u| u.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            let left = left.min(WAIT_MAX);
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// The worker is done with so many of the events that it took, of so many bytes: there is room for others.
    pub(crate) fn finished(&self, events: usize, bytes: usize) {
        let mut state = self.lock();
        state.events -= events;
        state.bytes -= bytes;
        self.emptied.notify_all();
    }

    /// Waits for work, at most until `until` where one is given.
    pub(crate) fn take(&self, until: Option<Instant>) -> Next {
        let mut state = self.lock();
        loop {
            if !state.waiting.is_empty() {
                return Next::Work(state.waiting.drain(..).collect());
            }
            if state.closed {
                return Next::Closed;
            }
            state = match until {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Next::Idle;
                    }
                    self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Takes no more; what is waiting is still given out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    /// Closes and throws away what is waiting; answers how many events that were.
    pub(crate) fn abandon(&self) -> usize {
        let mut state = self.lock();
        (state.closed, state.abandoned) = (true, true);
        let lost = state.waiting.iter().map(|delivery| delivery.events.len()).sum();
        state.events -= lost;
        state.bytes -= state.waiting.iter().map(|delivery| delivery.bytes).sum::<usize>();
        for delivery in state.waiting.drain(..) {
            delivery.confirms.iter().for_each(|c| c.fail("closed", None));
            delivery.flushes.iter().for_each(|f| f.fail("closed", None));
        }
        self.filled.notify_all();
        self.emptied.notify_all();
        lost
    }

    /// Whether what was waiting was thrown away.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Whether the queue was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{self, EventId, InstanceId, Timestamp};

    fn delivery(events: usize) -> Delivery {
        let id = EventId::new(InstanceId::random(), 1, 1);
        let draft = event::authentication("login");
        let one =
            draft.as_ref().clone().into_event(id, Timestamp::from_nanos(0)).expect("a plain event is valid");
        let one = Arc::new(one);
        Delivery { events: Arc::new(vec![one; events]), ..Delivery::default() }
    }

    fn taken(queue: &Queue) -> usize {
        match queue.take(Some(Instant::now())) {
            Next::Work(work) => work.iter().map(|delivery| delivery.events.len()).sum(),
            _ => 0,
        }
    }

    #[test]
    fn what_the_worker_has_in_hand_takes_room_until_it_is_done_with_it() {
        let queue = Queue::new(100, usize::MAX);
        assert_eq!(queue.push(delivery(90), Duration::ZERO), 0);
        assert_eq!(taken(&queue), 90);
        assert_eq!(queue.push(delivery(30), Duration::ZERO), 20, "10 fit beside the 90 in hand");
        assert_eq!(queue.abandon(), 10, "what is in hand is the worker's to count");
        queue.finished(90, 0);
        assert_eq!(queue.push(delivery(1), Duration::ZERO), 1, "closed");
    }

    #[test]
    fn large_events_fill_a_queue_by_their_bytes() {
        let queue = Queue::new(1000, 10_000);
        let large = |bytes| Delivery { bytes, ..delivery(10) };
        assert_eq!(queue.push(large(9_000), Duration::ZERO), 0);
        assert_eq!(queue.push(large(2_000), Duration::ZERO), 5, "half of them fit");
        assert_eq!(queue.push(large(1_000), Duration::ZERO), 10, "now it is full");
        assert_eq!(taken(&queue), 15);
        queue.finished(10, 9_000);
        assert_eq!(queue.push(large(9_000), Duration::ZERO), 0);
        queue.finished(5, 1_000);
        assert_eq!(queue.abandon(), 10);
        let empty = Queue::new(1000, 10_000);
        assert_eq!(empty.push(large(20_000), Duration::ZERO), 0, "an empty one takes a whole batch");
    }

    #[test]
    fn an_empty_queue_takes_a_whole_batch_and_a_waiting_one_finds_room_when_the_worker_is_done() {
        let queue = Queue::new(64, usize::MAX);
        assert_eq!(queue.push(delivery(512), Duration::ZERO), 0);
        assert_eq!(taken(&queue), 512);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| queue.push(delivery(64), Duration::from_secs(60)));
            queue.finished(512, 0);
            assert_eq!(waits.join().expect("it does not panic"), 0);
        });
    }
}
