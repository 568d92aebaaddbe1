//! One publishing thread's way in: a ring, a sequence, and the counts that make the ledger exact.
//!
//! A lane is written by one thread at a time. Threads keep their lanes in a thread local and give them back when
//! they end; the next thread goes on with the same number and sequence. Above `lanes_max` threads, and while a
//! thread's locals are being torn down, publishers share one lane behind a lock.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::book::Book;
use super::confirm::Confirm;
use super::engine::Engine;
use crate::account::LossRecord;
use crate::event::check::check;
use crate::event::limits::EVENT_BYTES_MAX;
use crate::event::{Draft, EventError, EventId, Family, Timestamp, VerificationEvent};
use crate::loss::{LossReason, Losses};
use crate::ring::barrier;
use crate::ring::byte_ring::{Budget, CLASSES, Limits, Memory, Reader, Writer, ring};
use crate::ring::record::{self, Measured, Stamp};
use crate::ring::ticks;

/// Bytes of owned events that may wait in one lane's side queue.
const SIDE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a record in the ring cannot hold.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) event: Option<Box<VerificationEvent>>,
    pub(crate) confirm: Option<Arc<Confirm>>,
    /// Bytes of the event's texts and values.
    pub(crate) bytes: usize,
}

/// What both ends of a lane and the ledger share. The counters have one writer: the lane's owner.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) number: u16,
    accepted: AtomicU64,
    /// Accepted beside those: events that no handler wanted and that are in no ring.
    unwanted: AtomicU64,
    rejected: AtomicU64,
    returned: AtomicU64,
    dropped: [AtomicU64; LossReason::COUNT],
    inside: AtomicBool,
    side: Mutex<VecDeque<Side>>,
    side_bytes: AtomicUsize,
    ring_memory: Memory,
    /// Which numbers were refused, until the dispatcher passes it on.
    book: Mutex<Book>,
    has_losses: AtomicBool,
}

/// A lane's counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) returned: u64,
    pub(crate) dropped: Losses,
}

impl Lane {
    /// Adds this lane's counts to `counts`.
    pub(crate) fn count_into(&self, counts: &mut Counts) {
        // What nobody wants is accepted, too, but counted once.
        counts.accepted += self.accepted.load(Ordering::Acquire) + self.unwanted.load(Ordering::Acquire);
        counts.rejected += self.rejected.load(Ordering::Relaxed);
        counts.returned += self.returned.load(Ordering::Relaxed);
        for (reason, count) in LossReason::ALL.into_iter().zip(&self.dropped) {
            counts.dropped.add(reason, count.load(Ordering::Relaxed));
        }
    }

    /// How many events no handler wanted.
    pub(crate) fn unwanted(&self) -> u64 {
        self.unwanted.load(Ordering::Acquire)
    }

    /// Bytes of memory behind its ring.
    pub(crate) fn ring_bytes(&self) -> usize {
        self.ring_memory.bytes()
    }

    /// Which numbers were refused since the last call.
    pub(crate) fn take_losses(&self) -> Vec<LossRecord> {
        if self.has_losses.swap(false, Ordering::Acquire) {
            self.book.lock().unwrap_or_else(PoisonError::into_inner).take_losses()
        } else {
            Vec::new()
        }
    }

    fn lose(&self, seq: u64, reason: LossReason, at: Timestamp) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).lose(self.number, seq, reason, at);
        self.has_losses.store(true, Ordering::Release);
    }

    /// Whether its owner is in the middle of a publish.
    pub(crate) fn is_inside(&self) -> bool {
        self.inside.load(Ordering::Acquire)
    }

    /// The side entry of the record that the dispatcher has just read.
    pub(crate) fn take_side(&self) -> Side {
        let side = self.side.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default();
        self.side_bytes.fetch_sub(side.bytes, Ordering::Relaxed);
        side
    }
}

/// The reading end, owned by the dispatcher.
pub(crate) struct LaneReader {
    pub(crate) lane: Arc<Lane>,
    pub(crate) ring: Reader,
    /// All numbers below were read or are known to be lost; and what the handlers were last told of that.
    pub(crate) next_seq: u64,
    pub(crate) next_seq_told: u64,
    /// How many of the events that no handler wanted are counted as filtered.
    pub(crate) unwanted: u64,
}

/// The writing end, owned by one thread at a time.
pub(crate) struct LaneWriter {
    lane: Arc<Lane>,
    ring: Writer,
    next_seq: u64,
    /// Longest record that this ring takes; longer events use the side queue.
    inline_max: usize,
}

/// The class of a family's records in a ring.
#[inline(always)]
fn class(family: Family) -> usize {
    family as usize % CLASSES
}

