//! The running half of a bus: everything that a fork has to make anew.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::Thread;
use std::time::Duration;

use super::builder::{BusBuilder, WhenFull};
use super::confirm::Confirm;
use super::health::{BusHealth, CloseReport};
use super::lane::{Ask, Counts, Lane, LaneReader, LaneWriter, Verdict, lane};
use super::slot::Slot;
use super::thread_lanes::{INSIDE, LANES, depth_here};
use super::{HandlerId, dispatcher};
use crate::clock::Clock;
use crate::event::{Draft, EventId, Family, InstanceId, Severity, Timestamp};
use crate::handler::Interest;
use crate::ring::byte_ring::{Budget, growth_bytes};
use crate::ring::local::{self, Frame};
use crate::ring::record::Measured;
use crate::ring::{barrier, fork, ticks};

/// Bytes of a typical event in a ring; `capacity` is counted in these.
const EVENT_BYTES_TYPICAL: usize = 256;
/// Bounds of one ring, in bytes.
const RING_BYTES: std::ops::RangeInclusive<usize> = 16 * 1024..=64 * 1024 * 1024;

/// What callers ask of the dispatcher.
pub(crate) enum Command {
    /// Deliver what was published before, then give this handler what comes after.
    Attach(Arc<Slot>, Arc<Confirm>),
    /// Deliver what was published before, then take this handler out.
    Detach(HandlerId, Arc<Confirm>),
    /// Deliver what was published before, and have every handler flush.
    Flush(Arc<Confirm>),
    /// Deliver everything, close the queues, end.
    Stop(Arc<Confirm>),
}

impl Command {
    /// Answers for a dispatcher that is gone; on a closed bus there is nothing left to wait for.
    fn answer(self, closed: bool) {
        match self {
            Command::Attach(_, done) | Command::Detach(_, done) | Command::Stop(done) => done.done(),
            Command::Flush(done) if closed => done.expect(0),
            Command::Flush(done) => done.fail("dispatcher", None),
        }
    }
}

#[derive(Default)]
struct Commands {
    waiting: Vec<Command>,
    /// Nobody will obey any more.
    ended: bool,
}

#[derive(Default)]
struct Lanes {
    all: Vec<Arc<Lane>>,
    /// Lanes whose threads have ended.
    free: Vec<LaneWriter>,
    /// New rings that the dispatcher has not seen yet.
    incoming: Vec<LaneReader>,
}

/// How far `close` has come.
#[derive(Default)]
pub(crate) struct Closing {
    pub(crate) begun: bool,
    pub(crate) report: Option<CloseReport>,
}

/// One generation of a bus.
pub(crate) struct Engine {
    /// Itself, for the threads it starts; publishing needs no count of its own.
    pub(super) me: Weak<Engine>,
    pub(crate) id: u64,
    pub(crate) generation: u32,
    instance: InstanceId,
    pub(crate) settings: Arc<BusBuilder>,
    /// The caller's clock, where one was injected.
    injected: Option<Arc<dyn Clock>>,
    source: AtomicU8,
    closed: AtomicBool,
    /// Open, and stamped by the time stamp counter: what the short way of a publish asks.
    plain: AtomicBool,
    woken: AtomicBool,
    /// The families and severities that some handler wants, by [`Interest::place`]; all while there is no handler.
    wanted: AtomicU64,
    lanes: Mutex<Lanes>,
    ring_memory: Budget,
    shared: Mutex<Option<LaneWriter>>,
    commands: Mutex<Commands>,
    pub(crate) pending: AtomicBool,
    pub(crate) slots: Mutex<Vec<Arc<Slot>>>,
    /// Handlers taken out that still work off what they were given.
    pub(crate) leaving: Mutex<Vec<Arc<Slot>>>,
    dispatcher: OnceLock<Thread>,
    starting: Mutex<()>,
    pub(crate) dispatched: AtomicU64,
    pub(crate) redacted: AtomicU64,
    pub(crate) closing: Mutex<Closing>,
    pub(crate) close_done: Condvar,
    pub(crate) handler_ids: AtomicUsize,
}

