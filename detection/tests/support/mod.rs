//! Events for tests: made by hand, or read from the attempts of an sshd log.
#![allow(dead_code, reason = "each test uses its own part")]

use veribus_core::{EventId, Timestamp, VerificationEvent, event};

/// A login of `user` from `source` (an address or a host name), `seconds` after 2026-12-10.
pub(crate) fn login(source: &str, user: &str, passed: bool, seconds: i64) -> VerificationEvent {
    const DAY: i64 = 1_796_860_800;
    let mut draft = event::authentication("login").outcome(passed.into()).actor(user).method("password");
    match source.parse() {
        Ok(ip) => draft = draft.source_ip(ip),
        Err(_) => draft = draft.source_host(source),
    }
    if !passed {
        draft = draft.reason("bad_password");
    }
    draft.into_event(EventId::from_bits(1), Timestamp::from_seconds(DAY + seconds)).expect("within limits")
}

/// The password attempts of an sshd log of one day, repeats expanded: (second, source, user, passed).
///
/// Reads the raw text on its own terms, so that it can judge the crate `veribus-sources` as well.
pub(crate) fn attempts(log: &str) -> Vec<(i64, String, String, bool)> {
    let mut all = Vec::new();
    for line in log.lines() {
        let Some((head, message)) = line.split_once("]: ") else { continue };
        let clock = head.split_whitespace().nth(2).expect("a time");
        let second = clock.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().expect("digits"));
        let (times, message) = match message.strip_prefix("message repeated ") {
            Some(rest) => {
                let (times, rest) = rest.split_once(" times: [ ").expect("a count");
                (times.parse().expect("digits"), rest)
            }
            None => (1, message),
        };
        let (passed, rest) = match message.split_once(" password for ") {
            Some(("Failed", rest)) => (false, rest),
            Some(("Accepted", rest)) => (true, rest),
            _ => continue,
        };
        let words: Vec<&str> = rest.split(' ').collect();
        let from = words.iter().rposition(|word| *word == "from").expect("a source");
        let user = words[..from].join(" ");
        let user = user.strip_prefix("invalid user ").unwrap_or(&user);
        for _ in 0..times {
            all.push((second, words[from + 1].to_owned(), user.to_owned(), passed));
        }
    }
    all
}

/// The real sshd log, where the shared data is at hand; says so where it is not.
pub(crate) fn real_log() -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/ssh-logs/OpenSSH_2k.log");
    let log = std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if log.is_none() {
        #[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
        {
            eprintln!("SKIPPED: ../shared/data/ssh-logs/OpenSSH_2k.log is not here");
        }
    }
    log
}
