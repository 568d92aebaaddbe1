//! Handlers that misbehave on purpose, each in one way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use veribus_core::{EventHandler, HandlerError, VerificationEvent};

/// Holds a [`Blocking`] handler until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everything through from now on.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.0.1.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Blocks in its first batch until its [`Gate`] opens.
#[derive(Debug, Default)]
pub struct Blocking {
    gate: Gate,
}

impl Blocking {
    /// A handler and what holds it.
    pub fn new() -> (Self, Gate) {
        let gate = Gate::default();
        (Blocking { gate: gate.clone() }, gate)
    }
}

impl EventHandler for Blocking {
    fn name(&self) -> &str {
        "blocking"
    }

    fn handle(&mut self, _batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.gate.pass();
        Ok(())
    }
}

/// Panics on every event whose action is `boom`; counts the others.
#[derive(Debug, Default)]
pub struct Panicking {
    taken: Arc<AtomicU64>,
}

impl Panicking {
    /// A handler, and the count of events on which it did not panic.
    pub fn new() -> (Self, Arc<AtomicU64>) {
        let taken = Arc::<AtomicU64>::default();
        (Panicking { taken: taken.clone() }, taken)
    }
}

impl EventHandler for Panicking {
    fn name(&self) -> &str {
        "panicking"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        assert!(batch.iter().all(|event| event.action != "boom"), "boom");
        self.taken.fetch_add(batch.len() as u64, Ordering::SeqCst);
        Ok(())
    }
}

/// Fails as its closure says, a number of times, and succeeds after.
pub struct Failing<F> {
    failures_left: u64,
    fail: F,
    taken: Arc<AtomicU64>,
}

impl<F: FnMut(usize) -> HandlerError + Send> Failing<F> {
    /// Fails `failures` times with what `fail` makes of the batch's length; counts the events it takes after.
    pub fn new(failures: u64, fail: F) -> (Self, Arc<AtomicU64>) {
        let taken = Arc::<AtomicU64>::default();
        (Failing { failures_left: failures, fail, taken: taken.clone() }, taken)
    }
}

impl<F: FnMut(usize) -> HandlerError + Send> EventHandler for Failing<F> {
    fn name(&self) -> &str {
        "failing"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        if self.failures_left > 0 {
            self.failures_left -= 1;
            return Err((self.fail)(batch.len()));
        }
        self.taken.fetch_add(batch.len() as u64, Ordering::SeqCst);
        Ok(())
    }
}
