//! One sender at full speed or at a rate; what has no receipt when it ends is lost, and said.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use veribus_core::transport::{News, Parcel, ParcelId, Transport, TransportError};
use veribus_core::{CodecError, Timestamp};

use super::{Latencies, Samples};

/// How long receipts are waited for once everything is sent.
const LAST_RECEIPT_WITHIN: Duration = Duration::from_secs(60);
/// How long one call may wait.
const STEP: Duration = Duration::from_millis(20);
/// Pause after a parcel did not get through.
const PAUSE: Duration = Duration::from_millis(20);

/// What to send.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// For how long.
    pub time: Duration,
    /// Events of a parcel, 1 to 1,000.
    pub batch: u32,
    /// Parcels without a receipt at once.
    pub window: usize,
    /// Events a second; `None` for as many as go.
    pub rate: Option<u32>,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Measured {
    /// Events sent.
    pub events: u64,
    /// Parcels sent.
    pub parcels: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Events that receipts say were stored.
    pub stored: u64,
    /// Events that receipts say were stored before: of parcels that had to be sent again.
    pub duplicates: u64,
    /// Events that receipts say will never be stored.
    pub refused: u64,
    /// Events of parcels that got no receipt.
    pub unanswered: u64,
    /// Times that a parcel did not get through and was sent again.
    pub retries: u64,
    /// From the first parcel to the last receipt.
    #[serde(skip)]
    pub took: Duration,
    /// From when a parcel was due to its receipt.
    #[serde(skip)]
    pub latencies: Latencies,
}

/// Why a load could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The way does not take it.
    #[error("the load cannot be sent")]
    Transport(#[from] TransportError),
    /// It is no batch.
    #[error("the load is no batch")]
    Codec(#[from] CodecError),
}

struct Flight {
    parcel: Parcel,
    due: Instant,
}

struct Sending<'t> {
    transport: &'t mut dyn Transport,
    flights: HashMap<ParcelId, Flight>,
    again: Vec<ParcelId>,
    measured: Measured,
    last: Instant,
}

impl Load {
    /// Sends it through `transport` and waits for the receipts.
    ///
    /// # Errors
    /// [`LoadError`]: an address, a credential or a size that the other end will never take. What can be tried again is.
    pub fn run(&self, transport: &mut dyn Transport, samples: &mut Samples) -> Result<Measured, LoadError> {
        let began = Instant::now();
        let mut sending = Sending {
            transport,
            flights: HashMap::new(),
            again: Vec::new(),
            measured: Measured::default(),
            last: began,
        };
        let until = began + self.time;
        while Instant::now() < until {
            let due = self.due(sending.measured.parcels, began);
            let now = Instant::now();
            if sending.flights.len() >= self.window || due > now {
                let wait = due.saturating_duration_since(now).min(STEP);
                sending.hear(if sending.flights.len() >= self.window { STEP } else { wait })?;
                continue;
            }
            let parcel = samples.parcel(self.batch, Timestamp::now())?;
            sending.begin(parcel, if self.rate.is_some() { due } else { now })?;
            sending.hear(Duration::ZERO)?;
        }
        let until = Instant::now() + LAST_RECEIPT_WITHIN;
        while !sending.flights.is_empty() && Instant::now() < until {
            sending.hear(STEP)?;
        }
        Ok(sending.measured(began))
    }

    /// When the parcel behind `parcels` others is to be sent.
    fn due(&self, parcels: u64, began: Instant) -> Instant {
        let Some(rate) = self.rate else { return began };
        began + Duration::from_secs_f64((parcels * u64::from(self.batch)) as f64 / f64::from(rate))
    }
}

