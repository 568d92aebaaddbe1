//! A real server's log under attack gives exactly the counts that its README states.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use veribus_core::{EventKind, Outcome, VerificationEvent};
use veribus_sources::{Detection, Format, LineOutcome, SourceOptions, detect, source_for};

struct Read {
    events: Vec<VerificationEvent>,
    ignored: BTreeMap<&'static str, u32>,
    unparsed: Vec<String>,
}

/// Reads the log, or says on the terminal that it is not there.
#[expect(clippy::print_stderr, reason = "a test that was not run must be seen")]
fn read_log() -> Option<Read> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ssh-logs/OpenSSH_2k.log");
    let Ok(log) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not there (loghub, OpenSSH); its counts are not checked", path.display());
        return None;
    };
    assert_eq!(detect(&log), Detection::Text(Format::OpenSsh));
    let options = SourceOptions::new("2026-12-31T00:00:00Z".parse().expect("a time"));
    let mut source = source_for(Format::OpenSsh, &options);
    let mut read = Read { events: Vec::new(), ignored: BTreeMap::new(), unparsed: Vec::new() };
    for line in log.split(|b| *b == b'\n') {
        match source.line(line, &mut read.events) {
            LineOutcome::Events(_) => {}
            LineOutcome::Ignored(why) => *read.ignored.entry(why.as_str()).or_default() += 1,
            LineOutcome::Unparsed(_) => read.unparsed.push(String::from_utf8_lossy(line).into_owned()),
        }
    }
    Some(read)
}

fn password(event: &VerificationEvent) -> bool {
    let EventKind::Authentication(payload) = &event.kind else { return false };
    &*event.action == "login" && payload.method.as_deref() == Some("password")
}

fn ip(event: &VerificationEvent) -> IpAddr {
    event.actor.as_ref().and_then(|a| a.ip).expect("every attempt in this log has an address")
}

#[test]
fn every_attempt_of_the_real_log_is_counted_once() {
    let Some(read) = read_log() else { return };
    assert_eq!(read.unparsed, [""; 0]);
    let failures: Vec<_> =
        read.events.iter().filter(|e| password(e) && e.outcome == Outcome::Failure).collect();
    assert_eq!(failures.len(), 528, "520 lines, two of which stand for five attempts each");
    let repeated = failures.iter().filter(|e| e.attributes.get("repeated").is_some()).count();
    assert_eq!(failures.len() - repeated + 2, 520);
    let invalid = failures.iter().filter(|e| e.reason.as_deref() == Some("invalid_user")).count();
    assert_eq!(invalid, 135);

    let mut by_source: BTreeMap<IpAddr, u32> = BTreeMap::new();
    for event in &failures {
        *by_source.entry(ip(event)).or_default() += 1;
    }
    assert_eq!(by_source.len(), 23);
    for (source, lines) in [
        ("183.62.140.253", 286),
        ("187.141.143.180", 80),
        ("103.99.0.122", 46),
        ("112.95.230.3", 26),
        ("5.188.10.180", 18),
    ] {
        assert_eq!(by_source[&source.parse::<IpAddr>().expect("an address")], lines, "{source}");
    }
}

#[test]
fn the_one_success_is_named() {
    let Some(read) = read_log() else { return };
    let successes: Vec<_> =
        read.events.iter().filter(|e| &*e.action == "login" && e.outcome == Outcome::Success).collect();
    assert_eq!(successes.len(), 1);
    let actor = successes[0].actor.as_ref().expect("an actor");
    assert_eq!(actor.name.as_deref(), Some("fztu"));
    assert_eq!(ip(successes[0]).to_string(), "119.137.62.142");
    assert_eq!(successes[0].target.as_ref().map(|t| &*t.name), Some("LabSZ"));
    let first = &read.events[0];
    assert_eq!(first.time.to_string(), "2026-12-10T06:55:46.000000000Z");
}

#[test]
fn warnings_stand_beside_the_attempts_under_other_names() {
    let Some(read) = read_log() else { return };
    let mut actions: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &read.events {
        *actions.entry(&event.action).or_default() += 1;
    }
    assert_eq!(actions["ssh.reverse_mapping"], 85);
    assert_eq!(actions["ssh.invalid_user"], 113);
    assert_eq!(actions["ssh.no_identification"], 10);
    assert_eq!(actions["ssh.too_many_failures"], 3);
    assert_eq!(actions["login"], 528 + 1 + 4, "and four attempts without a credential");
    let known: BTreeSet<&str> = [
        "login",
        "ssh.invalid_user",
        "ssh.no_identification",
        "ssh.reverse_mapping",
        "ssh.too_many_failures",
    ]
    .into();
    assert_eq!(actions.keys().copied().collect::<BTreeSet<_>>(), known);
    let lines_with_events = read.events.len() - 8;
    assert_eq!(lines_with_events as u32 + read.ignored.values().sum::<u32>(), 2000);
    assert_eq!(read.ignored["session"], 2);
}
