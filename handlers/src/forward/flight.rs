//! One parcel on its way, with what is needed to send it again, to free its events, or to split it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use veribus_core::codec::JoinedBatch;
use veribus_core::event::limits::{BATCH_UNPACKED_FREE, BATCH_UNPACKED_RATIO_MAX};
use veribus_core::transport::{Compression, Parcel, ParcelId};
use veribus_core::{InstanceId, planted};

use super::reader::Chunk;

/// Earlier ids of a parcel whose late receipt still counts.
const EARLIER_IDS_MAX: usize = 4;

/// How far a parcel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// To be sent, for the first time or again.
    Ready,
    /// Sent at that time.
    Sent(Instant),
    /// Accepted by the next hop at that time, without a receipt.
    Accepted(Instant),
    /// Its events may be freed.
    Done,
}

impl Progress {
    /// Since when an answer or a receipt is awaited.
    pub(crate) fn since(self) -> Option<Instant> {
        match self {
            Progress::Sent(at) | Progress::Accepted(at) => Some(at),
            Progress::Ready | Progress::Done => None,
        }
    }
}

/// Whose turn it is to be sent, so that the events of one bus start are stored in order.
///
/// On a way that keeps order parcels follow each other, until one fails: then those behind it are waited for, and all
/// that failed is sent again in its order. On a way that does not, each parcel waits for the one before it.
pub(crate) struct Turns {
    keeps_order: bool,
    /// Bus starts that have a parcel under way, and those that have one to send again.
    under_way: BTreeSet<InstanceId>,
    failed: BTreeSet<InstanceId>,
}

impl Turns {
    /// As `flights` stand, oldest first.
    pub(crate) fn new(keeps_order: bool, flights: &VecDeque<Flight>) -> Self {
        let of = |is: fn(&Flight) -> bool| {
            flights.iter().filter(|flight| is(flight)).map(|flight| flight.chunk.instance).collect()
        };
        let under_way: BTreeSet<InstanceId> = match keeps_order {
            true => of(|flight| matches!(flight.progress, Progress::Sent(_))),
            false => BTreeSet::new(),
        };
        let failed = of(|flight| flight.progress == Progress::Ready && flight.attempts > 0);
        Turns { keeps_order, under_way, failed }
    }

    /// Whether `flight`, the next in order that is not done, may be sent now.
    pub(crate) fn has(&mut self, flight: &Flight) -> bool {
        let instance = flight.chunk.instance;
        let has_turn = match self.keeps_order {
            true => !(self.failed.contains(&instance) && self.under_way.contains(&instance)),
            // What tells of numbers alone has no place in their order.
            false => flight.chunk.ids.is_empty() || self.under_way.insert(instance),
        };
        (has_turn || planted!("ignore-turns")) && flight.progress == Progress::Ready
    }
}

#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) parcel: Parcel,
    earlier: Vec<ParcelId>,
    pub(crate) chunk: Chunk,
    /// Which spool its events are in: a number of the sender's, `None` for none.
    pub(crate) spool: Option<u64>,
    pub(crate) progress: Progress,
    pub(crate) attempts: u32,
}

/// Whether a collector unpacks so much from so little: it takes more than a hundred times as much for an attack.
fn is_believable(packed: usize, unpacked: usize) -> bool {
    unpacked <= BATCH_UNPACKED_FREE.max(packed.saturating_mul(BATCH_UNPACKED_RATIO_MAX))
}

impl Flight {
    /// Encodes `chunk` into a parcel; bodies from `compress_from` bytes on are compressed if that makes them smaller.
    ///
    /// # Errors
    /// The chunk, if it is more than a batch can hold.
    pub(crate) fn new(
        id: ParcelId,
        chunk: Chunk,
        spool: Option<u64>,
        compress_from: Option<usize>,
    ) -> Result<Flight, Box<Chunk>> {
        let mut body = Vec::with_capacity(chunk.events.len() + 256);
        let batch = JoinedBatch {
            source: &chunk.source,
            instance: chunk.instance,
            ids: &chunk.ids,
            events: &chunk.events,
            losses: &chunk.losses,
            lanes: &chunk.lanes,
        };
        if batch.encode_msgpack(&mut body).is_err() {
            return Err(Box::new(chunk));
        }
        let mut compression = Compression::None;
        if compress_from.is_some_and(|from| body.len() >= from)
            && let Ok(smaller) = zstd::bulk::compress(&body, 1)
            && smaller.len() < body.len()
            && is_believable(smaller.len(), body.len())
        {
            (body, compression) = (smaller, Compression::Zstd);
        }
        let events = u32::try_from(chunk.ids.len()).unwrap_or(u32::MAX);
        let parcel = Parcel { id, events, compression, body: Arc::from(body) };
        let (earlier, progress) = (Vec::new(), Progress::Ready);
        Ok(Flight { parcel, earlier, chunk, spool, progress, attempts: 0 })
    }

    pub(crate) fn is(&self, id: ParcelId) -> bool {
        self.parcel.id == id || self.earlier.contains(&id)
    }

    /// Gives it another id: a broker that knows the first one might take it for a repetition and drop it.
    pub(crate) fn rename(&mut self, id: ParcelId) {
        if self.earlier.len() == EARLIER_IDS_MAX {
            self.earlier.remove(0);
        }
        self.earlier.push(std::mem::replace(&mut self.parcel.id, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_would_take_for_an_attack_goes_uncompressed() {
        assert!(is_believable(100, BATCH_UNPACKED_FREE), "small ones always");
        assert!(is_believable(20_000, 2_000_000) && !is_believable(19_999, 2_000_000));
    }
}