impl Sending<'_> {
    fn begin(&mut self, parcel: Parcel, due: Instant) -> Result<(), LoadError> {
        self.measured.parcels += 1;
        self.measured.events += u64::from(parcel.events);
        self.measured.bytes += parcel.body.len() as u64;
        let id = parcel.id;
        self.flights.insert(id, Flight { parcel, due });
        self.send(id)
    }

    fn send(&mut self, id: ParcelId) -> Result<(), LoadError> {
        let Some(flight) = self.flights.get(&id) else { return Ok(()) };
        match self.transport.send(&flight.parcel, Instant::now() + LAST_RECEIPT_WITHIN) {
            Ok(()) => Ok(()),
            Err(error) => self.failed(id, error),
        }
    }

    fn failed(&mut self, id: ParcelId, error: TransportError) -> Result<(), LoadError> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        self.measured.retries += 1;
        self.again.push(id);
        Ok(())
    }

    /// Hears everything that there is, waiting at most `patience` for the first; then sends again what failed.
    fn hear(&mut self, patience: Duration) -> Result<(), LoadError> {
        let mut patience = patience;
        while let Some(news) = self.transport.poll(patience) {
            patience = Duration::ZERO;
            match news {
                News::Receipt(receipt) => {
                    let Some(flight) = self.flights.remove(&receipt.parcel) else { continue };
                    self.last = Instant::now();
                    self.measured.latencies.add(self.last.saturating_duration_since(flight.due));
                    self.measured.stored += u64::from(receipt.stored);
                    self.measured.duplicates += u64::from(receipt.duplicates);
                    self.measured.refused += receipt.refused.len() as u64;
                }
                News::Failed { parcel, error } => self.failed(parcel, error)?,
                _ => {}
            }
        }
        if self.again.is_empty() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
        std::mem::take(&mut self.again).into_iter().try_for_each(|id| self.send(id))
    }

    fn measured(mut self, began: Instant) -> Measured {
        self.measured.took = self.last.saturating_duration_since(began);
        self.measured.unanswered = self.flights.values().map(|flight| u64::from(flight.parcel.events)).sum();
        self.measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes everything; every third parcel fails once, the last one is never answered.
    #[derive(Default)]
    struct Moody {
        sent: u64,
        failed: Vec<ParcelId>,
        news: Vec<News>,
        silent_from: u64,
    }

    impl Transport for Moody {
        fn destination(&self) -> String {
            "moody".into()
        }
        fn confirms(&self) -> veribus_core::transport::Confirms {
            veribus_core::transport::Confirms::Stored
        }
        fn body_bytes_max(&self) -> usize {
            usize::MAX
        }
        fn send(&mut self, parcel: &Parcel, _: Instant) -> Result<(), TransportError> {
            self.sent += 1;
            if parcel.id.number().is_multiple_of(3) && !self.failed.contains(&parcel.id) {
                self.failed.push(parcel.id);
                let busy = TransportError::Busy {
                    destination: String::new(),
                    reason: String::new(),
                    retry_after: None,
                };
                self.news.push(News::Failed { parcel: parcel.id, error: busy });
            } else if parcel.id.number() < self.silent_from {
                let receipt = veribus_core::transport::StoreReceipt {
                    parcel: parcel.id,
                    stored: parcel.events,
                    duplicates: 0,
                    refused: Vec::new(),
                };
                self.news.push(News::Receipt(receipt));
            }
            Ok(())
        }
        fn poll(&mut self, _: Duration) -> Option<News> {
            self.news.pop()
        }
        fn close(&mut self, _: Instant) {}
    }

    #[test]
    fn what_fails_is_sent_again_and_everything_is_counted() {
        let load = Load { time: Duration::from_millis(200), batch: 10, window: 4, rate: Some(1_000) };
        let mut moody = Moody { silent_from: u64::MAX, ..Moody::default() };
        let measured = load.run(&mut moody, &mut Samples::new(false)).unwrap();
        assert!(measured.parcels > 3 && measured.parcels <= 21, "{measured:?}");
        assert_eq!((measured.stored, measured.unanswered), (measured.events, 0));
        assert_eq!(measured.retries, moody.failed.len() as u64);
        assert!(measured.retries > 0);
    }
}
