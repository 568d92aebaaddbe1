//! The sample logs hold what their README says, and nothing in them is unparsed.

use std::collections::BTreeMap;
use std::path::Path;

use veribus_core::{Outcome, VerificationEvent};
use veribus_sources::{Detection, LineOutcome, SourceOptions, detect, source_for};

/// The events of a sample log, which must give an event or a reason for every line.
fn events(name: &str) -> Vec<VerificationEvent> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/logs").join(name);
    let log = std::fs::read(&path).expect("the sample logs stand in the repository");
    let Detection::Text(format) = detect(&log) else { panic!("{name} is recognised") };
    let options = SourceOptions::new("2026-11-21T00:00:00Z".parse().expect("a time"));
    let mut source = source_for(format, &options);
    let mut events = Vec::new();
    for line in log.split(|b| *b == b'\n') {
        if let LineOutcome::Unparsed(why) = source.line(line, &mut events) {
            panic!("{name}: {why}: {}", String::from_utf8_lossy(line));
        }
    }
    assert!(events.iter().all(|e| e.time.to_string().starts_with("2026-11-20")));
    events
}

fn from(event: &VerificationEvent) -> String {
    event.actor.as_ref().and_then(|a| a.ip).map(|ip| ip.to_string()).unwrap_or_default()
}

/// How many events of `action` and `outcome` came from each address.
fn count<'a>(events: &'a [VerificationEvent], action: &str, outcome: Outcome) -> BTreeMap<String, usize> {
    let chosen =
        events.iter().filter(|e: &&'a VerificationEvent| &*e.action == action && e.outcome == outcome);
    chosen.fold(BTreeMap::new(), |mut counts, event| {
        *counts.entry(from(event)).or_default() += 1;
        counts
    })
}

#[test]
fn the_attack_on_the_bastion_is_in_its_log() {
    let events = events("auth.log");
    let failures = count(&events, "login", Outcome::Failure);
    assert_eq!(failures["203.0.113.9"], 49);
    for sprayer in ["198.51.100.14", "198.51.100.15", "198.51.100.16"] {
        assert_eq!(failures[sprayer], 12);
    }
    assert_eq!((failures["2001:db8:bad::66"], failures["192.0.2.23"], failures["198.51.100.77"]), (8, 1, 1));
    assert_eq!(failures.len(), 7);
    let repeated = events.iter().filter(|e| e.attributes.get("repeated").is_some()).count();
    assert_eq!(repeated, 21);

    let successes: Vec<_> =
        events.iter().filter(|e| &*e.action == "login" && e.outcome == Outcome::Success).collect();
    let intruder: Vec<_> = successes.iter().filter(|e| from(e) == "203.0.113.9").collect();
    assert_eq!(intruder.len(), 1);
    assert_eq!(intruder[0].actor.as_ref().and_then(|a| a.name.as_deref()), Some("backup"));
    assert_eq!(intruder[0].time.to_string().get(..19), Some("2026-11-20T09:36:31"));
    let before = events.iter().filter(|e| e.time < intruder[0].time && from(e) == "203.0.113.9");
    assert_eq!(before.filter(|e| &*e.action == "login").count(), 49, "all guesses come before it");
    for action in ["ssh.no_identification", "ssh.bad_protocol", "ssh.negotiation_failed", "ssh.access"] {
        assert_eq!(count(&events, action, Outcome::Failure)["198.51.100.77"], 1, "{action}");
    }
}

#[test]
fn the_probing_of_the_shop_is_in_its_log() {
    let events = events("access.log");
    let intruder: Vec<_> = events.iter().filter(|e| from(e) == "203.0.113.9").collect();
    let with = |reason: &str| intruder.iter().filter(|e| e.reason.as_deref() == Some(reason)).count();
    assert_eq!((with("forbidden"), with("bad_credentials"), with("rate_limited")), (22, 6, 24));
    assert_eq!(events.len(), 22 + 6 + 24 + 2, "and two ordinary refusals");
}

#[test]
fn the_service_tells_its_part_with_identity_and_traces() {
    let events = events("events.jsonl");
    assert_eq!(events.len(), 195);
    assert!(events.iter().all(|e| e.id.seq() > 0));
    let forged = count(&events, "jwt.signature", Outcome::Failure);
    let denied = count(&events, "permission_check", Outcome::Failure);
    assert_eq!((forged["203.0.113.9"], denied["203.0.113.9"]), (7, 12));
    assert!(events.iter().any(|e| &*e.action == "policy.update" && &*e.severity.to_string() == "medium"));
}
