//! Who an alert is about: the source address, else the actor's name.

use std::fmt;
use std::net::IpAddr;

use veribus_core::escape::truncated;
use veribus_core::{Text, VerificationEvent};

/// The one whose events are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Entity {
    /// A source address. An IPv4 address inside an IPv6 one is that IPv4 address.
    Ip(IpAddr),
    /// An actor, where no address is known.
    Actor(Text),
}

impl Entity {
    /// The entity of an event; `None` if it names neither an address nor an actor.
    pub fn of(event: &VerificationEvent) -> Option<Entity> {
        let actor = event.actor.as_ref()?;
        match (actor.ip, &actor.name) {
            (Some(ip), _) => Some(Entity::Ip(ip.to_canonical())),
            (None, Some(name)) => Some(Entity::Actor(name.clone())),
            (None, None) => None,
        }
    }

    /// `ip` or `actor`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Entity::Ip(_) => "ip",
            Entity::Actor(_) => "actor",
        }
    }

    /// The whole value, as it came.
    pub(crate) fn value(&self) -> String {
        match self {
            Entity::Ip(ip) => ip.to_string(),
            Entity::Actor(name) => name.as_str().to_owned(),
        }
    }
}

/// Escaped, and cut to 128 characters.
impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entity::Ip(ip) => fmt::Display::fmt(ip, f),
            Entity::Actor(name) => fmt::Display::fmt(&truncated(name, 128), f),
        }
    }
}
