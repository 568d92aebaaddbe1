//! Receipts that only a holder of the shared key can make: HMAC-SHA256 over what they say, and for whom.

use ring::hmac::{HMAC_SHA256, Key, sign, verify};
use veribus_core::transport::TransportError;

use crate::options::invalid;
use crate::secret::Secret;

/// Shortest key, in bytes.
const KEY_BYTES_MIN: usize = 32;
/// So that a seal is of nothing else that somebody may use the same key for.
const PURPOSE: &str = "veribus receipt";

/// Seals receipts, and knows sealed ones. Without a key every receipt is taken: then only the broker's permissions
/// keep others from freeing what is not stored.
#[derive(Clone, Default)]
pub(crate) struct Seal(Option<Key>);

impl Seal {
    pub(crate) fn new(key: Option<&Secret>) -> Result<Self, TransportError> {
        let Some(key) = key else { return Ok(Seal(None)) };
        if key.reveal().len() < KEY_BYTES_MIN {
            let reason = format!("its first line has fewer than {KEY_BYTES_MIN} characters");
            return Err(invalid("receipt_key_file", reason));
        }
        Ok(Seal(Some(Key::new(HMAC_SHA256, key.reveal().as_bytes()))))
    }

    /// 64 hexadecimal digits for a receipt of `sender` on `stream`; `None` without a key.
    pub(crate) fn of(&self, stream: &str, sender: &str, receipt: &[u8]) -> Option<String> {
        let tag = sign(self.0.as_ref()?, &said(stream, sender, receipt));
        Some(tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether `seal` is that of this receipt; compared in constant time.
    pub(crate) fn is_good(&self, stream: &str, sender: &str, receipt: &[u8], seal: &str) -> bool {
        let Some(key) = &self.0 else { return true };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let pair = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8);
        let tag: Option<Vec<u8>> = seal.as_bytes().chunks(2).map(pair).collect();
        tag.is_some_and(|tag| verify(key, &said(stream, sender, receipt), &tag).is_ok())
    }
}

/// Each part ends where the next begins: no two of stream and sender can be taken for one another.
fn said(stream: &str, sender: &str, receipt: &[u8]) -> Vec<u8> {
    [PURPOSE.as_bytes(), stream.as_bytes(), sender.as_bytes(), receipt].join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: &str) -> Seal {
        Seal::new(Some(&Secret::new(key))).unwrap()
    }

    #[test]
    fn a_seal_is_of_one_key_stream_sender_and_receipt() {
        let key = "0123456789abcdef0123456789abcdef";
        let tag = seal(key).of("veribus", "feed", b"{}").unwrap();
        assert!(seal(key).is_good("veribus", "feed", b"{}", &tag));
        assert!(!seal(&key.replace('0', "1")).is_good("veribus", "feed", b"{}", &tag));
        assert!(!seal(key).is_good("veribu", "sfeed", b"{}", &tag));
        assert!(!seal(key).is_good("veribus", "beef", b"{}", &tag));
        assert!(!seal(key).is_good("veribus", "feed", b"{ }", &tag));
        for bad in ["", "0", &tag[1..], "zz", "\u{e4}\u{f6}"] {
            assert!(!seal(key).is_good("veribus", "feed", b"{}", bad), "{bad}");
        }
    }

    #[test]
    fn a_short_key_is_refused_and_not_shown() {
        let error = Seal::new(Some(&Secret::new("hunter2"))).err().unwrap().to_string();
        assert!(error.contains("32") && !error.contains("hunter2"), "{error}");
        assert_eq!(Seal::default().of("veribus", "feed", b"{}"), None);
    }
}
