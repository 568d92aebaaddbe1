//! Stopping: within its deadline, from anywhere, any number of times, with a report of what was left behind.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::confirm::Confirm;
use super::engine::{Command, Engine, lock};
use super::health::CloseReport;
use crate::loss::LossReason;
use crate::ring::barrier;

impl Engine {
    /// Closes once; later and concurrent callers get the same report, or, out of time, what is known so far.
    pub(crate) fn close(&self, deadline: Duration) -> CloseReport {
        let until = Instant::now()
            .checked_add(deadline)
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
        if self.is_handler_thread() {
            let engine = self.share();
            // Without a thread to spare the bus is closed to publishers all the same.
            let spawned = std::thread::Builder::new().spawn(move || drop(engine.close(deadline)));
            if spawned.is_err() {
                self.set_closed();
            }
            return CloseReport { closing_from_handler: true, ..self.report(Vec::new()) };
        }
        let mut closing = lock(&self.closing);
        if closing.begun {
            while closing.report.is_none() && Instant::now() < until {
                let left = until.saturating_duration_since(Instant::now());
                closing =
                    self.close_done.wait_timeout(closing, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            return closing.report.clone().unwrap_or_else(|| self.report(self.unfinished()));
        }
        closing.begun = true;
        drop(closing);
        let report = self.close_now(until);
        lock(&self.closing).report = Some(report.clone());
        self.close_done.notify_all();
        report
    }

    fn close_now(&self, until: Instant) -> CloseReport {
        let left = || until.saturating_duration_since(Instant::now());
        self.set_closed();
        barrier::heavy();
        // Before the dispatcher ends the queues: a worker whose queue has ended asks for the deadline.
        for slot in [lock(&self.slots).clone(), lock(&self.leaving).clone()].iter().flatten() {
            let _closed_once = slot.close_by.set(until);
        }
        while self.somebody_inside() && !left().is_zero() {
            std::thread::sleep(Duration::from_micros(50));
        }
        if self.has_dispatcher() {
            let stopped = Arc::new(Confirm::default());
            stopped.expect(1);
            self.command(Command::Stop(stopped.clone()));
            stopped.wait(left());
        }
        let mut slots = lock(&self.slots).clone();
        slots.extend(lock(&self.leaving).drain(..));
        for slot in &slots {
            let _closed_once = slot.close_by.set(until);
            slot.queue.close();
        }
        let mut unfinished = Vec::new();
        for slot in &slots {
            if slot.ended.wait(left()).is_none() {
                slot.count_lost(LossReason::CloseDeadline, slot.queue.abandon());
                unfinished.push(slot.name.clone());
            }
        }
        CloseReport {
            spooled: slots.iter().map(|slot| slot.spooled.load(Ordering::Acquire)).sum(),
            ..self.report(unfinished)
        }
    }

    fn unfinished(&self) -> Vec<String> {
        let slots = lock(&self.slots).clone();
        slots.iter().filter(|s| s.ended.wait(Duration::ZERO).is_none()).map(|s| s.name.clone()).collect()
    }

    fn report(&self, unfinished: Vec<String>) -> CloseReport {
        let health = self.health();
        let mut dropped = health.dropped;
        for handler in &health.handlers {
            handler.lost.iter().for_each(|(reason, count)| dropped.add(reason, count));
        }
        let delivered = health.handlers.iter().map(|h| h.handled).sum();
        CloseReport { delivered, spooled: 0, dropped, unfinished, closing_from_handler: false }
    }
}
