//! The sender's thread: fills the window, sends, listens, frees what is receipted, and waits when it must.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use veribus_core::transport::{ParcelId, Transport, TransportFactory};
use veribus_core::{LossReason, Rng};

mod free;
mod news;

use super::adopt::adopt;
use super::flight::{Flight, Progress, Turns};
use super::health::Breaker;
use super::reader::{Chunk, Reader};
use super::shared::Shared;
use super::spool::{Room, Spool};

const SEND_WITHIN: Duration = Duration::from_secs(5);
/// What nobody waits for is on the disk after this long.
const SYNC_EVERY: Duration = Duration::from_millis(200);
const ADOPT_EVERY: Duration = Duration::from_secs(30);
/// What is known of losses goes into the reserve so often while the spool is full: days of it fit.
const RESERVE_EVERY: Duration = Duration::from_secs(60);
/// Failures in a row after which one parcel at a time tries.
const FAILURES_MAX: u32 = 5;
/// A body stays far below what every transport takes.
const BATCH_BYTES: usize = 1 << 20;
/// Longest wait for news in one go.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone)]
pub(crate) struct SenderSettings {
    pub(crate) batch_events: usize,
    pub(crate) linger: Duration,
    pub(crate) compress_from: Option<usize>,
    pub(crate) window: usize,
    pub(crate) receipt_timeout: Duration,
    pub(crate) back_off: (Duration, Duration),
}

impl Default for SenderSettings {
    fn default() -> Self {
        SenderSettings {
            batch_events: 1000,
            linger: Duration::from_millis(10),
            compress_from: Some(16 << 10),
            window: 16,
            receipt_timeout: Duration::from_secs(30),
            back_off: (Duration::from_millis(100), Duration::from_secs(30)),
        }
    }
}

/// A spool being sent: this process's, or one taken over.
struct Stream {
    spool: Arc<Spool>,
    reader: Reader,
    own: bool,
}

pub(crate) struct Sender {
    shared: Arc<Shared>,
    factory: Arc<TransportFactory>,
    settings: SenderSettings,
    rng: Arc<dyn Rng>,
    start: u64,
    parcels: u64,
    transport: Option<Box<dyn Transport>>,
    streams: Vec<Stream>,
    /// The stream that is read next.
    turn: usize,
    flights: VecDeque<Flight>,
    failures: u32,
    not_before: Instant,
    fill_at: Instant,
    sync_at: Instant,
    adopt_at: Instant,
    reserve_at: Instant,
}

/// A random part of a pause that doubles with each failure.
fn pause(rng: &dyn Rng, (first, most): (Duration, Duration), failures: u32) -> Duration {
    let longest = first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(most);
    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.below(nanos.saturating_add(1)))
}

impl Sender {
    pub(crate) fn new(
        shared: Arc<Shared>,
        factory: Arc<TransportFactory>,
        settings: SenderSettings,
        start: u64,
        rng: Arc<dyn Rng>,
    ) -> Sender {
        let own = |spool: &Arc<Spool>| Stream {
            reader: Reader::new(spool, false),
            spool: spool.clone(),
            own: true,
        };
        let (streams, now) = (shared.spool.iter().map(own).collect(), Instant::now());
        let (transport, flights) = (None, VecDeque::new());
        let (parcels, turn, failures) = (0, 0, 0);
        let [not_before, fill_at, sync_at, adopt_at, reserve_at] = [now; 5];
        Sender {
            shared,
            factory,
            settings,
            rng,
            start,
            parcels,
            transport,
            streams,
            turn,
            flights,
            failures,
            not_before,
            fill_at,
            sync_at,
            adopt_at,
            reserve_at,
        }
    }