/// Performance leaves a quarter of the ring to the others, and only security events get the last twentieth.
fn limits(ring_bytes: u64) -> Limits {
    let mut limits = [ring_bytes / 20 * 19; CLASSES];
    limits[class(Family::Security)] = ring_bytes;
    limits[class(Family::Performance)] = ring_bytes / 4 * 3;
    limits
}

/// One counter with one writer: a plain load and store.
#[inline]
fn bump(counter: &AtomicU64, ordering: Ordering) {
    counter.store(counter.load(Ordering::Relaxed) + 1, ordering);
}

/// A lane with a ring that grows up to `ring_bytes`, as far as the budget of all rings allows.
pub(crate) fn lane(number: u16, ring_bytes: usize, budget: &Budget) -> (LaneWriter, LaneReader) {
    let (mut writer, reader) = ring(ring_bytes, budget);
    writer.limit(limits(writer.capacity()));
    let lane = Arc::new(Lane { number, ring_memory: writer.memory(), ..Lane::default() });
    let inline_max = writer.payload_max().min(EVENT_BYTES_MAX);
    let writer = LaneWriter { lane: lane.clone(), ring: writer, next_seq: 1, inline_max };
    (writer, LaneReader { lane, ring: reader, next_seq: 1, next_seq_told: 1, unwanted: 0 })
}

/// What a publish asks for beyond "take this".
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// Hand a refused event back instead of dropping it under a number.
    pub(crate) give_back: bool,
    /// Who waits for durability.
    pub(crate) confirm: Option<Arc<Confirm>>,
    /// How many handlers deep the publisher stands; 0 outside of handlers.
    pub(crate) depth: u8,
}

/// What became of a publish.
#[derive(Debug)]
pub(crate) enum Verdict {
    Accepted(EventId),
    /// Refused under a number that is now a hole.
    Dropped(EventId, LossReason),
    /// Refused without a number.
    Returned(LossReason),
    Rejected(EventError),
    /// No room now; the caller may wait and come again. Nothing was counted.
    Full,
}

impl LaneWriter {
    /// The short way, taken by nearly every publish: an ordinary event on an open bus with room. `None` if anything
    /// is out of the ordinary; then nothing was done or counted, and [`LaneWriter::publish`] decides.
    #[inline(always)]
    pub(crate) fn publish_plain(&mut self, engine: &Engine, measured: &Measured<'_, '_>) -> Option<EventId> {
        self.lane.inside.store(true, Ordering::Relaxed);
        barrier::light();
        let id = self.write_plain(engine, measured);
        self.lane.inside.store(false, Ordering::Release);
        id
    }

    #[inline(always)]
    fn write_plain(&mut self, engine: &Engine, measured: &Measured<'_, '_>) -> Option<EventId> {
        if !engine.is_plain() {
            return None;
        }
        let (draft, seq) = (measured.draft(), self.next_seq);
        let trace = if draft.has_trace() { None } else { crate::trace::current() };
        let mut stamp = Stamp { ticks: 0, seq, depth: 0, confirm: false, tsc: true, trace, time: None };
        let room = self.ring.reserve(measured.len(&stamp), class(draft.family()))?;
        stamp.ticks = ticks::Source::Tsc.now();
        record::encode(measured, &stamp, room);
        self.commit();
        self.next_seq += 1;
        Some(EventId::new(engine.instance(), self.lane.number, seq))
    }

    /// Gives an event that no handler wants its number and counts it; the dispatcher counts it as filtered by each. `None`
    /// as for [`LaneWriter::publish_plain`].
    #[inline(always)]
    pub(crate) fn publish_unwanted(&mut self, engine: &Engine) -> Option<EventId> {
        self.lane.inside.store(true, Ordering::Relaxed);
        barrier::light();
        let seq = self.next_seq;
        let open = !engine.is_closed(); // a number and a count need no clock
        if open {
            bump(&self.lane.unwanted, Ordering::Release);
            self.next_seq += 1;
        }
        self.lane.inside.store(false, Ordering::Release);
        open.then_some(EventId::new(engine.instance(), self.lane.number, seq))
    }

    /// For an owner that goes: gives back the memory that the ring has grown by.
    pub(crate) fn rest(&mut self) {
        self.ring.shrink();
    }

    /// Offers an event once. With `last`, no room is answered with a drop (or the event back), else with
    /// [`Verdict::Full`].
    pub(crate) fn publish(&mut self, engine: &Engine, draft: &Draft<'_>, ask: &Ask, last: bool) -> Verdict {
        // `close` waits until nobody is inside; see `ring::barrier`.
        self.lane.inside.store(true, Ordering::Relaxed);
        barrier::light();
        let verdict = self.publish_inside(engine, draft, ask, last);
        self.lane.inside.store(false, Ordering::Release);
        verdict
    }

