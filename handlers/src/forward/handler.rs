//! The handler: encodes each event once and puts it where the sender takes it from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use veribus_core::codec::event_to_msgpack;
use veribus_core::fs::Fs;
use veribus_core::transport::TransportFactory;
use veribus_core::{
    Account, Clock, EventHandler, EventId, Family, HandlerError, HandlerFactory, LossReason, LossRecord, Rng,
    Source, SystemClock, SystemRng, VerificationEvent, planted,
};

use super::disk::Disk;
use super::error::ForwardError;
use super::health::ForwardWatch;
use super::sender::{Sender, SenderSettings};
use super::settings::SpoolSettings;
use super::shared::Shared;
use super::spool::{Encoded, Spool};

/// How a forwarder is set up; every default is safe to ship.
#[derive(Clone)]
pub struct ForwardBuilder {
    factory: Arc<TransportFactory>,
    source: Source,
    spool: Option<SpoolSettings>,
    expiring: Vec<Family>,
    memory_bytes_max: usize,
    close_within: Duration,
    sender: SenderSettings,
    fs: Arc<dyn Fs>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl ForwardBuilder {
    /// Keeps events on disk until they are receipted; without this they are in memory alone and die with the process.
    pub fn spool(mut self, settings: SpoolSettings) -> Self {
        self.spool = Some(settings);
        self
    }

    /// Events of this family may expire in the spool ([`SpoolSettings::expire_after`]); all others wait for ever.
    pub fn expiring(mut self, family: Family) -> Self {
        self.expiring.push(family);
        self
    }

    /// Most events in a parcel, 1 to 1,000: 1,000.
    pub fn batch_events(mut self, events: usize) -> Self {
        self.sender.batch_events = events.clamp(1, veribus_core::event::limits::BATCH_EVENTS_MAX);
        self
    }

    /// How long a parcel may wait to fill: 10 ms.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.sender.linger = linger;
        self
    }

    /// Bodies from this many bytes are compressed with zstd; `None` for never: 16 KiB.
    pub fn compress_from(mut self, bytes: Option<usize>) -> Self {
        self.sender.compress_from = bytes;
        self
    }

    /// Most parcels on their way at once: 16.
    pub fn window(mut self, parcels: usize) -> Self {
        self.sender.window = parcels.max(1);
        self
    }

    /// How long an accepted parcel waits for its receipt before it is sent again: 30 s.
    pub fn receipt_timeout(mut self, timeout: Duration) -> Self {
        self.sender.receipt_timeout = timeout;
        self
    }

    /// The first and the longest pause after a failure, of which a random part is taken: 100 ms, 30 s.
    pub fn back_off(mut self, first: Duration, most: Duration) -> Self {
        self.sender.back_off = (first, most);
        self
    }

    /// Most bytes of events in memory, without a spool: 16 MiB.
    pub fn memory_bytes_max(mut self, bytes: usize) -> Self {
        self.memory_bytes_max = bytes;
        self
    }

    /// How long it may go on sending when it is closed: 1 s.
    pub fn close_within(mut self, time: Duration) -> Self {
        self.close_within = time;
        self
    }

    /// The file system, clock and randomness of the spool and of its pauses; for tests.
    pub fn on(mut self, fs: Arc<dyn Fs>, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        (self.fs, self.clock, self.rng) = (fs, clock, rng);
        self
    }

    /// Makes the spool and starts the sender.
    ///
    /// # Errors
    /// [`ForwardError`] if the spool's directory cannot be used or the system has no thread to spare. That the
    /// destination cannot be reached is no error.
    pub fn build(self) -> Result<ForwardHandler, ForwardError> {
        let make = |settings: &SpoolSettings| {
            let (fs, clock) = (self.fs.clone(), self.clock.clone());
            Spool::create(settings.clone(), self.source.clone(), fs, clock, &*self.rng)
        };
        let spool = self.spool.as_ref().map(make).transpose()?;
        let start = spool.as_ref().map_or_else(|| self.rng.bits(), |spool| spool.id);
        let shared = Arc::new(Shared::new(spool, self.source.clone(), self.memory_bytes_max));
        shared.watch.update(|health| health.spool = shared.spool.as_ref().map(|spool| spool.health()));
        let settings = self.sender.clone();
        let sender = Sender::new(shared.clone(), self.factory.clone(), settings, start, self.rng.clone());
        let spawned = std::thread::Builder::new().name("veribus-forward".into()).spawn(move || sender.run());
        spawned.map_err(ForwardError::Thread)?;
        Ok(ForwardHandler { shared, settings: self, owner: std::process::id(), not_stored: 0 })
    }
}

/// Sends every event to a collector, keeps it on disk until the collector's store has it, and sends it again until
/// then.
///
/// With a spool it is durable: `flush`, and so `publish_confirmed`, waits for one sync for all who wait. With the
/// destination down `handle` is as fast as with it up. A full spool drops what comes, with a loss record; who waits
/// for such an event is told.
pub struct ForwardHandler {
    shared: Arc<Shared>,
    settings: ForwardBuilder,
    owner: u32,
    /// Events since the last flush that did not reach the spool.
    not_stored: u64,
}

