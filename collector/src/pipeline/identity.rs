//! Events that come without an identity get one: the collector's own instance, lane 0, the next number.

use veribus_core::{EventId, InstanceId};

use crate::store::IncomingBatch;

const LANE: u16 = 0;

/// The identity of an event that has none: 128 zero bits.
pub const NO_IDENTITY: EventId = EventId::from_bits(0);

/// This start of the collector as a publisher.
#[derive(Debug)]
pub struct Identity {
    instance: InstanceId,
    last: u64,
}

impl Default for Identity {
    fn default() -> Self {
        Identity::new()
    }
}

impl Identity {
    /// A new instance with an empty lane.
    pub fn new() -> Self {
        Identity { instance: InstanceId::random(), last: 0 }
    }

    /// Names every event of `batches` that has no identity yet: foreign ones and the collector's own.
    ///
    /// A number whose transaction then fails is not used again.
    pub fn assign(&mut self, batches: &mut [IncomingBatch]) {
        for incoming in batches.iter_mut().flat_map(|batch| &mut batch.events) {
            if incoming.event.id == NO_IDENTITY {
                self.last += 1;
                incoming.name(EventId::new(self.instance, LANE, self.last));
            }
        }
    }
}