    fn publish_inside(&mut self, engine: &Engine, draft: &Draft<'_>, ask: &Ask, last: bool) -> Verdict {
        if engine.is_closed() {
            return self.refuse(engine, ask, LossReason::Closed);
        }
        if ask.depth > super::LOOP_DEPTH_MAX {
            return self.refuse(engine, ask, LossReason::LoopLimit);
        }
        let (ticks, tsc) = engine.ticks();
        let stamp = Stamp {
            ticks,
            tsc,
            seq: self.next_seq,
            depth: ask.depth,
            confirm: ask.confirm.is_some(),
            trace: if draft.has_trace() { None } else { crate::trace::current() },
            time: engine.injected_time(),
        };
        let measured = Measured::thorough(draft).filter(|measured| measured.len(&stamp) <= self.inline_max);
        let written = match &measured {
            Some(measured) if self.write_inline(measured, &stamp, ask) => true,
            // A ring that may not grow has room for it, but not now.
            Some(measured) if self.ring.takes_now(measured.len(&stamp)) => false,
            _ => match check(draft) {
                Ok(bytes) => self.write_side(engine, draft, &stamp, ask, bytes),
                Err(error) => {
                    bump(&self.lane.rejected, Ordering::Relaxed);
                    return Verdict::Rejected(error);
                }
            },
        };
        if !written {
            return if last { self.refuse(engine, ask, LossReason::QueueFull) } else { Verdict::Full };
        }
        let id = EventId::new(engine.instance(), self.lane.number, self.next_seq);
        self.next_seq += 1;
        Verdict::Accepted(id)
    }

    fn write_inline(&mut self, measured: &Measured<'_, '_>, stamp: &Stamp, ask: &Ask) -> bool {
        let class = class(measured.draft().family());
        let Some(room) = self.ring.reserve(measured.len(stamp), class) else { return false };
        record::encode(measured, stamp, room);
        if ask.confirm.is_some() {
            self.push_side(Side { confirm: ask.confirm.clone(), ..Side::default() });
        }
        self.commit();
        true
    }

    fn write_side(
        &mut self,
        engine: &Engine,
        draft: &Draft<'_>,
        stamp: &Stamp,
        ask: &Ask,
        bytes: usize,
    ) -> bool {
        let bytes = bytes + size_of::<VerificationEvent>();
        let class = class(draft.family());
        let room = limits(SIDE_BYTES_MAX as u64)[class] as usize;
        if self.lane.side_bytes.load(Ordering::Relaxed) + bytes > room {
            return false;
        }
        let Some(room) = self.ring.reserve(record::SIDE_LEN, class) else { return false };
        record::encode_side(draft, stamp, room);
        let id = EventId::new(engine.instance(), self.lane.number, stamp.seq);
        // A draft without a time gets the system's here: beside copying a large event that costs nothing.
        let time = stamp.time.unwrap_or_else(Timestamp::now);
        let mut event = draft.clone().into_event(id, time).expect("checked by the caller");
        event.trace = event.trace.or(stamp.trace);
        self.push_side(Side { event: Some(Box::new(event)), confirm: ask.confirm.clone(), bytes });
        self.commit();
        true
    }

    fn push_side(&self, side: Side) {
        self.lane.side_bytes.fetch_add(side.bytes, Ordering::Relaxed);
        self.lane.side.lock().unwrap_or_else(PoisonError::into_inner).push_back(side);
    }

    /// Counts before it commits, so that no snapshot sees an event handled that was not yet accepted.
    #[inline(always)]
    fn commit(&mut self) {
        bump(&self.lane.accepted, Ordering::Relaxed);
        self.ring.commit();
    }

    #[cold]
    fn refuse(&mut self, engine: &Engine, ask: &Ask, reason: LossReason) -> Verdict {
        if ask.give_back {
            bump(&self.lane.returned, Ordering::Relaxed);
            return Verdict::Returned(reason);
        }
        let id = EventId::new(engine.instance(), self.lane.number, self.next_seq);
        self.next_seq += 1;
        bump(&self.lane.dropped[reason as usize], Ordering::Relaxed);
        self.lane.lose(id.seq(), reason, engine.injected_time().unwrap_or_else(Timestamp::now));
        Verdict::Dropped(id, reason)
    }

    /// Whether the ring is more than half full.
    #[inline(always)]
    pub(crate) fn is_half_full(&mut self) -> bool {
        self.ring.is_half_full()
    }
}
