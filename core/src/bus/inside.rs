//! A handler that works on a thread of another runtime stands at the same place on its bus there.

use std::marker::PhantomData;

use super::thread_lanes::INSIDE;

/// Where a thread stands: in which bus's handler, and how many handlers deep.
///
/// The bus knows its handler threads. A handler that hands its batch to a thread of its own (an interpreter's, a
/// runtime's) takes its place along, so that there too circles are cut and `close` does not wait for itself.
///
/// ```
/// use veribus_core::HandlerPlace;
/// let place = HandlerPlace::here();           // in `handle`
/// std::thread::spawn(move || {
///     let _inside = place.enter();            // publish and close here as the handler itself would
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandlerPlace(Option<(u64, u8)>);

/// This thread stands at a [`HandlerPlace`] as long as this guard lives. Not `Send`.
#[derive(Debug)]
#[must_use = "the place is left where its guard is dropped"]
pub struct InPlace {
    before: Option<(u64, u8)>,
    this_thread: PhantomData<*const ()>,
}

impl HandlerPlace {
    /// Where the calling thread stands; outside of handlers a place too.
    pub fn here() -> Self {
        HandlerPlace(INSIDE.try_with(std::cell::Cell::get).ok().flatten())
    }

    /// Puts the calling thread at this place until the guard is dropped.
    pub fn enter(self) -> InPlace {
        let before = INSIDE.try_with(|inside| inside.replace(self.0)).ok().flatten();
        InPlace { before, this_thread: PhantomData }
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        // An error means a thread without thread-locals: it stands nowhere any more.
        let _ = INSIDE.try_with(|inside| inside.set(self.before));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::*;
    use crate::{EventHandler, HandlerError, LossReason, VerificationEvent, VerificationEventBus, event};

    /// Answers each event with another one, from a thread of its own.
    struct Elsewhere(VerificationEventBus, mpsc::SyncSender<bool>);

    impl EventHandler for Elsewhere {
        fn name(&self) -> &str {
            "elsewhere"
        }

        fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
            let place = HandlerPlace::here();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let _inside = place.enter();
                    for _ in batch {
                        let receipt = self.0.publish(event::security("again"));
                        if !receipt.is_accepted() {
                            let closing = self.0.close(Duration::from_secs(1)).closing_from_handler;
                            self.1.send(closing).expect("the test listens");
                        }
                    }
                });
            });
            Ok(())
        }
    }

    #[test]
    fn a_handler_on_another_thread_is_cut_off_and_closes_like_one_on_its_own() {
        let bus = VerificationEventBus::new(64);
        let (cut, was_cut) = mpsc::sync_channel(1);
        bus.register_handler(Box::new(Elsewhere(bus.clone(), cut)));
        bus.publish(event::security("first"));
        assert_eq!(
            was_cut.recv_timeout(Duration::from_secs(10)),
            Ok(true),
            "the circle ends, close does not wait"
        );
        assert_eq!(bus.health().dropped.get(LossReason::LoopLimit), 1);
    }
}
