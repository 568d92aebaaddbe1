//! `publish_confirmed` by many threads at once into a spool, each waiting for the sync of its own event.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use veribus_core::{Source, VerificationEventBus, event};
use veribus_handlers::{ForwardHandler, SpoolSettings};

use crate::load::nowhere;
use crate::run::{Run, cpu};

/// Threads that wait.
const WAITERS: u64 = 64;
/// How long one may wait.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an event, about; for the column of bytes alone.
const BYTES: u64 = 200;

/// So many events, each confirmed to its thread before that thread publishes the next. The parcels go nowhere.
pub(crate) fn confirmed(events: u64, folder: &Path) -> Result<Run, String> {
    let handler =
        ForwardHandler::builder(nowhere(), Source::new("benches")).spool(SpoolSettings::new(folder));
    let bus = VerificationEventBus::builder().source(Source::new("benches")).build();
    bus.register_handler(Box::new(handler.build().map_err(|error| error.to_string())?));
    let (lost, each) = (AtomicU64::new(0), events / WAITERS);
    let (bus, counted) = (&bus, &lost);
    let (begin, before) = (Instant::now(), cpu());
    let nanos = thread::scope(|scope| {
        let waiters: Vec<_> = (0..WAITERS)
            .map(|waiter| scope.spawn(move || wait_for_each(bus, waiter, each, counted)))
            .collect();
        waiters.into_iter().flat_map(|waiter| waiter.join().unwrap_or_default()).collect()
    });
    let (took, cpu, events) = (begin.elapsed(), cpu() - before, each * WAITERS);
    bus.close(PATIENCE);
    Ok(Run { events, bytes: events * BYTES, lost: lost.into_inner(), took, cpu, nanos })
}

fn wait_for_each(bus: &VerificationEventBus, waiter: u64, events: u64, lost: &AtomicU64) -> Vec<u64> {
    let actor = format!("user-{waiter:06}");
    let mut nanos = Vec::new();
    for _ in 0..events {
        let since = Instant::now();
        let login = event::authentication("login").failure().actor(&actor).reason("bad_password");
        if bus.publish_confirmed(login, PATIENCE).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
        nanos.push(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    nanos
}
