//! The one thread between the rings and the handlers: reads, merges by stamp, redacts, hands out.
//!
//! A pass takes the records stamped before it began from all rings, oldest first, and gives them to every handler
//! in batches of at most [`BATCH_EVENTS`]. Between passes it sleeps, longer the less there is to do; publishers
//! almost never wake it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::builder::WhenFull;
use super::confirm::Confirm;
use super::delivery::Delivery;
use super::engine::{Command, Engine};
use super::lane::{LaneReader, Side};
use super::pool::Pool;
use super::slot::Slot;
use super::worker::fence;
use crate::account::LaneMark;
use crate::clock::Clock;
use crate::event::{EventId, Timestamp, VerificationEvent};
use crate::redact::Redactor;
use crate::ring::record;
use crate::ring::ticks::{self, Calibration};

/// Most events handed to a handler at once.
const BATCH_EVENTS: usize = 512;
/// Bytes after which a batch is handed out before it has so many.
const BATCH_BYTES: usize = 1024 * 1024;
/// Sleep between passes while events come.
const PAUSE_BUSY: Duration = Duration::from_micros(500);
/// Longest sleep: bounds how long an event waits for its handler, within 10 ms, and what an idle bus costs.
const PAUSE_IDLE: Duration = Duration::from_millis(9);

/// How often handlers hear how far the lanes have come, while they move.
const MARKS_EVERY: Duration = Duration::from_secs(1);

/// Longest wait for a publisher in the middle of a publish when the bus stops.
const PUBLISHERS_WAIT_MAX: Duration = Duration::from_secs(1);

/// Starts the thread.
pub(crate) fn start(engine: Arc<Engine>) -> std::io::Result<Thread> {
    let run = move || Dispatcher::new(engine).run();
    Ok(thread::Builder::new().name("veribus-dispatch".into()).spawn(run)?.thread().clone())
}

struct Dispatcher {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    calibration: Calibration,
    redactor: Redactor,
    lanes: Vec<LaneReader>,
    slots: Vec<Arc<Slot>>,
    patience: Duration,
    batch: Vec<Arc<VerificationEvent>>,
    pool: Pool,
    /// Bytes of these, about, all together and each: of their records, or of what travelled beside these.
    batch_bytes: usize,
    sizes: Vec<usize>,
    /// Who waits for which event of the batch.
    confirms: Vec<(usize, Arc<Confirm>)>,
    /// How many handlers deep the events of the batch were published.
    depth: u8,
    /// When the handlers last heard how far the lanes have come.
    marked_at: Instant,
}

/// The two clocks as they stood when a pass began.
#[derive(Clone, Copy)]
struct PassStart {
    tsc: u64,
    /// `None` where the caller's clock panicked.
    steady: Option<u64>,
    wall: Timestamp,
    /// Take all that is there, whatever its stamp: a command wants what was published before it.
    everything: bool,
}

impl Dispatcher {
    fn new(engine: Arc<Engine>) -> Self {
        let patience = match engine.settings.when_full {
            WhenFull::Block { timeout } => timeout,
            WhenFull::DropNewest => Duration::ZERO,
        };
        Dispatcher {
            clock: engine.settings.clock_or_system(),
            calibration: Calibration::new(engine.tick_source(), engine.settings.trust_tsc),
            redactor: engine.settings.redactor.clone(),
            lanes: Vec::new(),
            slots: Vec::new(),
            patience,
            batch: Vec::with_capacity(BATCH_EVENTS),
            pool: Pool::default(),
            batch_bytes: 0,
            sizes: Vec::with_capacity(BATCH_EVENTS),
            confirms: Vec::new(),
            depth: 0,
            marked_at: Instant::now(),
            engine,
        }
    }

    fn run(mut self) {
        let mut pause = PAUSE_BUSY;
        loop {
            self.engine.looked();
            let commands = self.engine.take_commands();
            if commands.iter().any(|command| matches!(command, Command::Stop(_))) {
                self.wait_for_publishers();
            }
            let taken = self.pass(!commands.is_empty());
            let mut stop = Vec::new();
            for command in commands {
                self.obey(command, &mut stop);
            }
            if !stop.is_empty() {
                self.slots.iter().for_each(|slot| slot.queue.close());
                stop.iter().for_each(|stopped: &Arc<Confirm>| stopped.done());
                return;
            }
            if taken == 0 {
                self.pool.rest();
            }
            pause = if taken > 0 { PAUSE_BUSY } else { (pause * 2).min(PAUSE_IDLE) };
            if !self.engine.pending.load(Ordering::Acquire) {
                thread::park_timeout(pause);
            }
        }
    }

