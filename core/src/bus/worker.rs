//! One handler's loop, on its own thread: fenced, counted, retried, quarantined.
//!
//! - `Ok`: handled. A failure in between resets nothing, a success ends a row of failures.
//! - [`HandlerError::Retry`]: the rest is kept and given again, after 10 ms doubling to a second, in quarantine after
//!   one second doubling to a minute; meanwhile the queue fills under its own rule. Nothing is lost by waiting.
//! - [`HandlerError::Permanent`]: the batch is `lost(handler_failed)`.
//! - panic: the batch is given again event by event; the events that panic once more are `lost(handler_failed)`.
//!
//! Five failures in a row put the handler into quarantine. What then arrives is `lost(handler_quarantined)` until the
//! next probe is due.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::confirm::Confirm;
use super::delivery::{Delivery, Next};
use super::engine::Engine;
use super::health::HandlerState;
use super::slot::Slot;
use crate::event::VerificationEvent;
use crate::handler::{EventHandler, HandlerError};
use crate::loss::LossReason;

/// Failures in a row that put a handler into quarantine.
const FAILURES_MAX: u32 = 5;
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
const PROBE_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long a close may have to wait for a worker that pauses.
const PAUSE_SLICE: Duration = Duration::from_millis(20);

/// Starts the thread of a handler.
pub(crate) fn start(
    engine: Arc<Engine>,
    slot: Arc<Slot>,
    handler: Box<dyn EventHandler>,
) -> std::io::Result<()> {
    let name = format!("veribus-{}", slot.name);
    let run = move || {
        let ended = slot.clone();
        let worker = Worker { engine, slot, handler, failures: 0, probe_at: None, dirty_since: None };
        if let Err(text) = fence(|| worker.run()) {
            // Only the handler's own `flush_every` is called outside of a nearer fence.
            ended.count_failure(true, text);
            ended.count_lost(LossReason::HandlerFailed, ended.queue.abandon());
        }
        ended.set_state(HandlerState::Stopped);
        ended.ended.done();
    };
    thread::Builder::new().name(name).spawn(run).map(drop)
}

struct Worker {
    engine: Arc<Engine>,
    slot: Arc<Slot>,
    handler: Box<dyn EventHandler>,
    /// Failures in a row.
    failures: u32,
    /// In quarantine: when the next batch is tried.
    probe_at: Option<Instant>,
    /// Since when something waits for a flush.
    dirty_since: Option<Instant>,
}

