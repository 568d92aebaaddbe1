//! One `publish_confirmed` waiting for its event to become durable, and one `flush` waiting for everybody.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::handler::HandlerError;

/// A failure of one durable handler: its name, and what it said.
#[derive(Debug)]
pub(crate) struct NotDurable {
    pub(crate) handler: String,
    pub(crate) source: Option<HandlerError>,
}

#[derive(Debug, Default)]
struct State {
    /// Answers still missing; `None` until the dispatcher has counted the handlers.
    missing: Option<usize>,
    /// The first failure; a failure answers the waiter at once.
    failure: Option<NotDurable>,
}

/// Counts the answers of several handlers to one question.
#[derive(Debug, Default)]
pub(crate) struct Confirm {
    state: Mutex<State>,
    answered: Condvar,
}

impl Confirm {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how many handlers will answer.
    pub(crate) fn expect(&self, answers: usize) {
        self.lock().missing = Some(answers);
        self.answered.notify_all();
    }

    /// One handler has done it.
    pub(crate) fn done(&self) {
        let mut state = self.lock();
        state.missing = state.missing.map(|n| n.saturating_sub(1));
        self.answered.notify_all();
    }

    /// One handler cannot do it.
    pub(crate) fn fail(&self, handler: &str, source: Option<HandlerError>) {
        let mut state = self.lock();
        state.missing = state.missing.map(|n| n.saturating_sub(1));
        state.failure.get_or_insert(NotDurable { handler: handler.to_owned(), source });
        self.answered.notify_all();
    }

    /// Waits for all answers or the first failure; `None` if `timeout` passed before.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Result<(), NotDurable>> {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.lock();
        loop {
            if let Some(failure) = state.failure.take() {
                return Some(Err(failure));
            }
            if state.missing == Some(0) {
                return Some(Ok(()));
            }
            let left = until.map_or(Duration::MAX, |u| u.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            let left = left.min(Duration::from_secs(3600));
            state = self.answered.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
