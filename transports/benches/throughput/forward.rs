//! The subject: a forwarder, fed as a bus feeds it, over a transport whose acknowledgement counts as the end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use veribus_core::transport::{
    Confirms, News, Parcel, ParcelId, Transport, TransportError, TransportFactory,
};
use veribus_core::{EventHandler, Source, VerificationEvent};
use veribus_handlers::{ForwardHandler, SpoolSettings};
use veribus_transports::{Options, from_url};

use crate::far_side::{FarSide, announce};
use crate::run::{Run, cpu};

/// Events that a bus hands over at once.
const BATCH: usize = 512;
/// Events that may wait in memory, without a spool.
const WAITING_MAX: u64 = 16_384;
/// Most bytes of them; never reached.
const MEMORY_BYTES_MAX: usize = 256 << 20;
/// How long a run may stand still.
const PATIENCE: Duration = Duration::from_secs(30);
/// Parcels on their way, of a transport without a forwarder.
pub(crate) const WINDOW: usize = 64;

/// What a forwarder is given.
pub(crate) struct Handed<'a> {
    pub(crate) events: &'a [Arc<VerificationEvent>],
    pub(crate) count: u64,
    pub(crate) compressed: bool,
    pub(crate) spool: Option<PathBuf>,
}

/// Hands events over as fast as they leave, until `arrived` has them all; how long that took, and what was lost.
pub(crate) fn hand_over(
    factory: TransportFactory,
    handed: &Handed<'_>,
    arrived: impl Fn() -> u64,
) -> Result<(Duration, u64), String> {
    let mut builder = ForwardHandler::builder(factory, Source::new("benches"))
        .memory_bytes_max(MEMORY_BYTES_MAX)
        .close_within(Duration::from_millis(100));
    if !handed.compressed {
        builder = builder.compress_from(None);
    }
    if let Some(folder) = &handed.spool {
        builder = builder.spool(SpoolSettings::new(folder));
    }
    let mut handler = builder.build().map_err(|error| error.to_string())?;
    let watch = handler.watch();
    let begin = Instant::now();
    let mut given = 0;
    for batch in handed.events.chunks(BATCH).cycle() {
        let batch = &batch[..batch.len().min((handed.count - given) as usize)];
        handler.handle(batch).map_err(|error| error.to_string())?;
        given += batch.len() as u64;
        if given == handed.count {
            break;
        }
        let since = Instant::now();
        while given.saturating_sub(arrived()) > WAITING_MAX + 16_000 {
            if since.elapsed() > PATIENCE {
                return Err(format!("it stands still: {:?}", watch.health()));
            }
            thread::sleep(Duration::from_micros(200));
        }
    }
    let lost = || watch.health().lost.total();
    let (mut last, mut since) = (arrived(), Instant::now());
    while last + lost() < handed.count {
        thread::sleep(Duration::from_micros(200));
        let now = arrived();
        if now > last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            return Err(format!("{last} of {} arrived: {:?}", handed.count, watch.health()));
        }
    }
    Ok((begin.elapsed(), lost()))
}

/// What became of parcels, and how long each took.
#[derive(Default)]
pub(crate) struct Tally {
    events: AtomicU64,
    bytes: AtomicU64,
    nanos: Mutex<Vec<u64>>,
}

impl Tally {
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    fn run(&self, took: Duration, cpu: Duration, lost: u64) -> Run {
        let nanos = std::mem::take(&mut *self.nanos.lock().unwrap_or_else(PoisonError::into_inner));
        Run { events: self.events(), bytes: self.bytes.load(Ordering::Acquire), lost, took, cpu, nanos }
    }
}

/// A transport that measures from `send` to the acknowledgement.
struct Metered {
    inner: Box<dyn Transport>,
    tally: Arc<Tally>,
    sent: HashMap<ParcelId, (Instant, u32, usize)>,
}

impl Metered {
    fn arrived(&mut self, id: ParcelId) {
        let Some((since, events, bytes)) = self.sent.remove(&id) else { return };
        let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.tally.nanos.lock().unwrap_or_else(PoisonError::into_inner).push(nanos);
        self.tally.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.tally.events.fetch_add(u64::from(events), Ordering::Release);
    }
}

impl Transport for Metered {
    fn destination(&self) -> String {
        self.inner.destination()
    }

    /// There is no collector here.
    fn confirms(&self) -> Confirms {
        Confirms::Accepted
    }

    fn keeps_order(&self) -> bool {
        self.inner.keeps_order()
    }

    fn body_bytes_max(&self) -> usize {
        self.inner.body_bytes_max()
    }

    fn send(&mut self, parcel: &Parcel, deadline: Instant) -> Result<(), TransportError> {
        announce(parcel);
        self.inner.send(parcel, deadline)?;
        self.sent.insert(parcel.id, (Instant::now(), parcel.events, parcel.body.len()));
        Ok(())
    }

    fn poll(&mut self, patience: Duration) -> Option<News> {
        let news = self.inner.poll(patience)?;
        match &news {
            News::Accepted(id) => self.arrived(*id),
            News::Receipt(receipt) => self.arrived(receipt.parcel),
            _ => {}
        }
        Some(news)
    }

    fn close(&mut self, deadline: Instant) {
        self.inner.close(deadline);
    }
}

fn metered(far: &FarSide, tally: &Arc<Tally>) -> Result<TransportFactory, String> {
    let factory = from_url(&far.url(), &Options::new()).map_err(|error| error.to_string())?;
    let tally = Arc::clone(tally);
    Ok(Box::new(move || {
        let (inner, tally) = (factory()?, Arc::clone(&tally));
        Ok(Box::new(Metered { inner, tally, sent: HashMap::new() }) as Box<dyn Transport>)
    }))
}

/// Events through a forwarder.
pub(crate) fn forwarder(far: &FarSide, handed: &Handed<'_>) -> Result<Run, String> {
    let tally = Arc::new(Tally::default());
    let (factory, before) = (metered(far, &tally)?, cpu());
    let (took, lost) = hand_over(factory, handed, || tally.events())?;
    Ok(tally.run(took, cpu() - before, lost))
}

/// Parcels that were made before, through our transport alone.
pub(crate) fn transport(far: &FarSide, parcels: &[Parcel]) -> Result<Run, String> {
    let tally = Arc::new(Tally::default());
    let mut transport = metered(far, &tally)?().map_err(|error| error.to_string())?;
    let wanted: u64 = parcels.iter().map(|parcel| u64::from(parcel.events)).sum();
    let (begin, before) = (Instant::now(), cpu());
    let (mut under_way, mut next) = (0, parcels.iter());
    while tally.events() < wanted {
        while under_way < WINDOW
            && let Some(parcel) = next.next()
        {
            transport.send(parcel, Instant::now() + PATIENCE).map_err(|error| error.to_string())?;
            under_way += 1;
        }
        match transport.poll(PATIENCE) {
            Some(News::Accepted(_) | News::Receipt(_)) => under_way -= 1,
            other => return Err(format!("instead of an acknowledgement: {other:?}")),
        }
    }
    Ok(tally.run(begin.elapsed(), cpu() - before, 0))
}
