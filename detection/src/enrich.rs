//! Enrichment: what others know of an address, through a trait; asked once for each new alert.

use std::fmt::Debug;
use std::net::IpAddr;

use veribus_core::Text;

/// A source of context for addresses: a local database, a cached service. Never blocks on a network.
pub trait Enrichment: Debug + Send {
    /// What is known of `ip`; `None` if nothing.
    fn about(&self, ip: IpAddr) -> Option<Context>;
}

/// What a provider knows of an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// ISO 3166-1 alpha-2 country code: `DE`.
    pub country: Option<Text>,
    /// Bad reputation, 0 (none known) to 100.
    pub reputation: Option<u8>,
    /// Name of the provider, for the explanation.
    pub provider: Text,
}

/// Knows nothing: the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEnrichment;

impl Enrichment for NoEnrichment {
    fn about(&self, _: IpAddr) -> Option<Context> {
        None
    }
}
