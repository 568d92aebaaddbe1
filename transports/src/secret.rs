//! A password or token that no message, log or debug output shows.

use std::fmt;

/// Text that is only shown as `***`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text, for the wire alone.
    #[cfg_attr(not(feature = "network"), allow(dead_code))]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Not left behind in freed memory.
impl Drop for Secret {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
