//! Parcels that cannot be read: tried some times, then kept as they came.

use std::time::Duration;

use veribus_core::Timestamp;
use veribus_core::event::limits::BATCH_EVENTS_MAX;
use veribus_core::transport::{Delivery, ParcelId, Refused, StoreReceipt};

use super::open::Reason;
use crate::store::Undeliverable;

/// Deliveries after which a parcel that cannot be read is a dead letter.
pub(super) const DELIVERIES_MAX: u64 = 5;
/// After this it is delivered again while no more dead letters are taken.
pub(super) const FULL_AGAIN: Duration = Duration::from_secs(30);
/// Pause behind the first delivery; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Characters of a media type and of an encoding that are kept; none that is known has so many.
const NAME_CHARS: usize = 200;

/// How long a parcel rests after so many deliveries: 250 ms to 2 s, about 4 s in all.
pub(super) fn again_after(deliveries: u64) -> Duration {
    let doublings = deliveries.saturating_sub(1).min(DELIVERIES_MAX);
    FIRST_PAUSE.saturating_mul(1 << doublings)
}

/// The parcel as a dead letter.
pub(super) fn letter(
    delivery: Delivery,
    reason: &Reason,
    origin: &str,
    received: Timestamp,
) -> Undeliverable {
    let short = |text: &str| text.chars().take(NAME_CHARS).collect();
    Undeliverable {
        origin: origin.to_owned(),
        parcel: delivery.parcel.map(|parcel| parcel.to_string()),
        code: reason.code.to_owned(),
        reason: reason.message.clone(),
        media_type: short(&delivery.media_type),
        encoding: short(delivery.compression.as_ref().map_or_else(String::as_str, |known| known.as_str())),
        deliveries: delivery.deliveries,
        received,
        body: delivery.body,
    }
}

/// A receipt by which every event of `parcel` is refused, however many there are: nobody here can count them.
pub(super) fn refusal_of_all(parcel: ParcelId, code: &str) -> StoreReceipt {
    let places = 0..u32::try_from(BATCH_EVENTS_MAX).expect("a batch has at most 1,000 events");
    let refused = places.map(|index| Refused { index, code: code.to_owned() }).collect();
    StoreReceipt { parcel, stored: 0, duplicates: 0, refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_is_dead_after_five_deliveries_within_seconds() {
        let pauses: Vec<u128> = (1..DELIVERIES_MAX).map(|n| again_after(n).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000]);
        assert!(again_after(u64::MAX) < Duration::from_secs(30));
    }

    #[test]
    fn a_refusal_of_all_is_a_receipt_that_can_be_read() {
        let receipt = refusal_of_all(ParcelId::new(1, 2), "MSGPACK_TRUNCATED");
        let mut json = Vec::new();
        receipt.to_json(&mut json);
        assert_eq!(StoreReceipt::from_json(&json), Ok(receipt));
    }
}
