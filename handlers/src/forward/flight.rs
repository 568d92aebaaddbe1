//! One parcel on its way, with what is needed to send it again, to free its events, or to split it.

use std::sync::Arc;
use std::time::Instant;

use veribus_core::codec::JoinedBatch;
use veribus_core::transport::{Compression, Parcel, ParcelId};

use super::reader::Chunk;

/// Earlier ids of a parcel whose late receipt still counts.
const EARLIER_IDS_MAX: usize = 4;

/// How far a parcel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// To be sent, for the first time or again.
    Ready,
    /// Sent, or accepted by the next hop, at that time.
    Sent(Instant),
    /// Its events may be freed.
    Done,
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
