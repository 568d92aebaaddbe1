//! Events to a collector: the address and options as JavaScript says them, and how the forwarder stands.

use std::collections::HashMap;
use std::path::PathBuf;

use napi_derive::napi;
use veribus_core::transport::{Confirms, TransportFactory};
use veribus_handlers::forward::Breaker;
use veribus_handlers::{ForwardError, ForwardHandler, ForwardWatch, SpoolSettings};
use veribus_transports::{Options, from_url};

use crate::audit::already_registered;
use crate::bus::deadline;
use crate::environment;
use crate::error::{Fault, Result, describe, fault};
use crate::handler::{NativeHandlerId, family, register};
use crate::health::losses;
use crate::native::Said;

/// How a forwarder is set up; what is not given is the core's default.
#[napi(object)]
pub struct ForwardSettings {
    /// A directory for spools.
    pub spool: Option<String>,
    /// Most bytes of one process's spool.
    pub spool_bytes_max: Option<f64>,
    /// Bytes kept to explain losses when the disk is full.
    pub reserve_bytes: Option<f64>,
    /// Bytes after which a new segment is begun.
    pub segment_bytes: Option<f64>,
    /// Age at which events of `expiring` are given up.
    pub expire_after_ms: Option<f64>,
    /// Families whose events may expire.
    pub expiring: Option<Vec<String>>,
    /// Most events in a parcel.
    pub batch_events: Option<u32>,
    /// How long a parcel may wait to fill.
    pub linger_ms: Option<f64>,
    /// Bodies from this many bytes are compressed.
    pub compress_from: Option<f64>,
    /// Most parcels on their way.
    pub window: Option<u32>,
    /// How long an accepted parcel waits for its receipt.
    pub receipt_timeout_ms: Option<f64>,
    /// The first pause after a failure …
    pub back_off_first_ms: Option<f64>,
    /// … and the longest.
    pub back_off_most_ms: Option<f64>,
    /// Most bytes of events in memory, without a spool.
    pub memory_bytes_max: Option<f64>,
    /// How long it may go on sending when its bus goes without a close.
    pub close_within_ms: Option<f64>,
    /// Options of the way, by their names in `docs/transports.md`.
    pub options: HashMap<String, String>,
}

/// Sends every event to a collector; registered once.
#[napi]
pub struct NativeForwarder {
    waiting: Option<(TransportFactory, ForwardSettings)>,
    watch: Option<ForwardWatch>,
    destination: String,
}

/// How a spool stands.
#[napi(object)]
pub struct SpoolStatus {
    /// `normal`, or why it takes no events.
    pub state: String,
    /// Events without a receipt.
    pub pending: f64,
    /// Bytes on disk.
    pub bytes: f64,
    /// Most bytes on disk.
    pub bytes_max: f64,
}

/// How a forwarder stands.
#[napi(object)]
pub struct ForwardStatus {
    /// Where it sends to, without what is secret in the address.
    pub destination: String,
    /// `stored`, `accepted`, or nothing before it first connected.
    pub confirms: Option<String>,
    /// Events taken from the bus.
    pub taken: f64,
    /// Events that receipts called new.
    pub stored: f64,
    /// Events that receipts called stored before.
    pub duplicates: f64,
    /// Events lost after they were taken, by reason.
    pub lost: HashMap<String, f64>,
    /// Its spool, if it has one.
    pub spool: Option<SpoolStatus>,
    /// Events that wait in memory.
    pub in_memory: f64,
    /// Parcels without a receipt.
    pub in_flight: f64,
    /// Receipts.
    pub receipts: f64,
    /// Parcels sent again.
    pub resent: f64,
    /// Whether it has looked for spools of dead processes yet.
    pub looked: bool,
    /// Spools of dead processes that are being sent.
    pub adopted: f64,
    /// What was left alone in the spool's directory.
    pub set_aside: Vec<String>,
    /// Bytes in spools that were no record.
    pub damaged_bytes: f64,
    /// `closed` or `open`.
    pub breaker: String,
    /// Failures in a row.
    pub failures: u32,
    /// What failed last.
    pub last_error: Option<String>,
}

fn failed(found: &ForwardError) -> Fault {
    let code = match found {
        ForwardError::Locked { .. } => "FWD_LOCKED",
        ForwardError::CeilingTooHigh { .. } => "FWD_CEILING",
        ForwardError::Thread(_) => "FWD_THREAD",
        _ => "FWD_IO",
    };
    fault(code, describe(found))
}

