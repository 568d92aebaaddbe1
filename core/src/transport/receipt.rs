//! What the collector says about a parcel after its store's commit; the same text on every way back.
//!
//! JSON, at most 64 KiB: `{"parcel":"<32 hex>","stored":97,"duplicates":2,"refused":[{"index":5,"code":"EVT_TOO_LARGE"}]}`.
//! Members that are not known are ignored, so that a newer collector may say more.

use super::parcel::ParcelId;
use crate::codec::{CodecError, receipt};

/// Longest receipt, in bytes of JSON: a parcel of 1,000 events of which each is refused fits.
pub const RECEIPT_BYTES_MAX: usize = 64 * 1024;
/// Longest code of a refusal, in bytes.
pub const REFUSAL_CODE_BYTES_MAX: usize = 40;

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
    /// Why: a code such as `EVT_TOO_LARGE`, 1 to 40 of A to Z, 0 to 9 and `_`.
    pub code: String,
}

impl StoreReceipt {
    /// Appends it as one line of JSON without its end.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        receipt::encode(self, out);
    }

    /// Reads what [`StoreReceipt::to_json`] or a newer collector wrote; `input` is not trusted.
    ///
    /// # Errors
    /// [`CodecError`]: not such JSON, longer than [`RECEIPT_BYTES_MAX`], or about more events than a parcel holds.
    ///
    /// ```
    /// use veribus_core::transport::StoreReceipt;
    /// let json = br#"{"parcel":"000000000000feed0000000000000007","stored":97,"duplicates":3,"refused":[]}"#;
    /// let receipt = StoreReceipt::from_json(json)?;
    /// assert_eq!((receipt.parcel.number(), receipt.stored, receipt.duplicates), (7, 97, 3));
    /// # Ok::<(), veribus_core::CodecError>(())
    /// ```
    pub fn from_json(input: &[u8]) -> Result<Self, CodecError> {
        receipt::decode(input)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<StoreReceipt, &'static str> {
        StoreReceipt::from_json(text.as_bytes()).map_err(|error| error.code())
    }

    const ID: &str = r#""parcel":"000000000000feed0000000000000007""#;

    #[test]
    fn a_newer_collector_may_say_more() {
        let text =
            format!(r#"{{"v":[{{"x":2}}],{ID},"stored":1,"refused":[{{"index":0,"code":"A","why":null}}]}}"#);
        let receipt = read(&text).unwrap();
        assert_eq!((receipt.stored, receipt.duplicates, receipt.refused.len()), (1, 0, 1));
    }

    #[test]
    fn what_is_no_receipt_says_why() {
        let cases = [
            (String::new(), "JSON_TRUNCATED"),
            ("[]".to_owned(), "EVT_FIELD_TYPE"),
            (format!("{{{ID}}}"), "EVT_FIELD_MISSING"),
            (r#"{"stored":1}"#.to_owned(), "EVT_FIELD_MISSING"),
            (format!(r#"{{{ID},"stored":1,"stored":2}}"#), "JSON_DUPLICATE_KEY"),
            (format!(r#"{{{ID},"stored":-1}}"#), "EVT_NUMBER_RANGE"),
            (format!(r#"{{{ID},"stored":1001}}"#), "EVT_NUMBER_RANGE"),
            (format!(r#"{{{ID},"stored":1000,"duplicates":1}}"#), "BATCH_TOO_MANY"),
            (format!(r#"{{{ID},"stored":1,"refused":[{{"index":1000,"code":"A"}}]}}"#), "EVT_NUMBER_RANGE"),
            (format!(r#"{{{ID},"stored":1,"refused":[{{"index":1,"code":"a b"}}]}}"#), "BATCH_SHAPE"),
            (format!(r#"{{{ID},"stored":1}} x"#), "JSON_TRAILING"),
            (r#"{"parcel":"7","stored":1}"#.to_owned(), "EVT_ID_INVALID"),
            (" ".repeat(RECEIPT_BYTES_MAX + 1), "BATCH_TOO_LARGE"),
        ];
        for (text, code) in cases {
            assert_eq!(read(&text), Err(code), "{text:.80}");
        }
    }

    #[test]
    fn the_longest_receipt_fits() {
        let refused = |index| Refused { index, code: "X".repeat(REFUSAL_CODE_BYTES_MAX) };
        let parcel = ParcelId::new(u64::MAX, u64::MAX);
        let receipt =
            StoreReceipt { parcel, stored: 0, duplicates: 0, refused: (0..1000).map(refused).collect() };
        let mut json = Vec::new();
        receipt.to_json(&mut json);
        assert_eq!(StoreReceipt::from_json(&json), Ok(receipt), "{} bytes", json.len());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            start: u64,
            number: u64,
            stored in 0_u32..400,
            duplicates in 0_u32..400,
            refused in proptest::collection::vec((0_u32..1000, "[A-Z0-9_]{1,40}"), 0..200),
        ) {
            let refused = refused.into_iter().map(|(index, code)| Refused { index, code }).collect();
            let receipt = StoreReceipt { parcel: ParcelId::new(start, number), stored, duplicates, refused };
            let mut json = Vec::new();
            receipt.to_json(&mut json);
            prop_assert_eq!(StoreReceipt::from_json(&json), Ok(receipt));
        }

        #[test]
        fn no_bytes_make_it_panic(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = StoreReceipt::from_json(&input);
        }
    }
}