/// What a handler answered, with its error already in words: the error's own code ran inside the fence.
enum Answer {
    Handled,
    Retry { done: usize, text: String },
    GivenUp(String),
    Panicked(String),
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.slot.queue.take(self.flush_due()) {
                Next::Work(deliveries) => self.work(deliveries),
                Next::Idle => drop(self.flush()),
                Next::Closed => break,
            }
        }
        self.account();
        if self.dirty_since.is_some() {
            // Its failure was counted; at the end nobody is left to ask again.
            drop(self.flush());
        }
        let Worker { engine, slot, mut handler, .. } = self;
        if let Some(deadline) = slot.close_by.get() {
            match fence(|| engine.inside_handler(0, || handler.close(*deadline))) {
                Ok(events) => slot.spooled.store(events, Ordering::Release),
                Err(text) => slot.count_failure(true, text),
            }
        }
        // A handler that panics while it is dropped must not take the process or the report with it.
        if let Err(text) = fence(|| engine.inside_handler(0, || drop(handler))) {
            slot.count_failure(true, text);
        }
    }

    /// Tells the handler what it was not told yet; what it fails on it is told again with the next.
    fn account(&mut self) {
        let Some(account) = self.slot.take_account(self.engine.instance()) else { return };
        let begun = Instant::now();
        let (handler, engine) = (&mut self.handler, &self.engine);
        let told = fence(|| engine.inside_handler(0, || handler.account(&account).map_err(|e| describe(&e))));
        match told {
            Ok(Ok(())) => {
                self.dirty_since.get_or_insert(begun);
            }
            Ok(Err(text)) => {
                self.slot.count_failure(false, text);
                self.slot.tell(&account.losses, &account.lanes);
            }
            Err(panic) => self.slot.count_failure(true, panic),
        }
    }

    fn flush_due(&self) -> Option<Instant> {
        self.dirty_since?.checked_add(self.handler.flush_every()?)
    }

    fn work(&mut self, deliveries: Vec<Delivery>) {
        let mut waiting: Vec<Arc<Confirm>> = Vec::new();
        for delivery in deliveries {
            self.account();
            if self.deliver(&delivery) {
                waiting.extend(delivery.confirms);
            } else {
                delivery.confirms.iter().for_each(|c| c.fail(&self.slot.name, None));
            }
            self.slot.queue.finished(delivery.events.len(), delivery.bytes);
            if !delivery.marks.is_empty() {
                self.slot.tell(&[], &delivery.marks);
                self.account();
            }
            if !delivery.flushes.is_empty() {
                let flushed = self.flush_and_answer(&mut waiting);
                let answer =
                    |f: &Arc<Confirm>| if flushed { f.done() } else { f.fail(&self.slot.name, None) };
                delivery.flushes.iter().for_each(answer);
            }
        }
        if !waiting.is_empty() {
            self.flush_and_answer(&mut waiting);
        } else if self.flush_due().is_some_and(|due| due <= Instant::now()) {
            drop(self.flush());
        }
    }

    /// Gives one delivery to the handler, in parts and again as its answers ask; whether all of it was taken.
    fn deliver(&mut self, delivery: &Delivery) -> bool {
        let mut rest = &delivery.events[..];
        let mut whole = true;
        while !rest.is_empty() {
            if self.slot.queue.is_abandoned() {
                self.slot.lose(LossReason::CloseDeadline, rest);
                return false;
            }
            if self.must_wait() && self.probe_at.is_some_and(|at| at > Instant::now()) {
                self.slot.lose(LossReason::HandlerQuarantined, rest);
                return false;
            }
            match self.call(rest, delivery.depth) {
                Answer::Handled => {
                    self.succeed(rest.len());
                    return whole;
                }
                Answer::Retry { done, text } => {
                    let done = done.min(rest.len());
                    if done > 0 {
                        self.succeed(done);
                    }
                    rest = &rest[done..];
                    self.fail(false, text);
                    if !rest.is_empty() && !self.pause_before_retry() {
                        self.slot.lose(LossReason::CloseDeadline, rest);
                        return false;
                    }
                }
                Answer::GivenUp(text) => {
                    self.fail(false, text);
                    self.slot.lose(LossReason::HandlerFailed, rest);
                    return false;
                }
                Answer::Panicked(text) if rest.len() == 1 => {
                    self.fail(true, text);
                    self.slot.lose(LossReason::HandlerFailed, rest);
                    return false;
                }
                Answer::Panicked(text) => {
                    self.slot.count_failure(true, text);
                    whole &= self.deliver_singly(rest, delivery.depth);
                    return whole;
                }
            }
        }
        whole
    }

    fn deliver_singly(&mut self, events: &[Arc<VerificationEvent>], depth: u8) -> bool {
        let mut whole = true;
        for event in events {
            let one = Delivery { events: Arc::new(vec![event.clone()]), depth, ..Delivery::default() };
            whole &= self.deliver(&one);
        }
        whole
    }

    fn call(&mut self, events: &[Arc<VerificationEvent>], depth: u8) -> Answer {
        let begun = Instant::now();
        self.dirty_since.get_or_insert(begun);
        let handler = &mut self.handler;
        let engine = &self.engine;
        let answer = fence(|| {
            engine.inside_handler(depth, || match handler.handle(events) {
                Ok(()) => Answer::Handled,
                Err(HandlerError::Retry { done, source }) => Answer::Retry { done, text: describe(&*source) },
                Err(HandlerError::Permanent(source)) => Answer::GivenUp(describe(&*source)),
            })
        });
        self.slot.count_busy(begun.elapsed().as_nanos() as u64);
        answer.unwrap_or_else(Answer::Panicked)
    }

    fn succeed(&mut self, events: usize) {
        self.slot.count_handled(events);
        self.failures = 0;
        if self.probe_at.take().is_some() {
            self.slot.set_state(HandlerState::Running);
        }
    }

    fn must_wait(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    fn fail(&mut self, panicked: bool, error: String) {
        self.slot.count_failure(panicked, error);
        self.failures = self.failures.saturating_add(1);
        if self.must_wait() {
            self.probe_at = Some(Instant::now() + grown(PROBE_PAUSE, self.failures - FAILURES_MAX));
            self.slot.set_state(HandlerState::Quarantined);
        }
    }

    /// Sleeps as long as the row of failures asks; `false` if there is no more time: the queue was abandoned, or was
    /// closed and the handler is in quarantine.
    fn pause_before_retry(&mut self) -> bool {
        let pause = match self.probe_at {
            Some(at) => at.saturating_duration_since(Instant::now()),
            None => grown(RETRY_PAUSE, self.failures.saturating_sub(1)),
        };
        let until = Instant::now() + pause;
        while Instant::now() < until {
            let queue = &self.slot.queue;
            if queue.is_abandoned() || (self.must_wait() && queue.is_closed()) {
                return false;
            }
            thread::sleep(PAUSE_SLICE.min(until.saturating_duration_since(Instant::now())));
        }
        true
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        let handler = &mut self.handler;
        let engine = &self.engine;
        let flushed =
            fence(|| engine.inside_handler(0, || handler.flush().map_err(|error| (describe(&error), error))));
        let (panicked, text, error) = match flushed {
            Ok(Ok(())) => {
                self.dirty_since = None;
                return Ok(());
            }
            Ok(Err((text, error))) => (false, text, error),
            Err(text) => (true, text.clone(), HandlerError::permanent(text)),
        };
        self.slot.count_failure(panicked, text);
        self.dirty_since = Some(Instant::now());
        Err(error)
    }

    /// Flushes and tells those who wait; the first of them is told why it failed. Whether it did not.
    fn flush_and_answer(&mut self, waiting: &mut Vec<Arc<Confirm>>) -> bool {
        let mut failure = self.flush().err().map(Some);
        for confirm in waiting.drain(..) {
            match &mut failure {
                None => confirm.done(),
                Some(error) => confirm.fail(&self.slot.name, error.take()),
            }
        }
        failure.is_none()
    }
}

/// Runs the handler's code; a panic, even one in the drop of what was thrown, ends here as its text.
pub(super) fn fence<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| {
        let text = panic_text(panic.as_ref());
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            std::mem::forget(again);
        }
        text
    })
}

fn grown((least, most): (Duration, Duration), times: u32) -> Duration {
    least.saturating_mul(1 << times.min(16)).min(most)
}

fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    said.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".into())
}
