//! `Failed|Accepted METHOD for [invalid user ]USER from ADDRESS port PORT ssh2[: KEY]`: one attempt, one event.
//!
//! The user name is the client's: it may hold spaces, ` from `, a whole false line. Only what stands right of
//! it is sshd's, so the fields are read from the right end. A key after `ssh2: ` ends with a fingerprint;
//! before it a certificate may carry a key id that its maker chose. A user that exists has a plain name, so
//! its fields are the first that fit; sshd names no key of a user that does not exist, so there the last fit.
//!
//! Source: OpenSSH 10, auth.c `auth_log`, auth-pam.c `sshpam_query`; auth.c of 6.6 for the older form.

use veribus_core::{Outcome, Severity};

use super::statement::{Kind, Statement};
use crate::peer::Peer;

/// Reads what follows `Failed `, `Accepted ` or `Partial `.
pub(crate) fn read(verb: Verb, text: &str) -> Option<Statement<'_>> {
    let (method, rest) = text.split_once(" for ")?;
    if method.is_empty() || method.contains(' ') {
        return None;
    }
    let (invalid, rest) =
        match rest.strip_prefix("invalid user ").or_else(|| rest.strip_prefix("illegal user ")) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
    let (user, peer, credential) = split_fields(rest, invalid)?;
    let kind = Kind::Authentication { method: Some(method), credential };
    let reason = if invalid { "invalid_user" } else { refusal_of(method) };
    let failure = Statement { user: Some(user), peer, ..Statement::failure("login", kind, reason) };
    Some(match verb {
        Verb::Failed => failure,
        Verb::Accepted => succeed(failure, "login"),
        Verb::Partial => succeed(failure, "login.factor"),
    })
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Accepted,
    Failed,
    /// One of several required methods passed.
    Partial,
}

fn succeed<'a>(failure: Statement<'a>, action: &'static str) -> Statement<'a> {
    Statement {
        action,
        severity: Severity::Informational,
        outcome: Outcome::Success,
        reason: None,
        ..failure
    }
}

/// Why an attempt by `method` fails.
fn refusal_of(method: &str) -> &'static str {
    match method.split('/').next() {
        Some("password") => "bad_password",
        Some("publickey" | "hostbased") => "key_refused",
        Some("keyboard-interactive") => "bad_response",
        Some("none") => "no_credential",
        _ => "refused",
    }
}

/// `USER from ADDRESS port PORT ssh2[: KEY]`.
fn split_fields(text: &str, invalid: bool) -> Option<(&str, Peer<'_>, Option<&str>)> {
    if let Some(text) = text.strip_suffix(" ssh2").or_else(|| text.strip_suffix(" ssh1")) {
        return split_user(text).map(|(user, peer)| (user, peer, None));
    }
    const MARK: &str = " ssh2: ";
    let fields = |at: usize| {
        let (user, peer) = split_user(&text[..at])?;
        Some((user, peer, Some(key_name(&text[at + MARK.len()..]))))
    };
    let mut places = memchr::memmem::find_iter(text.as_bytes(), MARK);
    if invalid { places.filter_map(fields).last() } else { places.find_map(fields) }
}

/// `USER from ADDRESS port PORT`, the port given.
pub(crate) fn split_user(text: &str) -> Option<(&str, Peer<'_>)> {
    let (user, address) = text.rsplit_once(" from ")?;
    let peer = Peer::parse_with_port(address).filter(|peer| peer.port.is_some())?;
    Some((user, peer))
}

/// The fingerprint of `RSA SHA256:…` or `ED25519-CERT SHA256:… ID … CA …`: the first word with a colon.
fn key_name(text: &str) -> &str {
    text.split(' ').take(2).find(|word| word.contains(':')).unwrap_or(text)
}

