//! The bus of facts: `publish` hands an event over in nanoseconds, each handler gets batches on its own thread.
//!
//! The way of an event: [`lane`] (ring of the publishing thread) → [`dispatcher`] (merge, redact, batch) →
//! [`delivery`] (queue of a handler) → [`worker`] (fence, retry, quarantine). [`engine`] holds what a fork makes anew,
//! [`slot`] what is counted about a handler, [`thread_lanes`] which lane is whose.

mod book;
mod builder;
mod close;
mod confirm;
mod confirming;
mod delivery;
mod dispatcher;
mod engine;
#[cfg(all(test, unix))]
mod fork_tests;
mod health;
mod inside;
mod lane;
mod pool;
mod receipt;
#[cfg(test)]
mod round_trip_tests;
mod since;
mod slot;
mod thread_lanes;
mod verify;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

pub use builder::{BusBuilder, WhenFull};
pub use confirming::Confirming;
pub use health::{BusHealth, CloseReport, HandlerHealth, HandlerState};
pub use inside::{HandlerPlace, InPlace};
pub use receipt::{ConfirmError, Receipt, ReturnReason, Returned};
pub use verify::Verification;

#[cfg(all(test, loom))]
pub(crate) use since::Since;

use confirm::Confirm;
use delivery::Queue;
use engine::{Command, Engine, lock};
use lane::{Ask, Verdict};
use slot::Slot;
use thread_lanes::depth_here;

use crate::event::{Draft, EventId, Family, InstanceId, Name, Severity, Source};
use crate::handler::{EventHandler, HandlerError, HandlerFactory};
use crate::loss::LossReason;
use crate::ring::fork::{self, ForkCell, ForkList};

/// How many handlers deep an event may be published before the circle is cut.
pub(crate) const LOOP_DEPTH_MAX: u8 = 8;
/// What a bus that is dropped without `close` may take to drain.
const DROP_DEADLINE: Duration = Duration::from_millis(500);
/// How long a registration waits for the dispatcher to deliver what came before it.
const ATTACH_DEADLINE: Duration = Duration::from_secs(1);

/// A bounded, non-blocking bus for verification events. Cheap to clone; all clones are one bus.
///
/// The two lines that it all began with:
///
/// ```
/// use veribus_core::{event, EventHandler, HandlerError, VerificationEvent, VerificationEventBus};
/// # struct AuditLogger;
/// # impl AuditLogger { fn new(_path: &str) -> Result<Self, std::io::Error> { Ok(AuditLogger) } }
/// # impl EventHandler for AuditLogger {
/// #     fn name(&self) -> &str { "audit" }
/// #     fn handle(&mut self, _: &[std::sync::Arc<VerificationEvent>]) -> Result<(), HandlerError> { Ok(()) }
/// # }
/// let event_bus = VerificationEventBus::new(1000);
/// event_bus.register_handler(Box::new(AuditLogger::new("audit.log")?));
///
/// event_bus.publish(event::authentication("login").failure().actor("alice"));
/// assert!(event_bus.flush(std::time::Duration::from_secs(1)));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A handler that holds a clone of its bus keeps it alive: close such a bus by [`VerificationEventBus::close`].
#[derive(Clone)]
pub struct VerificationEventBus(Arc<Shared>);

/// Names a registered handler on its bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandlerId(u64);

/// A handler as it was registered: enough to make it again after a fork.
struct Registration {
    id: HandlerId,
    name: String,
    factory: Option<HandlerFactory>,
}

struct Shared {
    engine: ForkCell<Engine>,
    registrations: ForkList<Registration>,
    settings: Arc<BusBuilder>,
    /// The generation whose engine is being built, by which thread, and that engine: a handler's factory may ask
    /// the bus before all of them are made.
    rebuilding: AtomicU32,
    rebuilder: AtomicUsize,
    rebuilt: ForkCell<Engine>,
}

/// A number of the calling thread that no other living thread has.
fn thread_number() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.try_with(|here| std::ptr::from_ref(here).addr()).unwrap_or(0)
}

