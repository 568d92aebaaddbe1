//! The way to the one writer: bounded in bytes, refused at the door when full, answered after the commit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use veribus_core::VerificationEvent;

use crate::store::{IncomingBatch, Inserted, PruneLimit, PruneReport, SetAside, Undeliverable};

/// Bytes of bodies that may wait for their commit at once.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Requests that may wait at once.
const QUEUE_JOBS_MAX: usize = 4_096;

/// Work for the writer.
#[derive(Debug)]
pub enum Job {
    /// Events of a sender.
    Batch {
        /// The events.
        batch: IncomingBatch,
        /// Where the answer goes.
        reply: Reply<Vec<Inserted>>,
        /// Held until the answer is out.
        permit: Option<OwnedSemaphorePermit>,
    },
    /// A parcel that cannot be read.
    SetAside {
        /// All that is known of it.
        letter: Undeliverable,
        /// Where the answer goes.
        reply: Reply<SetAside>,
    },
    /// A dead letter whose events are stored now: it goes.
    RemoveLetter {
        /// Its number.
        id: i64,
        /// Where the answer goes: whether it was there.
        reply: Reply<bool>,
    },
    /// An event of the collector itself; the writer gives it its identity.
    Own(Box<VerificationEvent>),
    /// The trail has caught up and nothing else moves its cursor: keep it.
    KeepCursor,
    /// Time has passed: look for gaps.
    Tick,
    /// Retention.
    Prune {
        /// What is to go.
        limit: PruneLimit,
        /// Where the answer goes.
        reply: Reply<PruneReport>,
    },
}

/// Where the writer puts its answer.
pub type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// The writer could not do it; nothing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store could not take it ({code})")]
pub struct Refused {
    /// Code of the store's error.
    pub code: &'static str,
}

/// Why a job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Too much is waiting.
    Full,
    /// The collector is stopping.
    Stopping,
}

/// The sending side, shared by all requests.
#[derive(Debug, Clone)]
pub struct Queue {
    jobs: mpsc::Sender<Job>,
    budget: Arc<Semaphore>,
}

impl Queue {
    /// A queue and the writer's end of it.
    pub fn new() -> (Queue, mpsc::Receiver<Job>) {
        let (jobs, receiver) = mpsc::channel(QUEUE_JOBS_MAX);
        (Queue { jobs, budget: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)) }, receiver)
    }

    /// The bytes that bodies are paid from.
    pub fn budget(&self) -> &Arc<Semaphore> {
        &self.budget
    }

    /// What asks the writer to keep the trail's cursor; it does not keep the writer alive.
    pub fn cursor_keeper(&self) -> impl Fn() + Send + use<> {
        let jobs = self.jobs.downgrade();
        move || {
            if let Some(jobs) = jobs.upgrade() {
                // A full queue means that transactions are coming, and they keep it anyway.
                let _ = jobs.try_send(Job::KeepCursor);
            }
        }
    }

    /// What lets the writer look for gaps from time to time; it does not keep the writer alive. `false`: it is gone.
    pub fn ticker(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let jobs = self.jobs.downgrade();
        move || match jobs.upgrade() {
            // A full queue has other cares; the next tick comes.
            Some(jobs) => jobs.try_send(Job::Tick).is_ok() || !jobs.is_closed(),
            None => false,
        }
    }

    /// Whether the writer is there.
    pub fn is_open(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Bytes that wait now.
    pub fn bytes(&self) -> usize {
        QUEUE_BYTES_MAX - self.budget.available_permits()
    }

    /// Hands a job over, or not at all.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn push(&self, job: Job) -> Result<(), Rejected> {
        self.place().map(|place| place.send(job))
    }

    /// A place for one job.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn place(&self) -> Result<mpsc::Permit<'_, Job>, Rejected> {
        self.jobs.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => Rejected::Full,
            mpsc::error::TrySendError::Closed(()) => Rejected::Stopping,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_whose_writer_is_gone_says_so() {
        let (queue, writer) = Queue::new();
        assert!(queue.is_open());
        drop(writer);
        assert!(!queue.is_open());
    }
}
