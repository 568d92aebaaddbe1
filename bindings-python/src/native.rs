//! A handler of ours on a bus: under the name and with the interest that the caller gave it, also in a forked child.

use std::sync::Arc;
use std::time::{Duration, Instant};

use veribus_core::{Account, EventHandler, HandlerError, HandlerFactory, Interest, VerificationEvent};

/// Makes it again in a forked child.
pub(crate) type Again = Arc<dyn Fn() -> Result<Native, HandlerError> + Send + Sync>;

pub(crate) struct Native {
    inside: Box<dyn EventHandler>,
    name: String,
    interest: Interest,
    again: Option<Again>,
}

impl Native {
    /// A handler as it is.
    pub(crate) fn of(inside: impl EventHandler + 'static) -> Native {
        Native::boxed(Box::new(inside))
    }

    fn boxed(inside: Box<dyn EventHandler>) -> Native {
        let again =
            inside.for_child().map(|child| -> Again { Arc::new(move || Ok(Native::boxed(child()?))) });
        Native { name: inside.name().to_owned(), interest: inside.interest(), inside, again }
    }

    /// A handler whose child's is made by `again`.
    pub(crate) fn made_again_by(inside: impl EventHandler + 'static, again: Again) -> Native {
        Native {
            name: inside.name().to_owned(),
            interest: inside.interest(),
            inside: Box::new(inside),
            again: Some(again),
        }
    }

    /// The same under another name and with another interest, where they are given.
    pub(crate) fn with(mut self, name: Option<&str>, interest: Option<Interest>) -> Native {
        self.name = name.map_or(self.name, str::to_owned);
        self.interest = interest.unwrap_or(self.interest);
        self
    }
}

impl EventHandler for Native {
    fn name(&self) -> &str {
        &self.name
    }

    fn interest(&self) -> Interest {
        self.interest
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.inside.handle(batch)
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        self.inside.flush()
    }

    fn account(&mut self, account: &Account) -> Result<(), HandlerError> {
        self.inside.account(account)
    }

    fn close(&mut self, deadline: Instant) -> u64 {
        self.inside.close(deadline)
    }

    fn flush_every(&self) -> Option<Duration> {
        self.inside.flush_every()
    }

    fn durable(&self) -> bool {
        self.inside.durable()
    }

    fn for_child(&self) -> Option<HandlerFactory> {
        let (again, name, interest) = (self.again.clone()?, self.name.clone(), self.interest);
        Some(Box::new(move || Ok(Box::new(again()?.with(Some(&name), Some(interest))))))
    }
}