impl VerificationEventBus {
    /// A bus whose rings hold `capacity` typical events (of 256 bytes), with every default.
    pub fn new(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// The settings.
    pub fn builder() -> BusBuilder {
        BusBuilder::default()
    }

    pub(crate) fn from_builder(settings: BusBuilder) -> Self {
        let settings = Arc::new(settings);
        let engine = Engine::new(settings.clone());
        VerificationEventBus(Arc::new(Shared {
            rebuilding: AtomicU32::new(engine.generation),
            rebuilder: AtomicUsize::new(0),
            rebuilt: ForkCell::new(engine.clone()),
            engine: ForkCell::new(engine),
            registrations: ForkList::new(),
            settings,
        }))
    }

    /// Adds a handler, on a thread of its own, for the events published from now on.
    ///
    /// A name that is taken gets a number behind it (`audit`, `audit-2`). On a closed bus, or where the system has
    /// no thread to spare, the handler is dropped and its place in [`health`](Self::health) says stopped.
    pub fn register_handler(&self, handler: Box<dyn EventHandler>) -> HandlerId {
        let engine = self.0.engine();
        let id = HandlerId(engine.handler_ids.fetch_add(1, Ordering::Relaxed) as u64);
        let (wanted, factory) = (handler.name().to_owned(), handler.for_child());
        let mut name = String::new();
        self.0.registrations.change(|all| {
            // Under the list's lock, so that two who ask at once for one name get two.
            name = engine.free_name(&wanted, all);
            all.push(Arc::new(Registration { id, name: name.clone(), factory }));
        });
        engine.attach(id, name, handler);
        id
    }

    /// Takes a handler out after it was given what was published so far; whether it was there.
    pub fn unregister_handler(&self, id: HandlerId) -> bool {
        let engine = self.0.engine();
        self.0.registrations.change(|all| all.retain(|registration| registration.id != id));
        let found = lock(&engine.slots).iter().any(|slot| slot.id == id);
        if found {
            engine.ask_dispatcher(|done| Command::Detach(id, done));
            engine.let_go(id);
        }
        found
    }

    /// Hands an event over. Never blocks (but see [`WhenFull::Block`]), never panics, never errs.
    ///
    /// An event that no handler is interested in is accepted, counted as filtered, and not looked at any further.
    #[inline(always)]
    pub fn publish<'a>(&self, event: impl AsRef<Draft<'a>>) -> Receipt {
        match self.0.engine().publish_plain(event.as_ref()) {
            Some(id) => Receipt::Accepted(id),
            None => self.publish_rare(event),
        }
    }

    /// Builds and publishes an event of this family and severity if some handler wants such; else it is counted as
    /// filtered, and `build` is not called. For what is rarely wanted: the caller is spared building it, too.
    ///
    /// ```
    /// # use veribus_core::{event, Family, Severity, VerificationEventBus};
    /// # use std::time::Duration;
    /// # let (bus, took) = (VerificationEventBus::new(1000), Duration::from_micros(2));
    /// bus.publish_with(Family::Performance, Severity::Informational, || {
    ///     event::performance("jwt.decode").duration(took)
    /// });
    /// ```
    #[inline(always)]
    pub fn publish_with<'a, E: AsRef<Draft<'a>>>(
        &self,
        family: Family,
        severity: Severity,
        build: impl FnOnce() -> E,
    ) -> Receipt {
        match self.0.engine().spare(family, severity) {
            Some(id) => Receipt::Accepted(id),
            None => self.publish(build()),
        }
    }

