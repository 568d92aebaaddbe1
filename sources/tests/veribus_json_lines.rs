//! Events of veribus come back as they were, from a plain file and from an audit log.

use veribus_core::codec::event_to_json;
use veribus_core::{Draft, EventId, InstanceId, Timestamp, VerificationEvent, event};
use veribus_sources::{Detection, Format, Ignored, LineOutcome, LineSource, Unparsed, VeribusJson, detect};

fn sample() -> VerificationEvent {
    let draft =
        event::authentication("jwt.signature").failure().actor("alice").method("jwt").reason("expired");
    let draft = draft.attribute("p", "a field of the name that audit lines have");
    Draft::from(draft)
        .into_event(EventId::new(InstanceId(7), 1, 9), Timestamp::from_seconds(1_795_255_200))
        .expect("within the limits")
}

fn json(event: &VerificationEvent) -> String {
    let mut out = Vec::new();
    event_to_json(event, &mut out);
    String::from_utf8(out).expect("JSON is text")
}

fn line(text: &str) -> (LineOutcome, Vec<VerificationEvent>) {
    let mut events = Vec::new();
    let outcome = VeribusJson::new().line(text.as_bytes(), &mut events);
    (outcome, events)
}

#[test]
fn an_event_keeps_its_identity_and_all_its_fields() {
    let event = sample();
    assert_eq!(line(&json(&event)), (LineOutcome::Events(1), vec![event.clone()]));
    assert_eq!(line(&format!("\u{feff}{}\r", json(&event))), (LineOutcome::Events(1), vec![event]));
}

#[test]
fn a_line_of_an_audit_log_gives_the_event_in_it() {
    let event = sample();
    let audit = format!(
        r#"{{"v":1,"log":"ab","i":3,"t":"2026-11-21T10:00:00Z","m":"1","p":"00ff","ev":{}}}"#,
        json(&event)
    );
    assert_eq!(detect(audit.as_bytes()), Detection::Text(Format::VeribusJson));
    assert_eq!(line(&audit), (LineOutcome::Events(1), vec![event]));
    let genesis = r#"{"v":1,"log":"ab","i":0,"t":"2026-11-21T10:00:00Z","m":"1","p":"00","kind":"genesis"}"#;
    assert_eq!(line(genesis).0, LineOutcome::Ignored(Ignored::Marker));
}

#[test]
fn what_is_no_event_is_named_and_blank_lines_are_not() {
    for (text, expected) in [("", Ignored::Blank), ("  \r", Ignored::Blank), ("# note", Ignored::Marker)] {
        assert_eq!(line(text), (LineOutcome::Ignored(expected), vec![]));
    }
    assert_eq!(line("no json"), (LineOutcome::Unparsed(Unparsed::Shape), vec![]));
    for text in ["{", r#"{"action":1}"#, r#"{"kind":"security","action":"A B"}"#, r#"{"p":1,"ev":{}"#] {
        let (outcome, events) = line(text);
        assert!(
            matches!(&outcome, LineOutcome::Unparsed(Unparsed::Event { detail }) if !detail.is_empty()),
            "{text}"
        );
        assert!(events.is_empty());
    }
}
