//! What every request can reach.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, broadcast, watch};
use veribus_core::{Clock, Severity, SystemClock, Timestamp, event};

use super::Counters;
use crate::auth::{AuthError, Authenticator, FailureLimiter};
use crate::data_dir::DataDir;
use crate::ingest::{Job, Queue, RateLimit};
use crate::pipeline::{Commit, NO_IDENTITY, TrailState};
use crate::receive::Reception;

/// Watchers of the live stream at once.
const WATCHERS_MAX: usize = 64;

/// What every request can reach. Dropping it lets the writer come to its end.
#[derive(Debug)]
pub struct State {
    dir: DataDir,
    authenticator: Authenticator,
    failures: Mutex<FailureLimiter>,
    /// The way to the writer.
    pub queue: Queue,
    /// How many events the token may send, if there is a limit.
    pub rate: Option<RateLimit>,
    /// New events as they are committed.
    pub live: broadcast::Sender<Arc<Commit>>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// How far the audit trail is.
    pub audited: Arc<TrailState>,
    /// A place for each watcher of the live stream.
    pub watchers: Arc<Semaphore>,
    /// Brokers that it receives from.
    pub receptions: Vec<Arc<Reception>>,
    /// When it started.
    pub started: Instant,
    stopping: watch::Sender<bool>,
    auth_event_due: AtomicBool,
}

impl State {
    pub(super) fn new(
        dir: DataDir,
        authenticator: Authenticator,
        queue: Queue,
        live: broadcast::Sender<Arc<Commit>>,
        counters: Arc<Counters>,
        audited: Arc<TrailState>,
    ) -> Self {
        State {
            dir,
            authenticator,
            failures: Mutex::default(),
            queue,
            rate: None,
            live,
            counters,
            audited,
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            receptions: Vec::new(),
            started: Instant::now(),
            stopping: watch::Sender::new(false),
            auth_event_due: AtomicBool::new(true),
        }
    }

    /// The data folder.
    pub fn dir(&self) -> &DataDir {
        &self.dir
    }

    /// Tells everything that waits that the collector stops.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether the collector is stopping.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Changes once: when the collector begins to stop.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Lets a request in, or counts it as a failed attempt: each within the limit is stored as an event, the first
    /// beyond it too.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn authenticate(&self, authorization: Option<&[u8]>, address: IpAddr) -> Result<(), AuthError> {
        let Err(error) = self.authenticator.check(authorization) else { return Ok(()) };
        self.counters.auth_failures.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let limited = failures.count(address, SystemClock.steady());
        drop(failures);
        // One event says that the limit was reached; the counter knows the rest.
        if !limited || self.auth_event_due.swap(false, Ordering::Relaxed) {
            self.note_failure(if limited { AuthError::Limited } else { error }, address);
        }
        if !limited {
            self.auth_event_due.store(true, Ordering::Relaxed);
        }
        Err(if limited { AuthError::Limited } else { error })
    }

    fn note_failure(&self, error: AuthError, address: IpAddr) {
        let noted = event::authentication("collector.token")
            .failure()
            .severity(Severity::Medium)
            .method("bearer")
            .reason(error.code())
            .source_ip(address)
            .into_event(NO_IDENTITY, Timestamp::now());
        let event = noted.expect("fixed names and an address are within the limits");
        if self.queue.push(Job::Own(Box::new(event))).is_err() {
            self.counters.own_events_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