    /// The long way of [`VerificationEventBus::publish`]. Takes the event out of its place, which so need not be in
    /// memory for the short way.
    #[cold]
    #[inline(never)]
    fn publish_rare<'a>(&self, event: impl AsRef<Draft<'a>>) -> Receipt {
        self.0.publish(event.as_ref(), &Ask { depth: depth_here(), ..Ask::default() })
    }

    /// As [`publish`](Self::publish), but hands a refused event back, which then takes no sequence number.
    ///
    /// # Errors
    /// [`Returned`], with the event and the reason.
    pub fn try_publish<'a, E: AsRef<Draft<'a>>>(&self, event: E) -> Result<EventId, Returned<E>> {
        let ask = Ask { depth: depth_here(), give_back: true, confirm: None };
        match self.0.publish(event.as_ref(), &ask) {
            Receipt::Accepted(id) => Ok(id),
            Receipt::Dropped { reason, .. } => Err(Returned { event, reason: ReturnReason::Refused(reason) }),
            Receipt::Rejected(error) => Err(Returned { event, reason: ReturnReason::Invalid(error) }),
        }
    }

    /// Publishes, and waits at most `deadline` until every durable handler that wants the event has synced it.
    ///
    /// Many waiting threads share one sync. Inside a handler of the same bus it would wait for itself: use
    /// [`publish`](Self::publish) there.
    ///
    /// # Errors
    /// [`ConfirmError`]: nobody could make it durable, it was not taken, it was not synced, or not in time.
    pub fn publish_confirmed<'a>(
        &self,
        event: impl AsRef<Draft<'a>>,
        deadline: Duration,
    ) -> Result<EventId, ConfirmError> {
        self.publish_confirming(event)?.wait(deadline)
    }

    /// As [`publish_confirmed`](Self::publish_confirmed), without the wait: for callers that may not wait where they
    /// publish.
    ///
    /// # Errors
    /// [`ConfirmError`]: nobody could make it durable, or it was not taken.
    pub fn publish_confirming<'a>(&self, event: impl AsRef<Draft<'a>>) -> Result<Confirming, ConfirmError> {
        let draft = event.as_ref();
        let engine = self.0.engine();
        let wanted =
            |slot: &Arc<Slot>| slot.durable && slot.interest.matches(draft.family(), draft.severity());
        if !lock(&engine.slots).iter().any(wanted) {
            return Err(ConfirmError::NoDurableHandler);
        }
        let confirm = Arc::new(Confirm::default());
        let ask = Ask { depth: depth_here(), give_back: false, confirm: Some(confirm.clone()) };
        match self.0.publish(draft, &ask) {
            Receipt::Accepted(id) => Ok(Confirming::new(id, confirm)),
            Receipt::Dropped { reason, .. } => Err(ConfirmError::Dropped(reason)),
            Receipt::Rejected(error) => Err(ConfirmError::Rejected(error)),
        }
    }

    /// Begins a verification that times and records itself; see [`Verification`].
    #[inline]
    pub fn verify<'a>(&'a self, action: impl Into<Name<'a>>) -> Verification<'a> {
        Verification::new(self, action.into())
    }

    /// The ledger now.
    pub fn health(&self) -> BusHealth {
        self.0.engine().health()
    }

    /// Waits at most `timeout` until all that was published before is handled and flushed; whether it was.
    pub fn flush(&self, timeout: Duration) -> bool {
        let engine = self.0.engine();
        if engine.is_closed() {
            return true;
        }
        let done = Arc::new(Confirm::default());
        engine.command(Command::Flush(done.clone()));
        matches!(done.wait(timeout), Some(Ok(())))
    }

    /// Stops the bus: takes no more, drains, flushes, drops the handlers, and says what it left behind.
    ///
    /// Returns within `deadline`; may be called from anywhere and any number of times, with one report for all.
    /// From inside a handler it closes in the background and answers
    /// [`closing_from_handler`](CloseReport::closing_from_handler).
    pub fn close(&self, deadline: Duration) -> CloseReport {
        self.0.engine().close(deadline)
    }

    /// The instance that gives events their identity; another one after a fork.
    pub fn instance(&self) -> InstanceId {
        self.0.engine().instance()
    }

    /// Who sends, as the builder was told.
    pub fn source(&self) -> &Source {
        &self.0.settings.source
    }
}

impl fmt::Debug for VerificationEventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationEventBus")
            .field("source", &self.0.settings.source)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn publish(&self, draft: &Draft<'_>, ask: &Ask) -> Receipt {
        match self.engine().publish(draft, ask) {
            Verdict::Accepted(id) => Receipt::Accepted(id),
            Verdict::Dropped(id, reason) => Receipt::Dropped { id: Some(id), reason },
            Verdict::Returned(reason) => Receipt::Dropped { id: None, reason },
            Verdict::Rejected(error) => Receipt::Rejected(Box::new(error)),
            Verdict::Full => unreachable!("the engine answers a full ring by its settings"),
        }
    }

    /// The engine of this process: after a fork the child makes its own.
    #[inline]
    fn engine(&self) -> &Engine {
        let engine = self.engine.get();
        if engine.generation == fork::generation() { engine } else { self.after_fork() }
    }

    #[cold]
    fn after_fork(&self) -> &Engine {
        let (now, old) = (fork::generation(), self.engine.get().generation);
        let first = self.rebuilding.compare_exchange(old, now, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if first {
            let engine = Engine::new(self.settings.clone());
            self.rebuilt.replace_and_leak(engine.clone());
            self.rebuilder.store(thread_number(), Ordering::Release);
            for registration in self.registrations.snapshot() {
                engine.attach_in_child(&registration);
            }
            self.rebuilder.store(0, Ordering::Release);
            self.engine.replace_and_leak(engine);
        } else if self.rebuilt.get().generation == now
            && self.rebuilder.load(Ordering::Acquire) == thread_number()
        {
            return self.rebuilt.get();
        }
        while self.engine.get().generation != now {
            std::thread::yield_now();
        }
        self.engine.get()
    }
}

