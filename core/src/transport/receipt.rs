//! What the collector says about a parcel after its store's commit; the same text on every way back.
//!
//! JSON, at most 64 KiB: `{"parcel":"<32 hex>","stored":97,"duplicates":2,"refused":[{"index":5,"code":"EVT_TOO_LARGE"}]}`.
//! Members that are not known are ignored, so that a newer collector may say more.

use super::parcel::ParcelId;

/// The collector committed this parcel: everything in it is now stored, was stored before, or is refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReceipt {
    /// Which parcel.
    pub parcel: ParcelId,
    /// Events stored by this delivery.
    pub stored: u32,
    /// Events that were stored before.
    pub duplicates: u32,
    /// Events that will never be stored, by their place in the parcel.
    pub refused: Vec<Refused>,
}

/// One event that the collector will never store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the parcel, from 0.
    pub index: u32,
    /// Why: a code such as `EVT_TOO_LARGE`.
    pub code: String,
}
