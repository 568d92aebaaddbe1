//! From a broker to the writer: one thread for each subscription, stored first and settled second.
//!
//! A parcel goes the way of an HTTP body: the same limits, the same queue, the same commit. Only after that commit is
//! it acknowledged and its receipt sent. Whatever happens before leaves it with the broker, which delivers it again.

mod open;
mod pause;
mod receiver;
mod reception;
#[cfg(test)]
mod tests;
mod unusable;

pub use pause::Pause;
pub use receiver::Receiver;
pub use reception::{Notice, Reception, ReceptionStatus};

use veribus_core::transport::{Subscription, TransportError};
use veribus_transports::{Options, subscription_from_url};

/// The receiving end of the broker at `url`, for the group that it names.
///
/// # Errors
/// [`TransportError::Configuration`], without a secret in its text.
pub fn subscribe(url: &str) -> Result<Box<dyn Subscription>, TransportError> {
    subscription_from_url(url, &Options::new())
}