/// A bus dropped without `close` drains briefly; in a forked child the parent's bus is left alone.
impl Drop for Shared {
    fn drop(&mut self) {
        let engine = self.engine.get();
        if engine.generation == fork::generation() {
            engine.close(DROP_DEADLINE);
        } else {
            self.engine.leak();
            self.rebuilt.leak();
        }
    }
}

impl Engine {
    fn free_name(&self, name: &str, registered: &[Arc<Registration>]) -> String {
        let slots = lock(&self.slots);
        let taken = |name: &str| {
            registered.iter().any(|other| other.name == name) || slots.iter().any(|slot| slot.name == name)
        };
        let numbered = || (2..).map(|n| format!("{name}-{n}")).find(|n| !taken(n)).unwrap_or_default();
        if taken(name) { numbered() } else { name.to_owned() }
    }

    /// Starts a handler's worker and has the dispatcher give it what comes from now on.
    fn attach(&self, id: HandlerId, name: String, handler: Box<dyn EventHandler>) {
        let queue =
            |settings: &BusBuilder| Queue::new(settings.handler_queue_events, settings.handler_queue_bytes);
        let new = |missing| {
            Arc::new(Slot::new(
                id,
                name.clone(),
                handler.interest(),
                handler.durable(),
                queue(&self.settings),
                missing,
            ))
        };
        let mut slot = new(None);
        let closed = self.is_closed();
        if closed {
            slot = new(Some(LossReason::Closed));
            drop(handler);
        } else if worker::start(self.share(), slot.clone(), handler).is_err() {
            slot.stop_without_worker();
        }
        lock(&self.slots).push(slot.clone());
        self.note_interests();
        if self.is_closed() {
            slot.queue.close(); // `close` may have looked before the slot was there
        } else {
            self.ask_dispatcher(|done| Command::Attach(slot, done));
        }
    }

    /// Takes a handler out of the ledger; `close` still waits until it has worked off what it was given.
    fn let_go(&self, id: HandlerId) {
        let mut slots = lock(&self.slots);
        let mut leaving = lock(&self.leaving);
        leaving.retain(|slot| slot.ended.wait(Duration::ZERO).is_none());
        leaving.extend(slots.extract_if(.., |slot| slot.id == id));
        drop((slots, leaving));
        self.note_interests();
    }

    /// Waits until the dispatcher has passed on what came before and obeyed. A handler does not wait: the dispatcher
    /// might be waiting for it.
    fn ask_dispatcher(&self, command: impl FnOnce(Arc<Confirm>) -> Command) {
        let done = Arc::new(Confirm::default());
        done.expect(1);
        self.command(command(done.clone()));
        if !self.is_handler_thread() {
            done.wait(ATTACH_DEADLINE);
        }
    }

    /// Makes a registered handler again in a forked child, or a place that counts what it would have been given.
    fn attach_in_child(&self, registration: &Registration) {
        let made = registration
            .factory
            .as_ref()
            .map(|make| worker::fence(make).unwrap_or_else(|panic| Err(HandlerError::permanent(panic))));
        if let Some(Ok(handler)) = made {
            self.attach(registration.id, registration.name.clone(), handler);
            return;
        }
        let missing = Some(LossReason::NoHandlerAfterFork);
        let interest = crate::handler::Interest::all();
        let slot = Arc::new(Slot::new(
            registration.id,
            registration.name.clone(),
            interest,
            false,
            Queue::new(0, 0),
            missing,
        ));
        if let Some(Err(error)) = made {
            slot.count_failure(false, error.to_string());
        }
        lock(&self.slots).push(slot.clone());
        self.note_interests();
        self.ask_dispatcher(|done| Command::Attach(slot, done));
    }
}