    /// A publisher that found the bus open may still be writing, whatever the deadline of `close`: what it writes
    /// belongs to the last pass.
    fn wait_for_publishers(&self) {
        let begun = Instant::now();
        while self.engine.somebody_inside() && begun.elapsed() < PUBLISHERS_WAIT_MAX {
            thread::sleep(Duration::from_micros(50));
        }
    }

    fn obey(&mut self, command: Command, stop: &mut Vec<Arc<Confirm>>) {
        match command {
            Command::Attach(slot, done) => {
                slot.attach(self.engine.dispatched.load(Ordering::Relaxed));
                self.slots.push(slot);
                done.done();
            }
            Command::Detach(id, done) => {
                self.slots.iter().filter(|s| s.id == id).for_each(|s| s.queue.close());
                self.slots.retain(|s| s.id != id);
                done.done();
            }
            Command::Flush(done) => {
                done.expect(self.slots.len());
                for slot in &self.slots {
                    let delivery = Delivery { flushes: vec![done.clone()], ..Delivery::default() };
                    slot.push(delivery, Duration::ZERO);
                }
            }
            Command::Stop(done) => stop.push(done),
        }
    }

    /// Takes all records stamped before now from all rings, merged by stamp; answers how many.
    fn pass(&mut self, everything: bool) -> usize {
        self.lanes.extend(self.engine.take_incoming());
        if !self.calibration.update() {
            self.engine.give_up_tsc();
            self.calibration = Calibration::new(ticks::Source::Steady, false);
        }
        let losses = self.tell_losses();
        self.count_unwanted();
        let start = PassStart {
            tsc: ticks::Source::Tsc.now(),
            steady: self.steady_now(),
            // A clock is the caller's code: it must not take the dispatcher with it.
            wall: fence(|| self.clock.now()).unwrap_or_else(|_| Timestamp::now()),
            everything,
        };
        self.lanes.iter_mut().for_each(|lane| lane.ring.refresh());
        let mut heads: BinaryHeap<Reverse<(i64, usize)>> =
            (0..self.lanes.len()).filter_map(|at| self.next_of(at, &start)).map(Reverse).collect();
        let mut taken = 0;
        while let Some(Reverse((time, at))) = heads.pop() {
            self.take(at, Timestamp::from_nanos(time));
            taken += 1;
            if self.batch.len() >= BATCH_EVENTS || self.batch_bytes >= BATCH_BYTES {
                self.hand_out();
            }
            if let Some(next) = self.next_of(at, &start) {
                heads.push(Reverse(next));
            }
        }
        self.hand_out();
        if losses || everything || self.marked_at.elapsed() >= MARKS_EVERY {
            self.tell_marks();
        }
        self.lanes.iter_mut().for_each(|lane| lane.ring.release());
        taken
    }

    /// Tells every handler which numbers were refused; before the records that follow them are read.
    fn tell_losses(&mut self) -> bool {
        let mut any = false;
        for reader in &mut self.lanes {
            let losses = reader.lane.take_losses();
            let Some(last) = losses.iter().map(|loss| loss.last_seq).max() else { continue };
            any = true;
            reader.next_seq = reader.next_seq.max(last + 1);
            self.slots.iter().for_each(|slot| slot.tell(&losses, &[]));
        }
        any
    }

    /// Counts what publishers kept to themselves because no handler wanted it.
    fn count_unwanted(&mut self) {
        let count = |reader: &mut LaneReader| {
            let before = std::mem::replace(&mut reader.unwanted, reader.lane.unwanted());
            reader.unwanted - before
        };
        let unwanted: u64 = self.lanes.iter_mut().map(count).sum();
        if unwanted > 0 {
            self.engine.dispatched.fetch_add(unwanted, Ordering::Relaxed);
            self.slots.iter().for_each(|slot| slot.count_filtered(unwanted as usize));
        }
    }

    /// Tells every handler how far the lanes have come, behind the events handed out before.
    fn tell_marks(&mut self) {
        self.marked_at = Instant::now();
        let mut marks = Vec::new();
        for reader in self.lanes.iter_mut().filter(|reader| reader.next_seq > reader.next_seq_told) {
            reader.next_seq_told = reader.next_seq;
            marks.push(LaneMark { lane: reader.lane.number, next_seq: reader.next_seq });
        }
        if !marks.is_empty() {
            for slot in &self.slots {
                slot.push(Delivery { marks: marks.clone(), ..Delivery::default() }, Duration::ZERO);
            }
        }
    }

