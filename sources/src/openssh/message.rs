//! Which message of sshd says what: by its first words, since those are sshd's own.
//!
//! Source: the log calls of OpenSSH 6.6 to 10.0 (auth*.c, packet.c, sshd*.c, monitor.c) and Linux-PAM.

use super::attempt::{self, Verb};
use super::statement::{Verdict, said};
use super::{refusal, warning};
use crate::line::{Ignored, Unparsed};

/// Reads one message, without repeats.
pub(crate) fn read(message: &str) -> Verdict<'_> {
    let text = message.trim_ascii_end();
    let text = text.strip_suffix(" [preauth]").or_else(|| text.strip_suffix(" [postauth]")).unwrap_or(text);
    let text = text.strip_prefix("fatal: ").unwrap_or(text);
    match text.as_bytes().first() {
        Some(b'F') => failed(text),
        Some(b'A') => letter_a(text),
        Some(b'P') => letter_p(text),
        Some(b'e') if text.starts_with("error: ") => error(&text["error: ".len()..]),
        _ => first_of(&[warning::read, refusal::read, uneventful], text),
    }
}

type Reader = for<'a> fn(&'a str) -> Option<Verdict<'a>>;

fn first_of<'a>(readers: &[Reader], text: &'a str) -> Verdict<'a> {
    readers.iter().find_map(|read| read(text)).unwrap_or(Verdict::Unparsed(Unparsed::Message))
}

fn failed(text: &str) -> Verdict<'_> {
    match text.strip_prefix("Failed ") {
        Some(rest) if rest.contains(" for ") => said(attempt::read(Verb::Failed, rest), "from"),
        _ => first_of(&[uneventful], text),
    }
}

fn letter_a(text: &str) -> Verdict<'_> {
    match text.strip_prefix("Accepted ") {
        // `Accepted key … found at …` and `Accepted certificate ID …` announce an attempt that has its own line.
        Some(rest) if rest.starts_with("key ") || rest.starts_with("certificate ") => {
            Ignored::Companion.into()
        }
        Some(rest) => said(attempt::read(Verb::Accepted, rest), "from"),
        None => first_of(&[warning::read, refusal::read, uneventful], text),
    }
}

fn letter_p(text: &str) -> Verdict<'_> {
    if let Some(rest) = text.strip_prefix("Partial ") {
        return said(attempt::read(Verb::Partial, rest), "from");
    }
    // `PAM 2 more authentication failures; …`, `PAM service(sshd) ignoring max retries; 6 > 3`, `Postponed …`
    if text.starts_with("PAM ") || text.starts_with("Postponed ") {
        return Ignored::Companion.into();
    }
    first_of(&[warning::read, refusal::read, uneventful], text)
}

fn error(text: &str) -> Verdict<'_> {
    match text.strip_prefix("PAM: ") {
        Some(rest) if rest.contains(" from ") => said(attempt::read_pam_error(rest), "from"),
        Some(_) => Ignored::Companion.into(),
        None => first_of(&[warning::read, refusal::read, uneventful], text),
    }
}

/// First words of messages that verify nothing.
const UNEVENTFUL: &[(&str, Ignored)] = &[
    ("Received disconnect from ", Ignored::Connection),
    ("Disconnected from ", Ignored::Connection),
    ("Disconnecting", Ignored::Connection),
    ("Connection closed by ", Ignored::Connection),
    ("Connection reset by ", Ignored::Connection),
    ("Connection from ", Ignored::Connection),
    ("Closing connection to ", Ignored::Connection),
    ("Could not get shadow information", Ignored::Companion),
    ("Connection ", Ignored::Connection),
    ("Timeout", Ignored::Connection),
    ("Write failed: ", Ignored::Connection),
    ("Read error from ", Ignored::Connection),
    ("Read from socket failed: ", Ignored::Connection),
    ("packet_write", Ignored::Connection),
    ("ssh_packet_", Ignored::Connection),
    ("ssh_dispatch_run_fatal: ", Ignored::Connection),
    ("sshpkt_", Ignored::Connection),
    ("mm_", Ignored::Connection),
    ("monitor_", Ignored::Connection),
    ("kex_exchange_identification: ", Ignored::Connection),
    ("kex_protocol_error: ", Ignored::Connection),
    ("send_error: ", Ignored::Connection),
    ("setsockopt ", Ignored::Connection),
    ("getpeername failed: ", Ignored::Connection),
    ("get_socket_address: ", Ignored::Connection),
    ("ssh_remote_ipaddr", Ignored::Connection),
    ("lost connection", Ignored::Connection),
    ("no hostkey alg", Ignored::Connection),
    ("input_userauth_request: invalid user ", Ignored::Companion),
    ("userauth_pubkey: ", Ignored::Companion),
    ("Found matching ", Ignored::Companion),
    ("matching key found: ", Ignored::Companion),
    ("Login restricted for ", Ignored::Companion),
    ("Could not retrieve ", Ignored::Companion),
    ("Postponed ", Ignored::Companion),
    ("Could not open ", Ignored::Companion),
    ("ssh_msg_send: ", Ignored::Connection),
    ("subsystem request for ", Ignored::Session),
    ("Starting session: ", Ignored::Session),
    ("Close session: ", Ignored::Session),
    ("User child is on pid ", Ignored::Session),
    ("Transferred: ", Ignored::Session),
    ("session_by_", Ignored::Session),
    ("Local disconnected: ", Ignored::Session),
    ("Attempt to write login records by non-root", Ignored::Session),
    ("Changed root directory to ", Ignored::Session),
    ("syslogin_perform_logout: ", Ignored::Session),
    ("Exiting on signal ", Ignored::Service),
    ("Server listening on ", Ignored::Service),
    ("Received SIG", Ignored::Service),
    ("Received signal ", Ignored::Service),
    ("RESTART ", Ignored::Service),
    ("Set /proc/self/oom_score_adj", Ignored::Service),
    ("sshd: no hostkeys available", Ignored::Service),
    ("Could not load host ", Ignored::Service),
    ("Unable to load host key", Ignored::Service),
    ("Bind to port ", Ignored::Service),
    ("Cannot bind any address", Ignored::Service),
    ("Generating ", Ignored::Service),
    ("key_load_", Ignored::Service),
    ("rexec line ", Ignored::Service),
    ("/etc/ssh/", Ignored::Service),
    ("debug", Ignored::Service),
];

/// A message that verifies nothing, PAM's modules among them.
fn uneventful(text: &str) -> Option<Verdict<'_>> {
    if text.starts_with("pam_") {
        let session = text.split_once("(sshd").is_some_and(|(_, rest)| rest.starts_with(":session)"));
        return Some(if session { Ignored::Session } else { Ignored::Companion }.into());
    }
    UNEVENTFUL.iter().find(|(words, _)| text.starts_with(words)).map(|(_, why)| (*why).into())
}