#[napi]
impl NativeForwarder {
    /// Checks the address, its options and the files they name; connects to nothing.
    #[napi(constructor)]
    pub fn new(url: String, settings: ForwardSettings) -> Result<Self> {
        let given = settings
            .options
            .iter()
            .fold(Options::new(), |options, (name, value)| options.set(name.as_str(), value.as_str()));
        let refused = |found: veribus_core::transport::TransportError| fault("CFG_ADDRESS", describe(&found));
        let factory = from_url(&url, &given).map_err(refused)?;
        let destination = factory().map_err(refused)?.destination();
        Ok(NativeForwarder { waiting: Some((factory, settings)), watch: None, destination })
    }

    /// Makes the spool, starts the sender and moves it into a bus.
    #[napi]
    pub fn register(&mut self, bus: u32, said: Said, job: u32) -> Result<NativeHandlerId> {
        let (factory, settings) = self.waiting.take().ok_or_else(|| already_registered("Forwarder"))?;
        let source = environment::bus(bus)?.source().clone();
        let mut builder = ForwardHandler::builder(factory, source);
        for kind in settings.expiring.iter().flatten() {
            builder = builder.expiring(family(kind)?);
        }
        if let Some(dir) = &settings.spool {
            builder = builder.spool(spool(dir, &settings)?);
        }
        if let Some(events) = settings.batch_events {
            builder = builder.batch_events(events as usize);
        }
        if let Some(milliseconds) = settings.linger_ms {
            builder = builder.linger(deadline(milliseconds)?);
        }
        if let Some(bytes) = settings.compress_from {
            builder = builder.compress_from(bytes.is_finite().then_some(bytes as usize));
        }
        if let Some(parcels) = settings.window {
            builder = builder.window(parcels as usize);
        }
        if let Some(milliseconds) = settings.receipt_timeout_ms {
            builder = builder.receipt_timeout(deadline(milliseconds)?);
        }
        if let (Some(first), Some(most)) = (settings.back_off_first_ms, settings.back_off_most_ms) {
            builder = builder.back_off(deadline(first)?, deadline(most)?);
        }
        if let Some(bytes) = settings.memory_bytes_max {
            builder = builder.memory_bytes_max(bytes as usize);
        }
        if let Some(milliseconds) = settings.close_within_ms {
            builder = builder.close_within(deadline(milliseconds)?);
        }
        let handler = builder.build().map_err(|found| failed(&found))?;
        self.watch = Some(handler.watch());
        register(bus, Box::new(handler), &said, job)
    }

    /// How it stands: what waits, what was receipted, what was lost and why.
    #[napi]
    pub fn status(&self) -> ForwardStatus {
        let health = self.watch.as_ref().map(ForwardWatch::health).unwrap_or_default();
        let confirms = health.confirms.map(|confirms| match confirms {
            Confirms::Stored => "stored".to_owned(),
            Confirms::Accepted => "accepted".to_owned(),
        });
        ForwardStatus {
            destination: self.destination.clone(),
            confirms,
            taken: health.taken as f64,
            stored: health.stored as f64,
            duplicates: health.duplicates as f64,
            lost: losses(&health.lost),
            spool: health.spool.as_ref().map(|spool| SpoolStatus {
                state: format!("{:?}", spool.state).to_lowercase(),
                pending: spool.pending as f64,
                bytes: spool.bytes as f64,
                bytes_max: spool.bytes_max as f64,
            }),
            in_memory: health.in_memory as f64,
            in_flight: health.in_flight as f64,
            receipts: health.receipts as f64,
            resent: health.resent as f64,
            looked: health.looked,
            adopted: health.adopted as f64,
            set_aside: health.set_aside.clone(),
            damaged_bytes: health.damaged_bytes as f64,
            breaker: if health.breaker == Breaker::Open { "open" } else { "closed" }.to_owned(),
            failures: health.failures,
            last_error: health.last_error.clone(),
        }
    }
}

fn spool(dir: &str, settings: &ForwardSettings) -> Result<SpoolSettings> {
    let mut spool = SpoolSettings::new(PathBuf::from(dir));
    if let Some(bytes) = settings.spool_bytes_max {
        spool.bytes_max = bytes as u64;
    }
    if let Some(bytes) = settings.reserve_bytes {
        spool.reserve_bytes = bytes as u64;
    }
    if let Some(bytes) = settings.segment_bytes {
        spool.segment_bytes = bytes as u64;
    }
    if let Some(milliseconds) = settings.expire_after_ms {
        deadline(milliseconds)?;
        spool.expire_after = std::time::Duration::from_secs_f64(milliseconds / 1000.0);
    }
    Ok(spool)
}
