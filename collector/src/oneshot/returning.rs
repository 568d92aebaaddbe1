//! A handler lent to a bus: when the bus lets go of it, it comes back with what it has learnt.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use veribus_core::{EventHandler, HandlerError, Interest, VerificationEvent};

/// `H` on its way through a bus.
pub(super) struct Lent<H> {
    handler: Option<H>,
    owner: SyncSender<H>,
    name: String,
}

/// Where the handler comes back to.
#[derive(Debug)]
pub(super) struct Owner<H>(Receiver<H>);

/// Splits `handler` into what a bus gets and where it comes back to.
pub(super) fn lend<H: EventHandler + 'static>(handler: H) -> (Box<dyn EventHandler>, Owner<H>) {
    let (owner, back) = sync_channel(1);
    let name = handler.name().to_owned();
    (Box::new(Lent { handler: Some(handler), owner, name }), Owner(back))
}

impl<H> Owner<H> {
    /// The handler, when the bus has let go of it; `None` if that takes longer than `timeout`.
    pub(super) fn take_back(self, timeout: Duration) -> Option<H> {
        self.0.recv_timeout(timeout).ok()
    }
}

impl<H> Lent<H> {
    fn handler(&mut self) -> &mut H {
        self.handler.as_mut().expect("it is taken out in drop alone")
    }
}

impl<H: EventHandler> EventHandler for Lent<H> {
    fn name(&self) -> &str {
        &self.name
    }

    fn interest(&self) -> Interest {
        self.handler.as_ref().map_or(Interest::all(), EventHandler::interest)
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.handler().handle(batch)
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        self.handler().flush()
    }
}

impl<H> Drop for Lent<H> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            // An owner that is gone no longer asks.
            let _gone = self.owner.try_send(handler);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(usize);

    impl EventHandler for Counter {
        fn name(&self) -> &str {
            "counter"
        }
        fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
            self.0 += batch.len();
            Ok(())
        }
    }

    #[test]
    fn a_lent_handler_comes_back_with_its_state() {
        let (mut lent, owner) = lend(Counter(0));
        assert_eq!(lent.name(), "counter");
        let event = veribus_core::event::authentication("login");
        let event = veribus_core::Draft::from(event)
            .into_event(veribus_core::EventId::from_bits(1), veribus_core::Timestamp::from_seconds(0))
            .unwrap();
        lent.handle(&[Arc::new(event)]).unwrap();
        drop(lent);
        assert_eq!(owner.take_back(Duration::ZERO).unwrap().0, 1);
    }

    #[test]
    fn an_owner_does_not_wait_for_ever() {
        let (_lent, owner) = lend(Counter(0));
        assert!(owner.take_back(Duration::from_millis(1)).is_none());
    }
}
