//! An event on its way to durable handlers: waited for, or heard of.

use std::sync::Arc;
use std::time::Duration;

use super::ConfirmError;
use super::confirm::{Confirm, NotDurable};
use crate::event::EventId;

/// An event that was taken and is not known to be durable yet; made by
/// [`VerificationEventBus::publish_confirming`](crate::VerificationEventBus::publish_confirming).
#[derive(Debug)]
#[must_use = "it is waited for, or heard of"]
pub struct Confirming {
    id: EventId,
    confirm: Arc<Confirm>,
}

impl Confirming {
    pub(super) fn new(id: EventId, confirm: Arc<Confirm>) -> Self {
        Confirming { id, confirm }
    }

    /// The event's identity.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// Waits at most `deadline` until every durable handler that wants the event has synced it.
    ///
    /// # Errors
    /// [`ConfirmError::NotDurable`] or [`ConfirmError::TimedOut`].
    pub fn wait(self, deadline: Duration) -> Result<EventId, ConfirmError> {
        let id = self.id;
        match self.confirm.wait(deadline) {
            Some(answer) => answered(id, answer),
            None => Err(ConfirmError::TimedOut { id, deadline }),
        }
    }

    /// Calls `told` once, on the thread that knows it, when the event is durable or cannot be. For callers that may
    /// not wait: an event loop. `told` must not block.
    pub fn then(self, told: impl FnOnce(Result<EventId, ConfirmError>) + Send + 'static) {
        let id = self.id;
        self.confirm.then(move |answer| told(answered(id, answer)));
    }
}

fn answered(id: EventId, answer: Result<(), NotDurable>) -> Result<EventId, ConfirmError> {
    match answer {
        Ok(()) => Ok(id),
        Err(failure) => {
            Err(ConfirmError::NotDurable { id, handler: failure.handler, source: failure.source })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn confirming() -> (Confirming, Arc<Confirm>) {
        let confirm = Arc::new(Confirm::default());
        (Confirming::new(EventId::from_bits(7), confirm.clone()), confirm)
    }

    #[test]
    fn whoever_listens_is_told_once_whether_the_answer_was_there_or_comes() {
        let (told, heard) = mpsc::channel();
        for early in [true, false] {
            let (confirming, confirm) = confirming();
            confirm.expect(1);
            if early {
                confirm.done();
            }
            let told = told.clone();
            confirming.then(move |answer| told.send(answer.is_ok()).expect("the test listens"));
            confirm.done();
            confirm.fail("late", None);
            assert_eq!(heard.try_iter().collect::<Vec<_>>(), [true]);
        }
    }

    #[test]
    fn a_failure_is_told_with_the_name_of_the_handler() {
        let (confirming, confirm) = confirming();
        let (told, heard) = mpsc::channel();
        confirming.then(move |answer| told.send(answer).expect("the test listens"));
        confirm.expect(2);
        confirm.fail("audit", None);
        let answer = heard.try_recv().expect("told");
        assert!(matches!(answer, Err(ConfirmError::NotDurable { handler, .. }) if handler == "audit"));
    }
}
