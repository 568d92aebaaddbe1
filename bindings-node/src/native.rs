//! A handler of ours on a bus, under the name and with the interest that the caller gave it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use napi_derive::napi;
use veribus_core::{Account, EventHandler, HandlerError, Interest, VerificationEvent};

use crate::error::Result;
use crate::handler::interest;

/// What a caller may say of a handler of ours.
#[napi(object)]
pub struct Said {
    /// Its name in health.
    pub name: Option<String>,
    /// Which families; all if none.
    pub kinds: Option<Vec<String>>,
    /// The least severity, by name or number.
    pub at_least: Option<String>,
}

/// See the module.
pub(crate) struct Native {
    inside: Box<dyn EventHandler>,
    name: String,
    interest: Interest,
}

impl Native {
    pub(crate) fn new(inside: Box<dyn EventHandler>, said: &Said) -> Result<Native> {
        let filters = said.kinds.is_some() || said.at_least.is_some();
        let interest = if filters {
            interest(said.kinds.as_deref(), said.at_least.as_deref())?
        } else {
            inside.interest()
        };
        let name = said.name.clone().unwrap_or_else(|| inside.name().to_owned());
        Ok(Native { inside, name, interest })
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
}
