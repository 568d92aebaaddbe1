//! What the way says: what is receipted is done, what failed or stays silent is sent again, what is refused is a loss.

use std::time::{Duration, Instant};

use veribus_core::transport::{Confirms, News, ParcelId, StoreReceipt, TransportError};
use veribus_core::{Account, EventId, InstanceId, LossReason, Timestamp, planted};

use super::super::flight::{Flight, Progress};
use super::super::handler::coalesce;
use super::super::reader::Chunk;
use super::{PATIENCE, Sender, pause};

impl Sender {
    pub(super) fn listen(&mut self) {
        let outstanding = self.flights.iter().any(|flight| flight.progress.since().is_some());
        let mut patience = PATIENCE.min(self.settings.receipt_timeout);
        let Some(transport) = self.transport.as_deref_mut().filter(|_| outstanding) else {
            if !self.flights.is_empty() {
                // Only a pause is left to wait for; whoever closes must not wait for it.
                let left = self.not_before.saturating_duration_since(Instant::now());
                std::thread::sleep(left.min(PATIENCE));
            }
            return;
        };
        let mut all = Vec::new();
        while let Some(news) = transport.poll(patience) {
            all.push(news);
            patience = Duration::ZERO;
            if all.len() == 256 {
                break;
            }
        }
        all.into_iter().for_each(|news| self.hear(news));
    }

    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Accepted(id) => {
                let stored = self.transport.as_ref().is_some_and(|t| t.confirms() == Confirms::Stored);
                self.succeed();
                if let Some(flight) = self.flights.iter_mut().find(|flight| flight.is(id)) {
                    let done = flight.progress == Progress::Done;
                    flight.progress = match stored {
                        true if !done && !planted!("free-on-acceptance") => {
                            Progress::Accepted(Instant::now())
                        }
                        _ => Progress::Done,
                    };
                    self.shared.watch.update(|health| health.receipts += u64::from(!stored && !done));
                }
            }
            News::Receipt(receipt) => self.receipt(&receipt),
            News::Failed { parcel, error } => self.failed(parcel, &error),
            News::Disconnected(error) => self.fail(&error),
            News::Suspicious(text) => self.shared.watch.update(|health| health.last_error = Some(text)),
            _ => {}
        }
    }

    pub(super) fn receipt(&mut self, receipt: &StoreReceipt) {
        self.succeed();
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.is(receipt.parcel)) else { return };
        if flight.progress == Progress::Done {
            return;
        }
        let told = u64::from(receipt.stored) + u64::from(receipt.duplicates) + receipt.refused.len() as u64;
        if told < u64::from(flight.parcel.events) {
            // Of another parcel under this id: what is here is sent again once its time is over.
            let text = format!("a receipt tells of {told} of {} events", flight.parcel.events);
            return self.shared.watch.update(|health| health.last_error = Some(text));
        }
        flight.progress = Progress::Done;
        let refused: Vec<_> = receipt
            .refused
            .iter()
            .filter_map(|one| flight.chunk.ids.get(one.index as usize).copied())
            .collect();
        let (instance, spool) = (flight.chunk.instance, flight.spool);
        self.shared.watch.update(|health| {
            health.receipts += 1;
            health.stored += u64::from(receipt.stored);
            health.duplicates += u64::from(receipt.duplicates);
        });
        self.lose(instance, spool, &refused, LossReason::RejectedByCollector);
    }

    pub(super) fn lose(&self, instance: InstanceId, spool: Option<u64>, ids: &[EventId], reason: LossReason) {
        if ids.is_empty() {
            return;
        }
        let home = self.streams.iter().find(|stream| Some(stream.spool.id) == spool);
        let losses = coalesce(ids, reason, Timestamp::now());
        self.shared.lose(instance, reason, losses, home.map(|stream| &*stream.spool));
    }

    /// A parcel that nobody will ever take: its events are lost, and the collector is told.
    pub(super) fn give_up(&mut self, chunk: Chunk, spool: Option<u64>, reason: LossReason) {
        self.lose(chunk.instance, spool, &chunk.ids, reason);
        self.tell_again(&chunk);
        // An empty parcel in its place keeps the order in which the cursor moves.
        let mut rest = Chunk::empty(chunk.instance, self.shared.source.clone());
        (rest.end, rest.covered) = (chunk.end, chunk.covered);
        let id = self.next_id();
        if let Ok(mut flight) = Flight::new(id, rest, spool, None) {
            flight.progress = Progress::Done;
            self.flights.push_back(flight);
        }
    }

    /// What an event that goes had beside it in its parcel goes by itself.
    fn tell_again(&self, chunk: &Chunk) {
        let (losses, lanes) = (chunk.losses.clone(), chunk.lanes.clone());
        if !losses.is_empty() || !lanes.is_empty() {
            self.shared.tell(Account { instance: chunk.instance, losses, lanes }, None);
        }
    }

    pub(super) fn failed(&mut self, id: ParcelId, error: &TransportError) {
        let Some(at) = self.flights.iter().position(|flight| flight.is(id)) else { return };
        if self.flights[at].progress == Progress::Done {
            return;
        }
        self.flights[at].progress = Progress::Ready;
        if !matches!(error, TransportError::Refused { .. }) {
            return self.fail(error);
        }
        self.shared.watch.update(|health| health.last_error = Some(error.to_string()));
        if self.flights[at].chunk.ids.len() < 2 {
            let flight = &mut self.flights[at];
            flight.progress = Progress::Done;
            let (chunk, spool) = (flight.chunk.clone(), flight.spool);
            if !chunk.ids.is_empty() {
                self.tell_again(&chunk);
            }
            return self.lose(chunk.instance, spool, &chunk.ids, LossReason::RejectedByCollector);
        }
        let Some(flight) = self.flights.remove(at) else { return };
        let spool = flight.spool;
        let (first, second) = flight.chunk.halves();
        for chunk in [second, first] {
            let id = self.next_id();
            if let Ok(flight) = Flight::new(id, chunk, spool, self.settings.compress_from) {
                self.flights.insert(at, flight);
            }
        }
    }

    pub(super) fn fail(&mut self, error: &TransportError) {
        self.failures = self.failures.saturating_add(1);
        let pause = pause(&*self.rng, self.settings.back_off, self.failures);
        self.not_before = Instant::now() + error.retry_after().map_or(pause, |asked| asked.max(pause));
        self.shared.watch.update(|health| health.last_error = Some(error.to_string()));
    }

    pub(super) fn succeed(&mut self) {
        self.failures = 0;
        self.not_before = Instant::now();
    }

    /// What has waited too long for its receipt is sent again under another id.
    pub(super) fn resend(&mut self) {
        let (now, timeout) = (Instant::now(), self.settings.receipt_timeout);
        let late = |flight: &Flight| {
            let patience = timeout.saturating_mul(flight.attempts.clamp(1, 10));
            flight.progress.since().is_some_and(|since| now.saturating_duration_since(since) >= patience)
        };
        for at in 0..self.flights.len() {
            if late(&self.flights[at]) && !planted!("never-send-again") {
                let id = self.next_id();
                self.flights[at].rename(id);
                self.flights[at].progress = Progress::Ready;
            }
        }
    }
}
