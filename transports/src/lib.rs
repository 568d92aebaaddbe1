//! Ways between a sender and a collector: HTTP, NATS JetStream, Redis Streams and memory.
//!
//! [`from_url`] makes the sending end for any of them, [`subscription_from_url`] the receiving end of those that have
//! one (a collector receives HTTP itself). Both read the same addresses; see `docs/transports.md`.
//!
//! ```
//! use veribus_transports::{Options, from_url};
//! let factory = from_url("memory://docs", &Options::new())?;
//! assert_eq!(factory()?.destination(), "memory://docs");
//! # Ok::<(), veribus_core::transport::TransportError>(())
//! ```

mod address;
#[cfg(feature = "network")]
mod engine;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "network")]
mod network;
mod options;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "nats", feature = "redis"))]
mod seal;
mod secret;

#[cfg(feature = "memory")]
pub use memory::MemoryBroker;
pub use options::Options;

use address::{Address, Scheme};
use veribus_core::transport::{Subscription, Transport, TransportError, TransportFactory};

/// The sending end of the way that `url` names; `options` are those of the URL's query, and win over them.
///
/// Nothing is connected and no file is read before the factory is called.
///
/// # Errors
/// [`TransportError::Configuration`] for an address or option that cannot be used, with what is allowed; no text of it
/// holds a password or token.
pub fn from_url(url: &str, options: &Options) -> Result<TransportFactory, TransportError> {
    let address = Address::parse(url, options)?;
    Ok(Box::new(move || sender(&address)))
}

fn sender(address: &Address) -> Result<Box<dyn Transport>, TransportError> {
    match address.scheme {
        #[cfg(feature = "memory")]
        Scheme::Memory => Ok(MemoryBroker::named(&address.hosts[0].name).sender()),
        #[cfg(feature = "http")]
        Scheme::Http | Scheme::Https => http::sender(address),
        #[cfg(feature = "nats")]
        Scheme::Nats | Scheme::NatsTls => nats::sender(address),
        #[cfg(feature = "redis")]
        Scheme::Redis | Scheme::RedisTls => redis::sender(address),
        #[allow(unreachable_patterns)]
        scheme => Err(scheme.not_built()),
    }
}

/// The receiving end of the way that `url` names, a member of the group of the option `group`.
///
/// # Errors
/// As [`from_url`]; `http` and `https` have no receiving end here. What connects does so in the first `receive`.
pub fn subscription_from_url(url: &str, options: &Options) -> Result<Box<dyn Subscription>, TransportError> {
    let address = Address::parse(url, options)?;
    match address.scheme {
        #[cfg(feature = "memory")]
        Scheme::Memory => Ok(MemoryBroker::named(&address.hosts[0].name).subscription()),
        #[cfg(feature = "nats")]
        Scheme::Nats | Scheme::NatsTls => nats::subscription(&address),
        #[cfg(feature = "redis")]
        Scheme::Redis | Scheme::RedisTls => redis::subscription(&address),
        Scheme::Http | Scheme::Https => Err(TransportError::Configuration {
            setting: address.shown(),
            reason: "a collector receives HTTP itself; subscribe to nats, tls, redis or rediss".to_owned(),
        }),
        #[allow(unreachable_patterns)]
        scheme => Err(scheme.not_built()),
    }
}