    pub(crate) fn run(mut self) {
        loop {
            self.keep_house();
            // Before it is looked whether there is more: what was told ahead of the order to close is found then.
            let closing = self.shared.waiting().closing;
            let filled = self.fill();
            self.send();
            self.listen();
            self.resend();
            self.free();
            self.report();
            let idle = self.flights.is_empty() && !filled;
            if closing.is_some_and(|deadline| idle || Instant::now() >= deadline) {
                break;
            }
            if idle {
                self.shared.wait(SYNC_EVERY);
                self.fill_at = Instant::now() + self.settings.linger;
                if !self.settings.linger.is_zero() && closing.is_none() {
                    std::thread::sleep(self.settings.linger);
                }
            }
        }
        self.end();
    }

    /// What is due by time: syncs, cursors, spools of dead processes.
    fn keep_house(&mut self) {
        let now = Instant::now();
        if now >= self.sync_at {
            self.sync_at = now + SYNC_EVERY;
            self.write_down(now);
            for stream in &self.streams {
                if let Err(error) = stream.spool.sync() {
                    self.shared.watch.update(|health| health.last_error = Some(error.to_string()));
                }
                stream.spool.save_cursor();
            }
        }
        let Some(own) = self.shared.spool.clone().filter(|_| now >= self.adopt_at) else { return };
        self.adopt_at = now + ADOPT_EVERY;
        let known: BTreeSet<u64> = self.streams.iter().map(|stream| stream.spool.id).collect();
        let orphans = adopt(&own, &known);
        for spool in orphans.spools.into_iter().map(Arc::new) {
            self.shared.adopted.lock().unwrap_or_else(PoisonError::into_inner).push(spool.clone());
            self.streams.push(Stream { reader: Reader::new(&spool, true), spool, own: false });
        }
        let adopted = self.streams.iter().filter(|stream| !stream.own).count() as u64;
        self.shared.watch.update(|health| {
            (health.looked, health.adopted, health.set_aside) = (true, adopted, orphans.set_aside);
        });
    }

    /// Writes down what the spool was too full for: at once where it has room again, else now and then into the reserve.
    fn write_down(&mut self, now: Instant) {
        self.shared.write_down(Room::Plenty);
        if now >= self.reserve_at {
            self.reserve_at = now + RESERVE_EVERY;
            self.shared.write_down(Room::Reserve);
        }
    }

    /// Makes parcels while the window has room; whether there may be more.
    fn fill(&mut self) -> bool {
        let mut any = false;
        while self.flights.len() < self.settings.window {
            let Some((chunk, spool)) = self.next_chunk() else { return any };
            any = true;
            self.add(chunk, spool);
        }
        // The window is full, and nobody has looked for more.
        true
    }

    fn add(&mut self, chunk: Chunk, spool: Option<u64>) {
        if chunk.ids.len() > self.settings.batch_events {
            // The bus gave more at once than a parcel takes.
            let (first, second) = chunk.halves();
            self.add(first, spool);
            return self.add(second, spool);
        }
        let id = self.next_id();
        match Flight::new(id, chunk, spool, self.settings.compress_from) {
            Ok(flight) => self.flights.push_back(flight),
            Err(chunk) if chunk.ids.len() > 1 => {
                let (first, second) = chunk.halves();
                self.add(first, spool);
                self.add(second, spool);
            }
            Err(chunk) => self.give_up(*chunk, spool, LossReason::TooLarge),
        }
    }

    fn next_id(&mut self) -> ParcelId {
        self.parcels += 1;
        ParcelId::new(self.start, self.parcels)
    }

    /// Losses first, then the spools in turn, so that an old backlog and live events both move.
    fn next_chunk(&mut self) -> Option<(Chunk, Option<u64>)> {
        let ahead = self.shared.waiting().ahead.take();
        if let Some(account) = ahead {
            let mut chunk = Chunk::empty(account.instance, self.shared.source.clone());
            (chunk.losses, chunk.lanes) = (account.losses, account.lanes);
            let home = self.shared.spool.as_ref().map(|spool| spool.id);
            return Some((chunk, home));
        }
        for _ in 0..self.streams.len() {
            self.turn = (self.turn + 1) % self.streams.len();
            let Stream { spool, reader, .. } = &mut self.streams[self.turn];
            match reader.next(spool, self.settings.batch_events, BATCH_BYTES) {
                Ok(Some(chunk)) => return Some((chunk, Some(spool.id))),
                Ok(None) => {}
                Err(error) => self.shared.watch.update(|health| health.last_error = Some(error.to_string())),
            }
        }
        let mut chunk = self.shared.take_memory()?;
        while chunk.ids.len() < self.settings.batch_events && chunk.events.len() < BATCH_BYTES {
            let room = self.settings.batch_events - chunk.ids.len();
            let Some(more) = self.shared.take_memory_if(chunk.instance, room) else { break };
            chunk.join(more);
        }
        Some((chunk, None))
    }

