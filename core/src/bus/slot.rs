//! One handler's place on the bus: its queue, its counts, its state. Outlives the handler.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::HandlerId;
use super::book::Book;
use super::confirm::Confirm;
use super::delivery::{Delivery, Queue};
use super::health::{HandlerHealth, HandlerState};
use super::since::Since;
use crate::account::{Account, LaneMark, LossRecord};
use crate::event::{InstanceId, Timestamp, VerificationEvent};
use crate::handler::Interest;
use crate::loss::{LossReason, Losses};

/// What the dispatcher, the worker and the ledger share about one handler.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: HandlerId,
    pub(crate) name: String,
    pub(crate) interest: Interest,
    pub(crate) durable: bool,
    pub(crate) queue: Queue,
    /// A forked child could not make it again: all its events are lost for this reason.
    pub(crate) missing: Option<LossReason>,
    /// Answered when the worker has ended and the handler is dropped.
    pub(crate) ended: Confirm,
    /// When whoever closes the bus stops waiting for it.
    pub(crate) close_by: OnceLock<Instant>,
    /// Events that it left on disk when it was closed.
    pub(crate) spooled: AtomicU64,
    since: Since,
    filtered: AtomicU64,
    handled: AtomicU64,
    lost: [AtomicU64; LossReason::COUNT],
    failures: AtomicU64,
    panics: AtomicU64,
    busy_nanos: AtomicU64,
    state: AtomicU8,
    last_error: Mutex<Option<String>>,
    /// What its handler has not been told yet.
    book: Mutex<Book>,
    has_account: AtomicBool,
}

impl Slot {
    pub(crate) fn new(
        id: HandlerId,
        name: String,
        interest: Interest,
        durable: bool,
        queue: Queue,
        missing: Option<LossReason>,
    ) -> Self {
        let ended = Confirm::default();
        ended.expect(usize::from(missing.is_none()));
        Slot {
            id,
            name,
            interest,
            durable,
            queue,
            missing,
            ended,
            close_by: OnceLock::new(),
            spooled: AtomicU64::new(0),
            since: Since::default(),
            filtered: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            lost: Default::default(),
            failures: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
            state: AtomicU8::new(if missing.is_some() { 2 } else { 0 }),
            last_error: Mutex::new(None),
            book: Mutex::default(),
            has_account: AtomicBool::new(false),
        }
    }

    /// The system had no thread for its worker: what it is given is lost as if its worker had ended.
    pub(crate) fn stop_without_worker(&self) {
        self.queue.close();
        self.set_state(HandlerState::Stopped);
        self.count_failure(false, "the system has no thread for this handler".into());
        self.ended.done();
    }

    /// From here on events are this handler's; `dispatched` went before.
    pub(crate) fn attach(&self, dispatched: u64) {
        self.since.attach(dispatched);
    }

    /// Whether it wants this event.
    #[inline]
    pub(crate) fn wants(&self, event: &VerificationEvent) -> bool {
        self.interest.matches(event.family(), event.severity)
    }

    pub(crate) fn count_filtered(&self, events: usize) {
        self.filtered.fetch_add(events as u64, Ordering::Release);
    }

    pub(crate) fn count_handled(&self, events: usize) {
        self.handled.fetch_add(events as u64, Ordering::Release);
    }

    pub(crate) fn count_lost(&self, reason: LossReason, events: usize) {
        self.lost[reason as usize].fetch_add(events as u64, Ordering::Release);
    }

    /// Counts events that it will never take, and writes down which.
    pub(crate) fn lose(&self, reason: LossReason, events: &[Arc<VerificationEvent>]) {
        self.count_lost(reason, events.len());
        self.book().lose_events(events, reason, Timestamp::now());
        self.has_account.store(true, Ordering::Release);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what its handler is told next.
    pub(crate) fn tell(&self, losses: &[LossRecord], lanes: &[LaneMark]) {
        self.book().extend(losses, lanes);
        self.has_account.store(true, Ordering::Release);
    }

    /// What its handler has not been told yet.
    pub(crate) fn take_account(&self, instance: InstanceId) -> Option<Account> {
        self.has_account.swap(false, Ordering::Acquire).then(|| self.book().take(instance))
    }

    pub(crate) fn count_failure(&self, panicked: bool, error: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.panics.fetch_add(u64::from(panicked), Ordering::Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn count_busy(&self, nanos: u64) {
        self.busy_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn set_state(&self, state: HandlerState) {
        self.state.store(state as u8, Ordering::Release);
    }

    pub(crate) fn state(&self) -> HandlerState {
        match self.state.load(Ordering::Acquire) {
            0 => HandlerState::Running,
            1 => HandlerState::Quarantined,
            _ => HandlerState::Stopped,
        }
    }

    /// Puts a delivery into the queue and counts what finds no room.
    pub(crate) fn push(&self, delivery: Delivery, patience: std::time::Duration) {
        if let Some(reason) = self.missing {
            self.count_lost(reason, delivery.events.len());
            delivery.flushes.iter().for_each(|f| f.done());
            return; // nobody is there to be told
        }
        let events = delivery.events.clone();
        let lost = self.queue.push(delivery, patience);
        if lost > 0 {
            let closed = self.queue.is_closed();
            let reason = if closed { LossReason::CloseDeadline } else { LossReason::QueueFull };
            self.lose(reason, &events[events.len() - lost..]);
        }
    }

    /// What it lost so far.
    pub(crate) fn losses(&self) -> Losses {
        let mut losses = Losses::default();
        for (reason, count) in LossReason::ALL.into_iter().zip(&self.lost) {
            losses.add(reason, count.load(Ordering::Acquire));
        }
        losses
    }

    /// What it took so far.
    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Acquire)
    }

    /// A snapshot without `accepted` and `queued`: the ledger reads those after, see [`Slot::balance`].
    pub(crate) fn snapshot(&self) -> HandlerHealth {
        HandlerHealth {
            name: self.name.clone(),
            state: self.state(),
            accepted: 0,
            filtered: self.filtered.load(Ordering::Acquire),
            handled: self.handled(),
            lost: self.losses(),
            queued: 0,
            failures: self.failures.load(Ordering::Relaxed),
            panics: self.panics.load(Ordering::Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            busy_seconds: self.busy_nanos.load(Ordering::Relaxed) as f64 / 1e9,
        }
    }

    /// Fills in what the bus accepted for this handler; `accepted` was read after the snapshot was taken, so
    /// that nothing counted in it is missing.
    pub(crate) fn balance(&self, health: &mut HandlerHealth, accepted: u64) {
        let Some(accepted) = self.since.accepted_since(accepted) else { return };
        health.accepted = accepted;
        health.queued =
            health.accepted.saturating_sub(health.filtered + health.handled + health.lost.total());
    }
}
