//! A JavaScript function or object as a handler of the bus, and the registration of every kind of handler.

use std::panic::resume_unwind;
use std::sync::Arc;

use napi_derive::napi;
use veribus_core::{EventHandler, Family, HandlerError, Interest, Severity, VerificationEvent};

use crate::desk::{Desk, Done};
use crate::environment;
use crate::error::{self, Result, fault};
use crate::event::lines;
use crate::native::{Native, Said};

/// What JavaScript says of a handler of its own.
#[napi(object)]
pub struct Wanted {
    /// Its number at the desk.
    pub number: u32,
    /// Its name in health.
    pub name: String,
    /// Which families; all if none.
    pub kinds: Option<Vec<String>>,
    /// The least severity, by name or number.
    pub at_least: Option<String>,
    /// Whether its flush makes events durable.
    pub durable: bool,
    /// It has a `flush`.
    pub flushes: bool,
}

/// Hands each batch to JavaScript's thread, and its answer to the bus.
struct JsHandler {
    number: u32,
    name: String,
    interest: Interest,
    durable: bool,
    flushes: bool,
    desk: Arc<Desk>,
}

/// A family by name.
pub(crate) fn family(name: &str) -> Result<Family> {
    Family::from_name(name).ok_or_else(|| {
        let known = Family::KNOWN.map(Family::as_str).join(", ");
        let shown: String = name.chars().take(64).collect();
        fault("EVT_KIND_INVALID", format!("kind `{}` is not known; one of {known}", shown.escape_debug()))
    })
}

/// A severity by name or number.
pub(crate) fn severity(text: &str) -> Result<Severity> {
    text.parse().map_err(|found| error::event(&found))
}

/// Families and a least severity.
pub(crate) fn interest(kinds: Option<&[String]>, at_least: Option<&str>) -> Result<Interest> {
    let families = match kinds {
        Some(kinds) => {
            let kinds = kinds.iter().map(|kind| family(kind)).collect::<Result<Vec<_>>>()?;
            Interest::families(&kinds)
        }
        None => Interest::all(),
    };
    Ok(match at_least {
        Some(least) => families.at_least(severity(least)?),
        None => families,
    })
}

/// Refuses a name that is taken; a name that nobody asked for gets a number behind it instead.
#[napi]
pub fn require_free_name(bus: u32, name: String) -> Result<()> {
    let taken = environment::bus(bus)?.health().handlers.iter().any(|known| known.name == name);
    if taken {
        let shown: String = name.chars().take(64).collect();
        let message = format!("there is a handler named `{}` on this bus", shown.escape_debug());
        return Err(fault("HND_NAME_TAKEN", message));
    }
    Ok(())
}

/// Names a registered handler on its bus.
#[napi]
pub struct NativeHandlerId(veribus_core::HandlerId);

/// Registers a handler of JavaScript's.
#[napi]
pub fn register_handler(bus: u32, wanted: Wanted, job: u32) -> Result<NativeHandlerId> {
    let desk = environment::here(|environment| environment.desk.clone())?;
    let handler = JsHandler {
        number: wanted.number,
        name: wanted.name,
        interest: interest(wanted.kinds.as_deref(), wanted.at_least.as_deref())?,
        durable: wanted.durable,
        flushes: wanted.flushes,
        desk,
    };
    attach(bus, Box::new(handler), job)
}

/// Registers a handler of ours as the caller says, from inside of a job if it is not 0.
pub(crate) fn register(
    bus: u32,
    handler: Box<dyn EventHandler>,
    said: &Said,
    job: u32,
) -> Result<NativeHandlerId> {
    attach(bus, Box::new(Native::new(handler, said)?), job)
}

fn attach(bus: u32, handler: Box<dyn EventHandler>, job: u32) -> Result<NativeHandlerId> {
    let bus = environment::bus(bus)?;
    let desk = environment::here(|environment| environment.desk.clone())?;
    let _inside = desk.at(job);
    Ok(NativeHandlerId(bus.register_handler(handler)))
}

/// Takes a handler out after it was given what was published so far; whether it was there.
#[napi]
pub fn unregister_handler(bus: u32, handler: &NativeHandlerId, job: u32) -> Result<bool> {
    let bus = environment::bus(bus)?;
    let desk = environment::here(|environment| environment.desk.clone())?;
    let _inside = desk.at(job);
    Ok(bus.unregister_handler(handler.0))
}

impl EventHandler for JsHandler {
    fn name(&self) -> &str {
        &self.name
    }

    fn interest(&self) -> Interest {
        self.interest
    }

    /// A throw or rejection is to the bus what a panic is: the batch is given again, event by event.
    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        match self.desk.ask(self.number, "events", lines(batch)) {
            Done::Fine => Ok(()),
            Done::Retry(done, text) => Err(HandlerError::retry(done, text)),
            Done::Threw(text) => resume_unwind(Box::new(text)),
            Done::Gone(text) => Err(HandlerError::permanent(text)),
        }
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        if !self.flushes {
            return Ok(());
        }
        match self.desk.ask(self.number, "flush", String::new()) {
            Done::Fine => Ok(()),
            Done::Retry(_, text) | Done::Threw(text) => Err(HandlerError::retry(0, text)),
            Done::Gone(text) => Err(HandlerError::permanent(text)),
        }
    }

    fn flush_every(&self) -> Option<std::time::Duration> {
        self.flushes.then_some(std::time::Duration::from_secs(1))
    }

    fn durable(&self) -> bool {
        self.durable
    }
}

/// The last that JavaScript hears of its handler.
impl Drop for JsHandler {
    fn drop(&mut self) {
        let _counted_by_nobody = self.desk.ask(self.number, "close", String::new());
    }
}