    fn steady_now(&self) -> Option<u64> {
        match &self.engine.settings.clock {
            Some(clock) => fence(|| clock.steady().as_nanos() as u64).ok(),
            None => Some(ticks::steady_nanos()),
        }
    }

    /// The time of the next record of a lane, if it belongs to this pass.
    fn next_of(&self, at: usize, start: &PassStart) -> Option<(i64, usize)> {
        let head = record::head(self.lanes[at].ring.peek()?);
        let (now, age) = if !head.tsc {
            start.steady.map_or((u64::MAX, 0), |now| (now, now.saturating_sub(head.ticks)))
        } else if self.calibration.source() == ticks::Source::Tsc {
            (start.tsc, self.calibration.nanos_between(head.ticks, start.tsc))
        } else {
            (u64::MAX, 0) // stamped by a counter since given up: now is the best that can be said
        };
        if head.ticks > now && !start.everything {
            return None;
        }
        Some((start.wall.saturating_sub(Duration::from_nanos(age)).as_nanos(), at))
    }

    /// Turns the next record of a lane into an owned, redacted event of the batch.
    fn take(&mut self, at: usize, time: Timestamp) {
        let Some(head) = self.lanes[at].ring.peek().map(record::head) else { return };
        if head.depth != self.depth {
            // A batch is of one depth, so that a circle never costs its neighbours anything.
            self.hand_out();
            self.depth = head.depth;
        }
        self.lanes[at].next_seq = self.lanes[at].next_seq.max(head.seq + 1);
        let LaneReader { lane, ring, .. } = &mut self.lanes[at];
        let Some(bytes) = ring.peek() else { return };
        let record_bytes = bytes.len();
        let side = if head.side || head.confirm { lane.take_side() } else { Side::default() };
        let mut event = match side.event {
            Some(event) => *event,
            None => record::decode(bytes, EventId::new(self.engine.instance(), lane.number, head.seq), time),
        };
        ring.advance();
        let bytes = size_of::<VerificationEvent>() + record_bytes + side.bytes;
        self.batch_bytes += bytes;
        self.sizes.push(bytes);
        let redacted = self.redactor.redact(&mut event);
        if redacted > 0 {
            self.engine.redacted.fetch_add(redacted, Ordering::Relaxed);
        }
        if let Some(confirm) = side.confirm {
            self.confirms.push((self.batch.len(), confirm));
        }
        let event = self.pool.share(event);
        self.batch.push(event);
    }

    /// Gives the batch to every handler that wants some of it.
    fn hand_out(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = Arc::new(std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_EVENTS)));
        let (confirms, all_bytes) =
            (std::mem::take(&mut self.confirms), std::mem::take(&mut self.batch_bytes));
        let sizes = std::mem::replace(&mut self.sizes, Vec::with_capacity(BATCH_EVENTS));
        for (at, confirm) in &confirms {
            let answers = self.slots.iter().filter(|s| s.durable && s.wants(&batch[*at])).count();
            if answers == 0 {
                // The durable handler left, or had not yet come, when the event was passed on. Never "expect none": the
                // waiter might read that as all being done before it hears of the failure.
                confirm.fail("no durable handler", None);
            } else {
                confirm.expect(answers);
            }
        }
        let depth = self.depth;
        self.engine.dispatched.fetch_add(batch.len() as u64, Ordering::Relaxed);
        for slot in &self.slots {
            let (wanted, bytes) = if batch.iter().all(|event| slot.wants(event)) {
                (batch.clone(), all_bytes)
            } else {
                let wanted = || batch.iter().zip(&sizes).filter(|(event, _)| slot.wants(event));
                (
                    Arc::new(wanted().map(|(event, _)| event.clone()).collect()),
                    wanted().map(|(_, size)| size).sum(),
                )
            };
            slot.count_filtered(batch.len() - wanted.len());
            if wanted.is_empty() {
                continue;
            }
            let waits = |(at, confirm): &(usize, Arc<Confirm>)| {
                (slot.durable && slot.wants(&batch[*at])).then(|| confirm.clone())
            };
            let confirms = confirms.iter().filter_map(waits).collect();
            slot.push(
                Delivery { events: wanted, bytes, confirms, depth, ..Delivery::default() },
                self.patience,
            );
        }
        self.pool.handed(batch);
    }
}

/// What is left when the dispatcher is gone cannot be waited for.
impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.engine.end_commands();
    }
}
