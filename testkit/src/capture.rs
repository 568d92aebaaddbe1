//! Keeps every event it is given, for a test to look at.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use veribus_core::{EventHandler, HandlerError, Interest, VerificationEvent};

/// The events that a [`CaptureHandler`] was given; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<(Mutex<Vec<Arc<VerificationEvent>>>, Condvar)>);

impl Captured {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<VerificationEvent>>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in the order in which they came.
    pub fn events(&self) -> Vec<Arc<VerificationEvent>> {
        self.lock().clone()
    }

    /// Waits until there are `events` of them; whether that came to pass within `timeout`.
    pub fn wait_for(&self, events: usize, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut captured = self.lock();
        while captured.len() < events {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            captured = self.0.1.wait_timeout(captured, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// A handler that keeps what it is given. Survives a fork: the child begins with nothing captured.
#[derive(Debug, Clone)]
pub struct CaptureHandler {
    name: String,
    interest: Interest,
    durable: bool,
    captured: Captured,
}

impl CaptureHandler {
    /// A handler of this name, and what it will have captured.
    pub fn new(name: &str) -> (Self, Captured) {
        let captured = Captured::default();
        let name = name.to_owned();
        (
            CaptureHandler { name, interest: Interest::all(), durable: false, captured: captured.clone() },
            captured,
        )
    }

    /// Takes only these.
    pub fn interested_in(mut self, interest: Interest) -> Self {
        self.interest = interest;
        self
    }

    /// Says of itself that a flush makes durable.
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }
}

impl EventHandler for CaptureHandler {
    fn name(&self) -> &str {
        &self.name
    }

    fn interest(&self) -> Interest {
        self.interest
    }

    fn durable(&self) -> bool {
        self.durable
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.captured.lock().extend_from_slice(batch);
        self.captured.0.1.notify_all();
        Ok(())
    }
}