    fn send(&mut self) {
        if Instant::now() < self.not_before {
            return;
        }
        if self.transport.is_none() && self.flights.iter().any(|flight| flight.progress == Progress::Ready) {
            match (self.factory)() {
                Ok(transport) => {
                    let (destination, confirms) = (transport.destination(), transport.confirms());
                    self.shared.watch.update(|health| {
                        (health.destination, health.confirms) = (destination, Some(confirms));
                    });
                    self.transport = Some(transport);
                }
                Err(error) => return self.fail(&error),
            }
        }
        let is_open = self.failures >= FAILURES_MAX;
        let Some(transport) = &mut self.transport else { return };
        let now = Instant::now();
        let closing = self.shared.waiting().closing;
        let deadline = closing.map_or(now + SEND_WITHIN, |closing| closing.min(now + SEND_WITHIN));
        let (mut resent, mut failed) = (0, None);
        let mut turns = Turns::new(transport.keeps_order(), &self.flights);
        for flight in self.flights.iter_mut().filter(|flight| flight.progress != Progress::Done) {
            if !turns.has(flight) {
                continue;
            }
            resent += u64::from(flight.attempts > 0);
            flight.attempts += 1;
            match transport.send(&flight.parcel, deadline) {
                Ok(()) => flight.progress = Progress::Sent(Instant::now()),
                Err(error) => {
                    failed = Some((flight.parcel.id, error));
                    break;
                }
            }
            if is_open {
                break;
            }
        }
        self.shared.watch.update(|health| health.resent += resent);
        if let Some((id, error)) = failed {
            self.failed(id, &error);
        }
    }

    fn report(&self) {
        let spool = self.shared.spool.as_ref().map(|spool| spool.health());
        let damaged = self.streams.iter().map(|stream| stream.reader.damaged_bytes).sum();
        self.shared.watch.update(|health| {
            health.spool = spool;
            health.in_flight = self.flights.len() as u64;
            health.adopted = self.streams.iter().filter(|stream| !stream.own).count() as u64;
            health.damaged_bytes = health.damaged_bytes.max(damaged);
            health.failures = self.failures;
            health.breaker = if self.failures >= FAILURES_MAX { Breaker::Open } else { Breaker::Closed };
        });
    }

    fn end(mut self) {
        if let Some(transport) = &mut self.transport {
            transport.close(self.shared.waiting().closing.unwrap_or_else(Instant::now));
        }
        for stream in &self.streams {
            stream.spool.save_cursor();
        }
        // One that held nothing, or whose last receipt has come, leaves nothing behind; those taken over may go on.
        let none_ahead = self.shared.waiting().ahead.is_empty();
        let is_sent = |spool: &&Arc<Spool>| {
            let on_its_way = self.flights.iter().any(|flight| flight.spool == Some(spool.id));
            let mut own = self.streams.iter().filter(|stream| stream.spool.id == spool.id);
            let is_read = own.all(|stream| stream.reader.is_at_end(spool));
            none_ahead && !on_its_way && is_read && spool.health().pending == 0
        };
        match self.shared.spool.as_ref().filter(is_sent) {
            Some(spool) => spool.remove(),
            None => self.shared.write_down(Room::Last),
        }
        let left = self.shared.watch.health().in_memory;
        if left > 0 {
            self.shared.watch.count_lost(LossReason::CloseDeadline, left);
        }
        self.report();
        self.shared.ended();
    }
}
