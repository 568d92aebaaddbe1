//! Where handlers' native threads leave work for a JavaScript thread and wait for its answer.
//!
//! JavaScript runs on its own thread alone: it is woken, fetches one piece of work, does it, and answers, now or when a
//! promise is settled. When the thread leaves, all who wait are told that nobody is there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use veribus_core::{HandlerPlace, InPlace};

use crate::environment;
use crate::error::Result;

/// Calls JavaScript's thread; does not keep its event loop alive.
pub(crate) type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// A piece of work as JavaScript gets it.
#[napi(object)]
pub struct Work {
    /// To be answered under this number; 0 wants no answer.
    pub job: u32,
    /// Which handler, or for `told` which question.
    pub of: u32,
    /// `events`, `alert`, `flush`, `close` or `told`.
    pub what: String,
    /// Events as lines, an alert or an answer as JSON.
    pub text: String,
}

/// How work went.
pub(crate) enum Done {
    Fine,
    /// The handler took so many and asks for the others again.
    Retry(usize, String),
    Threw(String),
    /// Nobody is there to do it.
    Gone(&'static str),
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Work, HandlerPlace)>,
    /// Where the open jobs stand on their buses.
    places: HashMap<u32, HandlerPlace>,
    answers: HashMap<u32, Done>,
    next: u32,
    /// The thread has left, or is leaving and takes no more.
    gone: bool,
    /// Buses that are being closed while the process exits.
    closing: usize,
}

/// See the module.
pub(crate) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    wake: Mutex<Option<Wake>>,
    owner: ThreadId,
}

impl Desk {
    /// The desk of the calling thread.
    pub(crate) fn new(wake: Wake) -> Self {
        Desk {
            state: Mutex::default(),
            changed: Condvar::new(),
            wake: Mutex::new(Some(wake)),
            owner: thread::current().id(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wake) = &*wake else { return };
        if wake.call((), ThreadsafeFunctionCallMode::NonBlocking) == Status::Closing {
            self.lock().gone = true;
            self.changed.notify_all();
        }
    }

    /// Leaves work and waits until it is done.
    pub(crate) fn ask(&self, handler: u32, what: &str, text: String) -> Done {
        if thread::current().id() == self.owner {
            // It would wait for itself; what ends here needs no answer.
            self.tell(handler, what, text);
            return Done::Gone("JavaScript's thread cannot wait for itself");
        }
        let mut state = self.lock();
        state.next = state.next.checked_add(1).unwrap_or(1);
        let job = state.next;
        let work = Work { job, of: handler, what: what.to_owned(), text };
        state.waiting.push_back((work, HandlerPlace::here()));
        self.changed.notify_all();
        drop(state);
        self.ring();
        let mut state = self.lock();
        loop {
            if let Some(done) = state.answers.remove(&job) {
                return done;
            }
            if state.gone {
                return Done::Gone("the JavaScript thread of this handler has ended");
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Leaves a message that wants no answer.
    pub(crate) fn tell(&self, of: u32, what: &str, text: String) {
        let work = Work { job: 0, of, what: what.to_owned(), text };
        let mut state = self.lock();
        if state.gone {
            return;
        }
        state.waiting.push_back((work, HandlerPlace::here()));
        self.changed.notify_all();
        drop(state);
        self.ring();
    }

    fn fetch(state: &mut State) -> Option<Work> {
        let (work, place) = state.waiting.pop_front()?;
        if work.job != 0 {
            state.places.insert(work.job, place);
        }
        Some(work)
    }

    /// Puts the calling thread where an open job stands; nowhere else if there is no such job.
    pub(crate) fn at(&self, job: u32) -> Option<InPlace> {
        if job == 0 {
            return None;
        }
        self.lock().places.get(&job).map(|place| place.enter())
    }

    /// The thread leaves: nobody waits for it any more.
    pub(crate) fn leave(&self) {
        self.lock().gone = true;
        self.changed.notify_all();
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(wake);
    }
}

/// The next piece of work, if there is one.
#[napi]
pub fn fetch() -> Result<Option<Work>> {
    environment::here(|environment| Desk::fetch(&mut environment.desk.lock()))
}

/// Says how a job went: nothing for fine, else what it threw; `done` if the handler asks for the rest again.
#[napi]
pub fn answer(job: u32, threw: Option<String>, done: Option<u32>) -> Result<()> {
    environment::here(|environment| {
        let mut state = environment.desk.lock();
        state.places.remove(&job);
        let answer = match (threw, done) {
            (None, _) => Done::Fine,
            (Some(text), Some(done)) => Done::Retry(done as usize, text),
            (Some(text), None) => Done::Threw(text),
        };
        state.answers.insert(job, answer);
        environment.desk.changed.notify_all();
    })
}

/// Closes buses on another thread while this one, which is about to exit, goes on fetching work by `fetchWithin`.
#[napi]
pub fn close_at_exit(buses: Vec<u32>, timeout_ms: f64) -> Result<()> {
    let until = Instant::now() + crate::bus::deadline(timeout_ms)?;
    let mut open = Vec::new();
    for number in buses {
        open.push(environment::bus(number)?);
    }
    let desk = environment::here(|environment| environment.desk.clone())?;
    desk.lock().closing += 1;
    let ended = desk.clone();
    let spawned = thread::Builder::new().name("veribus-exit".into()).spawn(move || {
        for bus in open {
            bus.close(until.saturating_duration_since(Instant::now()));
        }
        ended.lock().closing -= 1;
        ended.changed.notify_all();
    });
    if spawned.is_err() {
        desk.lock().closing -= 1;
    }
    Ok(())
}

/// The next piece of work while buses close at exit; nothing once they are closed or the time is up.
#[napi]
pub fn fetch_within(timeout_ms: f64) -> Result<Option<Work>> {
    let until = Instant::now() + crate::bus::deadline(timeout_ms)?;
    let desk = environment::here(|environment| environment.desk.clone())?;
    let mut state = desk.lock();
    loop {
        if let Some(work) = Desk::fetch(&mut state) {
            return Ok(Some(work));
        }
        let left = until.saturating_duration_since(Instant::now());
        if state.closing == 0 || left == Duration::ZERO {
            return Ok(None);
        }
        state = desk.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Tells all who wait at this thread's desk that nobody comes any more.
#[napi]
pub fn leave() -> Result<()> {
    environment::here(|environment| environment.desk.clone()).map(|desk| desk.leave())
}