impl ForwardHandler {
    /// The settings of a forwarder; `source` is what its batches say of this process, as the bus's own.
    pub fn builder(factory: TransportFactory, source: Source) -> ForwardBuilder {
        ForwardBuilder {
            factory: Arc::new(factory),
            source,
            spool: None,
            expiring: Vec::new(),
            memory_bytes_max: 16 << 20,
            close_within: Duration::from_secs(1),
            sender: SenderSettings::default(),
            fs: Arc::new(Disk),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
        }
    }

    /// Reads the health also after the forwarder moved into a bus.
    pub fn watch(&self) -> ForwardWatch {
        self.shared.watch.clone()
    }

    /// As [`EventHandler::for_child`], with the forwarder as it is, so that somebody can [`watch`](Self::watch) it.
    ///
    /// # Errors
    /// The answer errs in the process that made this forwarder, and where the child cannot have a spool or a thread.
    pub fn child_factory(&self) -> impl Fn() -> Result<ForwardHandler, HandlerError> + Send + Sync + use<> {
        let (settings, shared, parent) = (self.settings.clone(), self.shared.clone(), self.owner);
        move || {
            if std::process::id() == parent {
                return Err(HandlerError::permanent(ForwardError::Forked { parent }));
            }
            shared.spool.iter().for_each(|spool| spool.let_go());
            if let Ok(adopted) = shared.adopted.try_lock() {
                adopted.iter().for_each(|spool| spool.let_go());
            }
            settings.clone().build().map_err(HandlerError::permanent)
        }
    }

    fn own(&self) -> Result<(), HandlerError> {
        let parent = self.owner;
        if std::process::id() == parent {
            return Ok(());
        }
        Err(HandlerError::permanent(ForwardError::Forked { parent }))
    }

    fn encode(&self, batch: &[Arc<VerificationEvent>]) -> Encoded {
        let mut encoded = Encoded::default();
        for event in batch {
            event_to_msgpack(event, &mut encoded.bytes);
            encoded.ends.push(encoded.bytes.len());
            encoded.ids.push(event.id);
            encoded.durable.push(!self.settings.expiring.contains(&event.family()));
        }
        encoded
    }

    fn lose(&mut self, ids: &[EventId], reason: LossReason) {
        let Some(first) = ids.first() else { return };
        self.not_stored += ids.len() as u64;
        let losses = coalesce(ids, reason, self.settings.clock.now());
        self.shared.lose(first.instance(), reason, losses, self.shared.spool.as_deref());
    }
}

/// One record for each run of numbers.
pub(crate) fn coalesce(ids: &[EventId], reason: LossReason, at: veribus_core::Timestamp) -> Vec<LossRecord> {
    let mut losses: Vec<LossRecord> = Vec::new();
    for id in ids {
        let loss = LossRecord::of(id.lane(), id.seq(), reason, at);
        if !losses.last_mut().is_some_and(|last| last.join(&loss)) {
            losses.push(loss);
        }
    }
    losses
}

impl EventHandler for ForwardHandler {
    fn name(&self) -> &str {
        "forward"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        self.own()?;
        let encoded = self.encode(batch);
        let ids = encoded.ids.clone();
        self.shared.watch.update(|health| health.taken += ids.len() as u64);
        match &self.shared.spool {
            None => {
                if !self.shared.keep(encoded) {
                    self.lose(&ids, LossReason::QueueFull);
                }
            }
            Some(spool) => match spool.append(&encoded) {
                Ok(()) => {}
                Err(ForwardError::SpoolFull { .. }) => self.lose(&ids, LossReason::SpoolFull),
                Err(error) => {
                    self.shared.watch.update(|health| health.last_error = Some(error.to_string()));
                    self.lose(&ids, LossReason::DiskFull);
                }
            },
        }
        self.shared.wake();
        Ok(())
    }

    fn account(&mut self, account: &Account) -> Result<(), HandlerError> {
        self.own()?;
        self.shared.tell(account.clone(), self.shared.spool.as_deref());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), HandlerError> {
        self.own()?;
        if let Some(spool) = self.shared.spool.as_ref().filter(|_| !planted!("confirm-before-the-sync")) {
            spool.sync().map_err(|error| HandlerError::retry(0, error))?;
        }
        match std::mem::take(&mut self.not_stored) {
            0 => Ok(()),
            events => Err(HandlerError::permanent(ForwardError::NotStored { events })),
        }
    }

    /// Sends on until shortly before `deadline`; what is left then waits on disk.
    fn close(&mut self, deadline: Instant) -> u64 {
        if self.own().is_err() {
            return 0;
        }
        self.shared.close(deadline);
        self.shared.spool.as_ref().map_or(0, |spool| spool.health().pending)
    }

    fn flush_every(&self) -> Option<Duration> {
        // What nobody waits for is synced by the sender: a flush by time would take `not_stored` from those who wait.
        None
    }

    fn durable(&self) -> bool {
        self.shared.spool.is_some()
    }

    fn for_child(&self) -> Option<HandlerFactory> {
        let child = self.child_factory();
        Some(Box::new(move || Ok(Box::new(child()?) as Box<dyn EventHandler>)))
    }
}

/// Syncs, then sends on for as long as it may. What is left on disk is sent by the next process.
impl Drop for ForwardHandler {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            return;
        }
        let _as_after_a_crash = self.shared.spool.as_ref().map(|spool| spool.sync());
        self.shared.close(Instant::now() + self.settings.close_within);
    }
}
