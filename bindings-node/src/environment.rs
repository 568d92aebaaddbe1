//! What one JavaScript thread has: its buses, its stage, its desk. Gone with the thread, and nobody waits for it then.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;

use napi::bindgen_prelude::{Env, Function, Uint8Array};
use napi_derive::napi;
use veribus_core::VerificationEventBus;

use crate::desk::{Desk, Wake};
use crate::error::{Result, fault};
use crate::receipt::Answered;
use crate::stage::Way;

thread_local! {
    static HERE: RefCell<Option<Environment>> = const { RefCell::new(None) };
}

/// The state of one JavaScript thread.
pub(crate) struct Environment {
    stage: Uint8Array,
    pub(crate) desk: Arc<Desk>,
    /// By their numbers; a place that was given up stays empty.
    buses: Vec<Option<Kept>>,
    /// The last receipt that was no number.
    pub(crate) last: Option<Answered>,
}

/// A bus that is let go on another thread: draining it may take a while, and its handlers may need this one.
pub(crate) struct Kept(Option<VerificationEventBus>);

impl Drop for Kept {
    fn drop(&mut self) {
        let bus = self.0.take();
        // Without a thread to spare it drains here.
        let _drained_here = thread::Builder::new().name("veribus-close".into()).spawn(move || drop(bus));
    }
}

fn not_started() -> crate::error::Fault {
    fault("BUG_NOT_STARTED", "the addon was not started on this thread, or the thread is ending")
}

/// Begins on this thread: `stage` is what it publishes through, `wake` is called when there is work at the desk.
#[napi]
pub fn start(env: Env, stage: Uint8Array, wake: Function<'_, (), ()>) -> Result<()> {
    let wake: Wake = wake
        .build_threadsafe_function::<()>()
        .weak::<true>()
        .build()
        .map_err(|found| fault("BUG_NOT_STARTED", found.reason.clone()))?;
    let desk = Arc::new(Desk::new(wake));
    let here = Environment { stage, desk: desk.clone(), buses: Vec::new(), last: None };
    HERE.with_borrow_mut(|place| *place = Some(here));
    env.add_env_cleanup_hook(desk, |desk| {
        desk.leave();
        // Taken out first: what is dropped may ask for it.
        let gone = HERE.try_with(|place| place.borrow_mut().take());
        drop(gone);
    })
    .map_err(|found| fault("BUG_NOT_STARTED", found.reason.clone()))?;
    Ok(())
}

/// Works with this thread's environment.
#[inline]
pub(crate) fn here<R>(with: impl FnOnce(&mut Environment) -> R) -> Result<R> {
    HERE.with_borrow_mut(|place| place.as_mut().map(with)).ok_or_else(not_started)
}

/// Works with the staged bytes.
#[inline]
pub(crate) fn staged<R>(with: impl FnOnce(&[u8]) -> R) -> Result<R> {
    here(|environment| with(&environment.stage))
}

/// The bus that the stage names, the stage, the way that stands on it, and the desk.
#[inline]
pub(crate) fn staged_on<R>(with: impl FnOnce(&VerificationEventBus, &[u8], &Way, &Desk) -> R) -> Result<R> {
    here(|environment| {
        let bytes: &[u8] = &environment.stage;
        let way = Way::of(bytes);
        let bus = environment.buses.get(way.bus as usize).and_then(|kept| kept.as_ref()?.0.as_ref());
        bus.map(|bus| with(bus, bytes, &way, &environment.desk))
    })?
    .ok_or_else(no_bus)
}

fn no_bus() -> crate::error::Fault {
    fault("BUG_NO_BUS", "there is no such bus on this thread")
}

/// The bus of this number, to work with while JavaScript's thread is free or elsewhere.
pub(crate) fn bus(number: u32) -> Result<VerificationEventBus> {
    here(|environment| {
        let kept = environment.buses.get(number as usize).and_then(|kept| kept.as_ref()?.0.as_ref());
        kept.cloned()
    })?
    .ok_or_else(no_bus)
}

/// Keeps a bus and answers its number.
pub(crate) fn keep(bus: VerificationEventBus) -> Result<u32> {
    here(|environment| {
        environment.buses.push(Some(Kept(Some(bus))));
        environment.buses.len() as u32 - 1
    })
}

/// Lets a bus go.
#[napi]
pub fn let_go(bus: u32) -> Result<()> {
    let gone = here(|environment| environment.buses.get_mut(bus as usize).and_then(Option::take))?;
    drop(gone);
    Ok(())
}

/// What the last publish answered that was not a number of 0 or more.
#[napi]
pub fn last_receipt() -> Result<Option<Answered>> {
    here(|environment| environment.last.take())
}