/// Bytes that one thread's ring may grow to.
fn ring_bytes(settings: &BusBuilder) -> usize {
    let bytes = settings.capacity.saturating_mul(EVENT_BYTES_TYPICAL);
    bytes.clamp(*RING_BYTES.start(), *RING_BYTES.end())
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    pub(crate) fn new(settings: Arc<BusBuilder>) -> Arc<Self> {
        static IDS: AtomicU64 = AtomicU64::new(1);
        fork::install();
        barrier::prepare();
        let source = if settings.trust_tsc { ticks::Source::trusted() } else { ticks::Source::best() };
        Arc::new_cyclic(|me| Engine {
            me: me.clone(),
            id: IDS.fetch_add(1, Ordering::Relaxed),
            generation: fork::generation(),
            instance: InstanceId::random(),
            injected: settings.clock.clone(),
            source: AtomicU8::new(source as u8),
            closed: AtomicBool::new(false),
            plain: AtomicBool::new(settings.clock.is_none() && source == ticks::Source::Tsc),
            woken: AtomicBool::new(false),
            wanted: AtomicU64::new(u64::MAX),
            lanes: Mutex::default(),
            ring_memory: Budget::of(settings.ring_memory.max(growth_bytes(ring_bytes(&settings)))),
            shared: Mutex::new(None),
            commands: Mutex::default(),
            pending: AtomicBool::new(false),
            slots: Mutex::default(),
            leaving: Mutex::default(),
            dispatcher: OnceLock::new(),
            starting: Mutex::new(()),
            dispatched: AtomicU64::new(0),
            redacted: AtomicU64::new(0),
            closing: Mutex::default(),
            close_done: Condvar::new(),
            handler_ids: AtomicUsize::new(1),
            settings,
        })
    }

    /// This engine, kept alive.
    pub(crate) fn share(&self) -> Arc<Engine> {
        self.me.upgrade().expect("whoever calls has it")
    }

    #[inline]
    pub(crate) fn instance(&self) -> InstanceId {
        self.instance
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_closed(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.plain.store(false, Ordering::SeqCst);
    }

    /// The count that stamps a record, and whether it is the time stamp counter's.
    #[inline]
    pub(crate) fn ticks(&self) -> (u64, bool) {
        if let Some(clock) = &self.injected {
            return (clock.steady().as_nanos() as u64, false);
        }
        let source = self.tick_source();
        (source.now(), source == ticks::Source::Tsc)
    }

    /// Whether the bus is open and stamps with the time stamp counter.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
    }

    /// The counter in use.
    pub(crate) fn tick_source(&self) -> ticks::Source {
        let tsc = self.source.load(Ordering::Relaxed) == ticks::Source::Tsc as u8;
        if tsc { ticks::Source::Tsc } else { ticks::Source::Steady }
    }

    /// Stamps with the steady clock from now on: the counter did not keep pace.
    pub(crate) fn give_up_tsc(&self) {
        self.source.store(ticks::Source::Steady as u8, Ordering::Relaxed);
        self.plain.store(false, Ordering::SeqCst);
    }

    /// The time by an injected clock.
    #[inline]
    pub(crate) fn injected_time(&self) -> Option<Timestamp> {
        self.injected.as_ref().map(|clock| clock.now())
    }

    /// Wakes the dispatcher; a system call if it sleeps.
    pub(crate) fn wake(&self) {
        if let Some(thread) = self.dispatcher.get() {
            thread.unpark();
        }
    }

    /// Wakes it once until it has looked.
    #[cold]
    fn wake_once(&self) {
        if !self.woken.swap(true, Ordering::Relaxed) {
            self.wake();
        }
    }

    /// The dispatcher has looked.
    pub(crate) fn looked(&self) {
        self.woken.store(false, Ordering::Relaxed);
    }

    /// Gives the dispatcher something to do; starts it if need be.
    pub(crate) fn command(&self, command: Command) {
        let mut commands = lock(&self.commands);
        if commands.ended {
            drop(commands);
            return command.answer(self.is_closed());
        }
        commands.waiting.push(command);
        drop(commands);
        self.pending.store(true, Ordering::Release);
        if self.start_dispatcher() {
            self.wake();
        } else if self.is_closed() {
            self.end_commands();
        }
    }

    /// Answers what nobody will obey, now and from now on.
    pub(crate) fn end_commands(&self) {
        let mut commands = lock(&self.commands);
        commands.ended = true;
        let waiting = std::mem::take(&mut commands.waiting);
        drop(commands);
        waiting.into_iter().for_each(|command| command.answer(self.is_closed()));
    }

    /// What callers asked for since the last look.
    pub(crate) fn take_commands(&self) -> Vec<Command> {
        if self.pending.swap(false, Ordering::AcqRel) {
            std::mem::take(&mut lock(&self.commands).waiting)
        } else {
            Vec::new()
        }
    }

    /// The rings opened since the last look.
    pub(crate) fn take_incoming(&self) -> Vec<LaneReader> {
        std::mem::take(&mut lock(&self.lanes).incoming)
    }

    /// Whether the dispatcher was started; tries to start it if not and the bus is open. A process without threads to spare keeps its events
    /// in the rings and tries again with the next lane or command.
    pub(crate) fn start_dispatcher(&self) -> bool {
        let _one_at_a_time = lock(&self.starting);
        if self.dispatcher.get().is_some() {
            return true;
        }
        if self.is_closed() {
            return false; // nobody would stop it
        }
        let Ok(thread) = dispatcher::start(self.share()) else { return false };
        self.dispatcher.get_or_init(|| thread);
        true
    }

    /// Whether it was started; final once the bus is closed.
    pub(crate) fn has_dispatcher(&self) -> bool {
        let _not_meanwhile = lock(&self.starting);
        self.dispatcher.get().is_some()
    }

    /// A lane for the calling thread, or `None` above `lanes_max`: then it shares one.
    pub(super) fn open_lane(&self) -> Option<LaneWriter> {
        self.start_dispatcher();
        let mut lanes = lock(&self.lanes);
        if let Some(writer) = lanes.free.pop() {
            return Some(writer);
        }
        let number = lanes.all.len();
        let most = self.settings.lanes_max.clamp(1, 65_000);
        // Number 0 is the shared lane's.
        (number < most).then(|| self.add_lane(&mut lanes, number as u16 + 1))
    }

    fn add_lane(&self, lanes: &mut Lanes, number: u16) -> LaneWriter {
        let (writer, reader) = lane(number, ring_bytes(&self.settings), &self.ring_memory);
        lanes.all.push(reader.lane.clone());
        lanes.incoming.push(reader);
        writer
    }

    pub(super) fn give_back(&self, mut writer: LaneWriter) {
        writer.rest();
        lock(&self.lanes).free.push(writer);
    }

    /// Whether some publisher is in the middle of a publish.
    pub(crate) fn somebody_inside(&self) -> bool {
        lock(&self.lanes).all.iter().any(|lane| lane.is_inside())
    }

    /// The short way of a publish through the calling thread's lane; `None` if it is out of the ordinary, then
    /// nothing was done.
    #[inline(always)]
    pub(crate) fn publish_plain(&self, draft: &Draft<'_>) -> Option<EventId> {
        if draft.severity() >= Severity::Critical || depth_here() > 0 {
            return None;
        }
        if !self.wants(draft.family(), draft.severity()) {
            return self.publish_unwanted_elsewhere();
        }
        let measured = Measured::plain(draft)?;
        let frame = Frame::here();
        let mut lanes = local::borrow_mut(&LANES, &frame)?;
        let writer = lanes.known_writer(self.id)?;
        let id = writer.publish_plain(self, &measured)?;
        let half_full = writer.is_half_full();
        drop(lanes);
        if half_full {
            self.wake_once();
        }
        Some(id)
    }

    #[inline(always)]
    fn wants(&self, family: Family, severity: Severity) -> bool {
        self.wanted.load(Ordering::Relaxed) & Interest::place(family, severity) != 0
    }

    /// Counts an event of this family and severity if no handler wants such; `None` if it is to be published.
    #[inline(always)]
    pub(crate) fn spare(&self, family: Family, severity: Severity) -> Option<EventId> {
        if self.wants(family, severity) || severity >= Severity::Critical || depth_here() > 0 {
            return None;
        }
        self.publish_unwanted()
    }

    /// Counts an event that every handler would filter; nothing else is done with it. `None` as for the short way.
    #[inline(always)]
    fn publish_unwanted(&self) -> Option<EventId> {
        let frame = Frame::here();
        local::borrow_mut(&LANES, &frame)?.known_writer(self.id)?.publish_unwanted(self)
    }

    /// [`Engine::publish_unwanted`], for callers whose code is long enough.
    #[inline(never)]
    fn publish_unwanted_elsewhere(&self) -> Option<EventId> {
        self.publish_unwanted()
    }

    /// Takes down what the handlers want, after one came or left.
    pub(crate) fn note_interests(&self) {
        let slots = lock(&self.slots);
        let wanted = slots.iter().map(|slot| slot.interest.places()).fold(0, |all, one| all | one);
        self.wanted.store(if slots.is_empty() { u64::MAX } else { wanted }, Ordering::SeqCst);
    }

    /// Offers an event through the calling thread's lane; waits for room where the settings say so.
    pub(crate) fn publish(&self, draft: &Draft<'_>, ask: &Ask) -> Verdict {
        let patience = match self.settings.when_full {
            WhenFull::Block { timeout } if ask.depth == 0 && !ask.give_back => Some(timeout),
            _ => None,
        };
        let verdict = self.offer(draft, ask, patience.is_none());
        match (verdict, patience) {
            (Verdict::Full, Some(patience)) => self.offer_until(draft, ask, patience),
            (verdict, _) => verdict,
        }
    }

    #[cold]
    fn offer_until(&self, draft: &Draft<'_>, ask: &Ask, patience: Duration) -> Verdict {
        let start = std::time::Instant::now();
        let mut pause = Duration::from_micros(20);
        loop {
            self.wake();
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
            let last = start.elapsed() >= patience || self.is_closed();
            match self.offer(draft, ask, last) {
                Verdict::Full => {}
                verdict => return verdict,
            }
        }
    }

    fn offer(&self, draft: &Draft<'_>, ask: &Ask, last: bool) -> Verdict {
        let own = LANES.try_with(|cell| {
            let mut lanes = cell.try_borrow_mut().ok()?;
            let writer = lanes.writer(self)?;
            Some(self.offer_through(writer, draft, ask, last))
        });
        match own {
            Ok(Some(verdict)) => verdict,
            _ => self.offer_shared(draft, ask, last),
        }
    }

    fn offer_through(&self, writer: &mut LaneWriter, draft: &Draft<'_>, ask: &Ask, last: bool) -> Verdict {
        let verdict = writer.publish(self, draft, ask, last);
        if draft.severity() >= Severity::Critical || ask.confirm.is_some() {
            self.wake();
        } else if writer.is_half_full() {
            self.wake_once();
        }
        verdict
    }

    #[cold]
    fn offer_shared(&self, draft: &Draft<'_>, ask: &Ask, last: bool) -> Verdict {
        let mut shared = lock(&self.shared);
        let writer = shared.get_or_insert_with(|| {
            self.start_dispatcher();
            self.add_lane(&mut lock(&self.lanes), 0)
        });
        self.offer_through(writer, draft, ask, last)
    }

    /// The ledger. Handlers are read before the lanes, so that what a handler counts is never missing above it.
    pub(crate) fn health(&self) -> BusHealth {
        let slots = lock(&self.slots).clone();
        let mut handlers: Vec<_> = slots.iter().map(|slot| slot.snapshot()).collect();
        let mut counts = Counts::default();
        let lanes = lock(&self.lanes);
        lanes.all.iter().for_each(|lane| lane.count_into(&mut counts));
        for (health, slot) in handlers.iter_mut().zip(&slots) {
            slot.balance(health, counts.accepted);
        }
        BusHealth {
            instance: self.instance,
            attempted: counts.accepted + counts.dropped.total() + counts.rejected + counts.returned,
            accepted: counts.accepted,
            dropped: counts.dropped,
            rejected: counts.rejected,
            returned: counts.returned,
            handlers,
            redacted: self.redacted.load(Ordering::Relaxed),
            lanes: lanes.all.len(),
            ring_bytes: lanes.all.iter().map(|lane| lane.ring_bytes()).sum(),
            closed: self.is_closed(),
        }
    }
}

impl Engine {
    /// Whether the calling thread runs a handler of this engine.
    pub(crate) fn is_handler_thread(&self) -> bool {
        INSIDE.try_with(Cell::get).ok().flatten().is_some_and(|(id, _)| id == self.id)
    }

    /// Marks the calling thread while `body` runs a handler with events published `depth` handlers deep.
    pub(crate) fn inside_handler<R>(&self, depth: u8, body: impl FnOnce() -> R) -> R {
        INSIDE.set(Some((self.id, depth.saturating_add(1))));
        let result = body();
        INSIDE.set(None);
        result
    }
}
