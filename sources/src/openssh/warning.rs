//! What looks like an attack or a scan, beside the attempts themselves.

use veribus_core::{Outcome, Severity};

use super::attempt::split_user;
use super::statement::{Kind, Statement, Verdict, said};
use crate::peer::Peer;

/// Password guessing.
const GUESSING: Kind<'static> = Kind::Security { technique: Some("T1110.001") };

/// Reads a warning, or answers `None` for any other message.
pub(crate) fn read(text: &str) -> Option<Verdict<'_>> {
    let rest = |words: &str| text.strip_prefix(words);
    Some(match text.as_bytes().first()? {
        b'I' => said(invalid_user(rest("Invalid user ").or_else(|| rest("Illegal user "))?), "from"),
        b'r' => said(reverse_mapping(text, rest("reverse mapping checking getaddrinfo for ")?), "address"),
        b'A' => said(address_maps(text, rest("Address ")?), "address"),
        b'N' => said(nasty_record(text, rest("Nasty PTR record ")?), "address"),
        b'C' if text.starts_with("Connection ") => {
            let closed = rest("Connection closed by authenticating user ");
            let broken = closed.or_else(|| rest("Connection reset by authenticating user "));
            said(abandoned(broken?), "user")
        }
        b'D' if text.starts_with("Did not receive identification string") => {
            let peer = text.rsplit_once(" from ").and_then(|(_, peer)| Peer::parse_with_port(peer));
            said(
                peer.map(|peer| Statement::warning("ssh.no_identification", peer, "no_identification", text)),
                "from",
            )
        }
        b'D' => {
            let user = rest("Disconnecting: Too many authentication failures for ")?;
            Verdict::Says(Statement { user: Some(user), ..too_many(Peer::default()) })
        }
        b'm' if text.starts_with("maximum authentication attempts exceeded for ") => {
            said(maximum_exceeded(text), "from")
        }
        _ => protocol(text)?,
    })
}

/// `USER from ADDRESS[ port PORT]`, before any attempt by that user.
fn invalid_user(text: &str) -> Option<Statement<'_>> {
    let (user, address) = text.rsplit_once(" from ")?;
    let kind = Kind::Security { technique: None };
    let peer = Peer::parse_with_port(address)?;
    Some(Statement { user: Some(user), peer, ..Statement::failure("ssh.invalid_user", kind, "invalid_user") })
}

/// `HOST [ADDRESS] failed`: the name that the address gives does not give the address.
fn reverse_mapping<'a>(text: &'a str, rest: &'a str) -> Option<Statement<'a>> {
    let (_, rest) = rest.rsplit_once(" [")?;
    let (address, _) = rest.split_once(']')?;
    Some(Statement::warning("ssh.reverse_mapping", Peer::parse(address)?, "reverse_mapping_failed", text))
}

/// `ADDRESS maps to HOST, but this does not map back to the address`.
fn address_maps<'a>(text: &'a str, rest: &'a str) -> Option<Statement<'a>> {
    let (address, _) = rest.split_once(" maps to ")?;
    Some(Statement::warning("ssh.reverse_mapping", Peer::parse(address)?, "reverse_mapping_failed", text))
}

/// `"HOST" is set up for ADDRESS, ignoring`.
fn nasty_record<'a>(text: &'a str, rest: &'a str) -> Option<Statement<'a>> {
    let (_, rest) = rest.rsplit_once(" is set up for ")?;
    let peer = Peer::parse(rest.split(',').next()?)?;
    Some(Statement::warning("ssh.reverse_mapping", peer, "reverse_mapping_failed", text))
}

/// `USER ADDRESS port PORT`: an authentication began and did not come to its end.
fn abandoned(text: &str) -> Option<Statement<'_>> {
    let (front, port) = text.rsplit_once(" port ")?;
    let (user, address) = front.rsplit_once(' ')?;
    let peer = Peer { port: Some(crate::peer::parse_port(port)?), ..Peer::parse(address)? };
    let kind = Kind::Authentication { method: None, credential: None };
    let given_up = Statement::failure("login.abandoned", kind, "closed_before_authentication");
    Some(Statement { user: Some(user), peer, severity: Severity::Informational, ..given_up })
}

fn too_many(peer: Peer<'_>) -> Statement<'_> {
    let warning = Statement::failure("ssh.too_many_failures", GUESSING, "too_many_failures");
    Statement { peer, severity: Severity::Medium, ..warning }
}

/// `… for [invalid user ]USER from ADDRESS port PORT ssh2`.
fn maximum_exceeded(text: &str) -> Option<Statement<'_>> {
    let (_, rest) = text.split_once(" for ")?;
    let rest = rest.strip_prefix("invalid user ").unwrap_or(rest);
    let (user, peer) = split_user(rest.strip_suffix(" ssh2").unwrap_or(rest))?;
    Some(Statement { user: Some(user), ..too_many(peer) })
}

/// What does not speak SSH, or not ours, or too often.
fn protocol(text: &str) -> Option<Verdict<'_>> {
    const FOREIGN: [&str; 5] = [
        "Bad protocol version identification ",
        "banner exchange: Connection from ",
        "Protocol major versions differ",
        "Corrupted MAC on input",
        "Bad packet length ",
    ];
    let statement = if text.starts_with("Unable to negotiate with ") {
        // What follows the port is the client's offer: the address is the first that stands there.
        let end = text.find(": no matching ").unwrap_or(text.len());
        let peer = find_peer(&text[..end]).unwrap_or_default();
        let warning = Statement::warning("ssh.negotiation_failed", peer, "no_common_algorithm", text);
        Statement { severity: Severity::Informational, ..warning }
    } else if FOREIGN.iter().any(|words| text.starts_with(words)) {
        let peer = find_peer(text).unwrap_or_default();
        Statement::warning("ssh.bad_protocol", peer, "bad_protocol", text)
    } else if text.starts_with("drop connection #") || text.starts_with("beginning MaxStartups throttling") {
        let peer = find_bracketed(text).unwrap_or_default();
        let warning = Statement::warning("ssh.throttled", peer, "too_many_connections", text);
        Statement { outcome: Outcome::Failure, ..warning }
    } else {
        return None;
    };
    Some(Verdict::Says(statement))
}

/// The peer of `… from ADDRESS port PORT[: …]` or `… with ADDRESS port PORT: …`, from the right end.
fn find_peer(text: &str) -> Option<Peer<'_>> {
    let end = text.rfind(" port ")?;
    let address = text[..end].rsplit(' ').next()?;
    let digits = text[end + " port ".len()..].split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Peer { port: crate::peer::parse_port(digits), ..Peer::parse(address)? })
}

/// The peer of `… from [ADDRESS]:PORT …`.
fn find_bracketed(text: &str) -> Option<Peer<'_>> {
    let (_, rest) = text.split_once(" from [")?;
    let (address, rest) = rest.split_once(']')?;
    let digits = rest.strip_prefix(':').unwrap_or("").split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Peer { port: crate::peer::parse_port(digits), ..Peer::parse(address)? })
}
