//! The other end of a connection: an address, with or without a port, or only a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use veribus_core::Actor;

/// Longest host name, in bytes (RFC 1035, section 2.3.4).
const HOST_BYTES_MAX: usize = 255;

/// Who connected, as far as a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Peer<'a> {
    pub(crate) ip: Option<IpAddr>,
    /// The interface of a link-local address: `eth0` of `fe80::1%eth0`.
    pub(crate) zone: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
    pub(crate) port: Option<u16>,
}

impl<'a> Peer<'a> {
    /// An address (IPv6 also in brackets or with a zone; IPv4 within IPv6 becomes IPv4) or a host name.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if let Some(ip) = parse_v4(text.as_bytes()) {
            return Some(Peer { ip: Some(IpAddr::V4(ip)), ..Peer::default() });
        }
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        let (address, zone) = match bare.split_once('%') {
            Some((address, zone)) => (address, Some(zone).filter(|z| is_host(z))),
            None => (bare, None),
        };
        if address.contains(':') {
            let ip: Ipv6Addr = address.parse().ok()?;
            return Some(Peer { ip: Some(IpAddr::V6(ip).to_canonical()), zone, ..Peer::default() });
        }
        match text {
            "UNKNOWN" | "-" => Some(Peer::default()),
            _ => is_host(text).then(|| Peer { host: Some(text), ..Peer::default() }),
        }
    }

    /// `ADDRESS` or `ADDRESS port NUMBER`.
    pub(crate) fn parse_with_port(text: &'a str) -> Option<Self> {
        let Some((address, port)) = text.rsplit_once(" port ") else { return Peer::parse(text) };
        Some(Peer { port: Some(parse_port(port)?), ..Peer::parse(address)? })
    }

    /// The actor of this name behind this peer; an empty name is none.
    pub(crate) fn actor(&self, name: Option<&str>) -> Option<Actor> {
        let mut actor = Actor::default();
        actor.name = name.filter(|n| !n.is_empty()).map(Into::into);
        (actor.ip, actor.port) = (self.ip, self.port);
        actor.host = self.host.map(Into::into);
        (!actor.is_empty()).then_some(actor)
    }
}

/// 1 to 5 digits up to 65535. Port 0 and OpenSSH's 65535 for an unknown one are kept as they stand.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn is_host(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= HOST_BYTES_MAX && text.bytes().all(allowed)
}

/// Dotted decimal, four parts, no leading zeroes.
fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    if !(7..=15).contains(&text.len()) {
        return None;
    }
    let mut octets = [0_u8; 4];
    let mut parts = text.split(|b| *b == b'.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 3 || (part.len() > 1 && part[0] == b'0') {
            return None;
        }
        let number =
            part.iter().try_fold(0_u16, |n, b| b.is_ascii_digit().then(|| n * 10 + u16::from(b - b'0')))?;
        *octet = u8::try_from(number).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_and_names_are_told_apart() {
        let ip = |text: &str| Peer::parse(text).and_then(|p| p.ip).map(|ip| ip.to_string());
        assert_eq!(ip("203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(ip("[2001:db8::1]").as_deref(), Some("2001:db8::1"));
        assert_eq!(ip("::ffff:203.0.113.9").as_deref(), Some("203.0.113.9"));
        let local = Peer::parse("fe80::1%eth0").expect("read");
        assert_eq!((local.ip.map(|i| i.to_string()).as_deref(), local.zone), (Some("fe80::1"), Some("eth0")));
        assert_eq!(Peer::parse("mail.example.com").and_then(|p| p.host), Some("mail.example.com"));
        assert_eq!(Peer::parse("UNKNOWN"), Some(Peer::default()));
        for bad in ["", "a b", "1:2", "x\u{7}y", "\"q\""] {
            assert_eq!(Peer::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_port_is_a_number_up_to_65535() {
        assert_eq!(Peer::parse_with_port("192.0.2.1 port 22").and_then(|p| p.port), Some(22));
        for bad in ["192.0.2.1 port 65536", "192.0.2.1 port ", "192.0.2.1 port +2", "192.0.2.1 port 2 "] {
            assert_eq!(Peer::parse_with_port(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_for_ipv4_agrees_with_the_standard_library(text in "[0-9.]{0,16}") {
            prop_assert_eq!(parse_v4(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn every_address_is_read(ip in any::<IpAddr>()) {
            let text = ip.to_string();
            prop_assert_eq!(Peer::parse(&text).and_then(|p| p.ip), Some(ip.to_canonical()));
        }
    }
}
