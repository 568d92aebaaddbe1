//! Who acted, and on what.

use std::net::IpAddr;

use super::text::Text;

/// Who asked for the verification. At least one field is given; all is claimed, none of it is proven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Actor {
    /// Account, service or key owner, as the caller knows it.
    pub name: Option<Text>,
    /// Source address.
    pub ip: Option<IpAddr>,
    /// Source port.
    pub port: Option<u16>,
    /// Source host name, where that is all that is known.
    pub host: Option<Text>,
}

/// What the verification was about: a resource, a service, a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Target {
    /// Its name: `orders/17`, `sshd`, `/admin`.
    pub name: Text,
    /// What it is: `order`, `service`, `path`.
    pub kind: Option<Text>,
}

impl Actor {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Actor::default()
    }
}