/// `MESSAGE for [illegal user ]USER from HOST`, after `error: PAM: `: an attempt by keyboard-interactive.
pub(crate) fn read_pam_error(text: &str) -> Option<Statement<'_>> {
    // The one message of Linux-PAM with ` for ` in it.
    let known = text.strip_prefix("Have exhausted maximum number of retries for service").unwrap_or(text);
    let (message, rest) = known.split_once(" for ")?;
    let (invalid, rest) =
        match rest.strip_prefix("illegal user ").or_else(|| rest.strip_prefix("invalid user ")) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
    let (user, host) = rest.rsplit_once(" from ")?;
    let reason = match message {
        _ if invalid => "invalid_user",
        "Authentication failure" | "Authentication error" | "authentication error" => "bad_response",
        _ => "pam_failure",
    };
    let kind = Kind::Authentication { method: Some("keyboard-interactive/pam"), credential: None };
    let failure = Statement::failure("login", kind, reason);
    Some(Statement { user: Some(user), peer: Peer::parse_with_port(host)?, by_pam: true, ..failure })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> (String, String, u16, Option<String>) {
        let s = read(Verb::Failed, text).unwrap_or_else(|| panic!("not read: {text}"));
        let Kind::Authentication { credential, .. } = s.kind else { panic!("not an authentication") };
        let ip = s.peer.ip.map(|ip| ip.to_string()).or(s.peer.host.map(str::to_owned)).unwrap_or_default();
        (s.user.unwrap_or_default().to_owned(), ip, s.peer.port.unwrap_or(0), credential.map(str::to_owned))
    }

    #[test]
    fn a_user_name_cannot_pass_for_an_address() {
        for user in [
            "root",
            "",
            " ",
            "a b",
            "from",
            "x from 192.0.2.1 port 1 ssh2",
            "x from 192.0.2.1 port 1 ssh2: RSA SHA256:abc",
            "for invalid user y from 192.0.2.1",
            "\"quoted\" \\012",
            "Ünïcødé",
        ] {
            let line = format!("password for invalid user {user} from 203.0.113.9 port 22 ssh2");
            assert_eq!(fields(&line), (user.into(), "203.0.113.9".into(), 22, None), "{line}");
            let line =
                format!("publickey for invalid user {user} from 203.0.113.9 port 22 ssh2: RSA SHA256:k");
            assert_eq!(
                fields(&line),
                (user.into(), "203.0.113.9".into(), 22, Some("SHA256:k".into())),
                "{line}"
            );
        }
    }

    #[test]
    fn a_key_id_cannot_pass_for_an_address() {
        let line = "publickey for bob from 203.0.113.9 port 22 ssh2: RSA-CERT SHA256:k ID x from 192.0.2.1 port 1 \
                    ssh2: RSA SHA256:z (serial 0) CA RSA SHA256:c";
        assert_eq!(fields(line), ("bob".into(), "203.0.113.9".into(), 22, Some("SHA256:k".into())));
    }

    #[test]
    fn addresses_of_every_kind_are_read() {
        for (address, expected) in [
            ("2001:db8::5", "2001:db8::5"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("client.example.org", "client.example.org"),
        ] {
            let line = format!("password for bob from {address} port 65535 ssh2");
            assert_eq!(fields(&line), ("bob".into(), expected.into(), 65535, None));
        }
    }

    #[test]
    fn a_message_without_its_fields_is_not_an_attempt() {
        for text in [
            "password for bob",
            "password for bob from 203.0.113.9",
            "password for bob from 203.0.113.9 port 99999 ssh2",
            "password for bob from not an address port 22 ssh2",
            "pass word for bob from 203.0.113.9 port 22 ssh2",
            " for bob from 203.0.113.9 port 22 ssh2",
            "",
        ] {
            assert!(read(Verb::Failed, text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_error_of_pam_is_an_attempt() {
        let s =
            read_pam_error("Authentication failure for illegal user x for y from z from host.example.com")
                .unwrap();
        assert_eq!(
            (s.user, s.peer.host, s.reason),
            (Some("x for y from z"), Some("host.example.com"), Some("invalid_user"))
        );
        let s =
            read_pam_error("Have exhausted maximum number of retries for service for root from 192.0.2.1")
                .unwrap();
        assert_eq!((s.user, s.reason), (Some("root"), Some("pam_failure")));
    }
}
