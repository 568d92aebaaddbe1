//! One `publish_confirmed` waiting for its event to become durable, and one `flush` waiting for everybody.

use std::fmt;
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
    /// Who wants to be told instead of waiting.
    told: Option<Told>,
}

impl State {
    /// The answer, once there is one; a failure is taken out.
    fn answer(&mut self) -> Option<Result<(), NotDurable>> {
        match self.failure.take() {
            Some(failure) => Some(Err(failure)),
            None => (self.missing == Some(0)).then_some(Ok(())),
        }
    }
}

struct Told(Box<dyn FnOnce(Result<(), NotDurable>) + Send>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
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
        self.change(|state| state.missing = Some(answers));
    }

    /// One handler has done it.
    pub(crate) fn done(&self) {
        self.change(|state| state.missing = state.missing.map(|n| n.saturating_sub(1)));
    }

    /// One handler cannot do it.
    pub(crate) fn fail(&self, handler: &str, source: Option<HandlerError>) {
        self.change(|state| {
            state.missing = state.missing.map(|n| n.saturating_sub(1));
            state.failure.get_or_insert(NotDurable { handler: handler.to_owned(), source });
        });
    }

    /// Changes the state and answers whoever waits; who is told is told without the lock.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        self.answered.notify_all();
        self.tell(state);
    }

    fn tell(&self, mut state: MutexGuard<'_, State>) {
        if state.told.is_none() {
            return;
        }
        let Some(answer) = state.answer() else { return };
        let told = state.told.take();
        drop(state);
        if let Some(told) = told {
            (told.0)(answer);
        }
    }

    /// Calls `told` once with the answer, on the thread that gives it; at once if it is there.
    pub(crate) fn then(&self, told: impl FnOnce(Result<(), NotDurable>) + Send + 'static) {
        let mut state = self.lock();
        state.told = Some(Told(Box::new(told)));
        self.tell(state);
    }

    /// Waits for all answers or the first failure; `None` if `timeout` passed before.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<Result<(), NotDurable>> {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.lock();
        loop {
            if let Some(answer) = state.answer() {
                return Some(answer);
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
