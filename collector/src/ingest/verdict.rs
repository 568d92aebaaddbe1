//! What is said about a batch after its commit: each of its events is stored, was stored before, or is refused.

use veribus_core::transport::{ParcelId, Refused, StoreReceipt};
use veribus_core::{Account, Timestamp};

use super::{Decoded, Rejection};
use crate::store::{IncomingBatch, Inserted};

/// What became of a batch. `accepted + duplicates + rejected` is the number of its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Stored now.
    pub accepted: usize,
    /// Stored before, the same: nothing to do.
    pub duplicates: usize,
    /// Not stored; to send them again will not help. By their places.
    pub rejected: Vec<Rejection>,
}

/// What is known about a batch before its commit.
#[derive(Debug, Default)]
pub struct Undecided {
    places: Vec<usize>,
    rejected: Vec<Rejection>,
}

impl Decoded {
    /// Splits what goes to the store from what its sender is told about the rest.
    pub fn into_batch(self, received: Timestamp) -> (IncomingBatch, Undecided) {
        let Decoded { source, instance, losses, lanes, extra, events, places, rejected, .. } = self;
        let account = instance.map(|instance| Account { instance, losses, lanes });
        (IncomingBatch { source, extra, received, events, account }, Undecided { places, rejected })
    }
}

impl IncomingBatch {
    /// Whether nothing of it has to be kept.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.account.as_ref().is_none_or(Account::is_empty)
    }
}

impl Undecided {
    /// The verdict, by what the store says of each event that it was given.
    pub fn decide(self, inserted: &[Inserted]) -> Verdict {
        let mut verdict = Verdict { rejected: self.rejected, ..Verdict::default() };
        for (index, inserted) in self.places.into_iter().zip(inserted) {
            match inserted {
                Inserted::Stored(_) => verdict.accepted += 1,
                Inserted::Duplicate => verdict.duplicates += 1,
                Inserted::Conflict => verdict.rejected.push(conflict(index)),
            }
        }
        verdict.rejected.sort_by_key(|rejection| rejection.index);
        verdict
    }
}

impl Verdict {
    /// The same as the receipt of a parcel.
    pub fn receipt(&self, parcel: ParcelId) -> StoreReceipt {
        let count = |n: usize| u32::try_from(n).expect("a batch has at most 1,000 events");
        let refused = |one: &Rejection| Refused { index: count(one.index), code: one.code.to_owned() };
        StoreReceipt {
            parcel,
            stored: count(self.accepted),
            duplicates: count(self.duplicates),
            refused: self.rejected.iter().map(refused).collect(),
        }
    }
}

fn conflict(index: usize) -> Rejection {
    let message = "an event with this id and another content is stored; the first one is kept".into();
    Rejection { index, code: "ID_CONFLICT", message }
}
