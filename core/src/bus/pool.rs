//! Events that every handler is done with are used again: memory that one thread takes and another gives back makes both
//! wait for the allocator.

use std::collections::VecDeque;
use std::sync::Arc;

use super::delivery::Batch;
use crate::event::VerificationEvent;

/// Batches that are watched for their return; of more than these the last handler frees the events.
const HANDED_MAX: usize = 32;
/// Events that wait to be used again.
const SPARE_MAX: usize = 1024;

/// The memory of events that went to handlers: of 1,024 that they are done with at most, until a pass finds nothing to do.
#[derive(Debug, Default)]
pub(super) struct Pool {
    handed: Vec<Batch>,
    /// The oldest go first, so that none stays for long while events come.
    spare: VecDeque<Arc<VerificationEvent>>,
}

impl Pool {
    /// The event, to be shared by handlers.
    pub(super) fn share(&mut self, event: VerificationEvent) -> Arc<VerificationEvent> {
        while let Some(mut shared) = self.spare.pop_front() {
            if let Some(place) = Arc::get_mut(&mut shared) {
                *place = event;
                return shared;
            }
        }
        Arc::new(event)
    }

    /// The batch went to handlers.
    pub(super) fn handed(&mut self, batch: Batch) {
        self.take_back();
        if self.handed.len() < HANDED_MAX {
            self.handed.push(batch);
        }
    }

    /// Nothing is to be done: what came back is given to the system.
    pub(super) fn rest(&mut self) {
        if !self.handed.is_empty() || !self.spare.is_empty() {
            self.take_back();
            self.spare = VecDeque::new();
        }
    }

    fn take_back(&mut self) {
        let mut at = 0;
        while at < self.handed.len() {
            if Arc::strong_count(&self.handed[at]) > 1 {
                at += 1;
                continue;
            }
            if let Ok(events) = Arc::try_unwrap(self.handed.swap_remove(at)) {
                let room = SPARE_MAX - self.spare.len();
                self.spare.extend(events.into_iter().take(room));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{self, EventId, InstanceId, Timestamp};

    fn event(seq: u64) -> VerificationEvent {
        let draft = event::authentication("login");
        let id = EventId::new(InstanceId::random(), 1, seq);
        draft.as_ref().clone().into_event(id, Timestamp::from_nanos(0)).expect("a plain event is valid")
    }

    #[test]
    fn an_event_is_used_again_only_when_no_handler_has_it() {
        let mut pool = Pool::default();
        let batch: Batch = Arc::new(vec![pool.share(event(1)), pool.share(event(2))]);
        let (with_handler, kept) = (batch.clone(), batch[0].clone());
        pool.handed(batch);
        pool.handed(Arc::default());
        assert!(pool.spare.is_empty(), "the handler has the batch");
        drop(with_handler);
        pool.take_back();
        let again = [pool.share(event(3)), pool.share(event(4))];
        assert_eq!(again.each_ref().map(|event| event.id.seq()), [3, 4]);
        assert_eq!(kept.id.seq(), 1, "what a handler kept stays as it was");
    }

    #[test]
    fn nothing_is_kept_at_rest_and_nothing_beyond_the_limits_ever() {
        let mut pool = Pool::default();
        for _ in 0..2 * HANDED_MAX {
            let batch: Batch = Arc::new((0..100).map(|seq| pool.share(event(seq))).collect());
            pool.handed(batch.clone());
        }
        let kept: Vec<Batch> = (0..2 * HANDED_MAX).map(|_| Batch::default()).collect();
        kept.iter().for_each(|batch| pool.handed(batch.clone()));
        assert!(pool.spare.len() <= SPARE_MAX && pool.handed.len() <= HANDED_MAX);
        drop(kept);
        pool.rest();
        assert!(pool.spare.is_empty() && pool.handed.is_empty());
    }
}
