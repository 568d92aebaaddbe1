//! Refused requests of nginx and Apache become events; the others are counted and not kept.

use veribus_core::{EventKind, Family, Outcome, Severity, Value, VerificationEvent};
use veribus_sources::{AccessLog, Ignored, LineOutcome, LineSource, Unparsed};

fn line(text: &str) -> (LineOutcome, Vec<VerificationEvent>) {
    let mut events = Vec::new();
    let outcome = AccessLog::new().line(text.as_bytes(), &mut events);
    (outcome, events)
}

fn event(text: &str) -> VerificationEvent {
    let (outcome, mut events) = line(text);
    assert_eq!(outcome, LineOutcome::Events(1), "{text}");
    events.pop().expect("one")
}

#[test]
fn a_forbidden_request_is_a_failed_authorization() {
    let e = event(
        r#"203.0.113.7 - alice [10/Oct/2026:13:55:36 +0200] "GET /admin/users?token=s3cret HTTP/1.1" 403 153 "https://u:p@www.example.com:8443/login?next=1" "Mozilla/5.0 \x22x\x22""#,
    );
    let EventKind::Authorization(payload) = &e.kind else { panic!("an authorization") };
    assert_eq!(payload.permission.as_deref(), Some("GET"));
    assert_eq!(
        (&*e.action, e.outcome, e.reason.as_deref()),
        ("http.request", Outcome::Failure, Some("forbidden"))
    );
    assert_eq!(e.time.to_string(), "2026-10-10T11:55:36.000000000Z");
    let actor = e.actor.as_ref().expect("an actor");
    assert_eq!(
        (actor.name.as_deref(), actor.ip.map(|i| i.to_string()).as_deref()),
        (Some("alice"), Some("203.0.113.7"))
    );
    assert_eq!(
        e.target.as_ref().map(|t| (&*t.name, t.kind.as_deref())),
        Some(("/admin/users", Some("path")))
    );
    let text = |name: &str| e.attributes.get(name).and_then(Value::as_str);
    assert_eq!(
        (text("user_agent"), text("referer_host")),
        (Some("Mozilla/5.0 \"x\""), Some("www.example.com"))
    );
    assert_eq!(
        (e.attributes.get("status"), e.attributes.get("bytes")),
        (Some(&Value::I64(403)), Some(&Value::I64(153)))
    );
    assert!(!format!("{e:?}").contains("s3cret"), "queries are left out");
}

#[test]
fn every_shape_of_the_line_is_read() {
    for (text, ip) in [
        (r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0" 401 -"#, "192.0.2.1"),
        (r#"2001:db8::9 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0" 401 12 "-" "-""#, "2001:db8::9"),
        (
            r#"www.example.com:443 192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0" 401 12 "-" "x""#,
            "192.0.2.1",
        ),
        (
            r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0" 401 12 "-" "x" rt=0.003 "up" 17"#,
            "192.0.2.1",
        ),
        (r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "\x16\x03" 401 12"#, "192.0.2.1"),
        (r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "" 401 12"#, "192.0.2.1"),
    ] {
        let e = event(text);
        assert_eq!(e.actor.as_ref().and_then(|a| a.ip).map(|i| i.to_string()).as_deref(), Some(ip), "{text}");
        assert_eq!(e.reason.as_deref(), Some("unauthenticated"));
        assert_eq!(e.severity, Severity::Informational);
    }
}

#[test]
fn a_user_name_cannot_pass_for_a_request() {
    let e = event(
        r#"192.0.2.1 - x [01/Jan/2020:00:00:00 +0000] \"GET /fake HTTP/1.1\" 200 1 [10/Oct/2026:13:55:36 +0000] "GET /real HTTP/1.1" 401 12"#,
    );
    assert_eq!(e.target.as_ref().map(|t| &*t.name), Some("/real"));
    assert_eq!(e.time.to_string(), "2026-10-10T13:55:36.000000000Z");
    assert_eq!(e.reason.as_deref(), Some("bad_credentials"));
}

#[test]
fn too_many_requests_are_a_security_event() {
    let e = event(r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "POST /login HTTP/1.0" 429 0"#);
    assert_eq!((e.family(), &*e.action), (Family::Security, "http.rate_limited"));
    assert_eq!(e.attributes.get("method").and_then(Value::as_str), Some("POST"));
}

#[test]
fn other_answers_are_counted_and_broken_lines_named() {
    for status in ["200", "302", "404", "500"] {
        let text = format!(r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0" {status} 1"#);
        assert_eq!(line(&text), (LineOutcome::Ignored(Ignored::NotDenied), vec![]));
    }
    let cases: [(&str, LineOutcome); 6] = [
        ("", Ignored::Blank.into()),
        ("# comment", Ignored::Marker.into()),
        ("hello", Unparsed::Shape.into()),
        (r#"192.0.2.1 - - [31/Feb/2026:13:55:36 -0700] "GET / HTTP/1.0" 403 1"#, Unparsed::Time.into()),
        (
            r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0" 4x3 1"#,
            Unparsed::Field { field: "status" }.into(),
        ),
        (r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "GET / HTTP/1.0 403 1"#, Unparsed::Shape.into()),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text).0, expected, "{text}");
    }
}

#[test]
fn a_long_path_and_agent_are_cut() {
    let e = event(&format!(
        r#"192.0.2.1 - - [10/Oct/2026:13:55:36 -0700] "GET /{} HTTP/1.0" 403 1 "-" "{}""#,
        "p".repeat(9000),
        "é".repeat(600)
    ));
    assert_eq!(e.target.as_ref().map(|t| t.name.len()), Some(veribus_sources::FIELD_BYTES_MAX));
    assert_eq!(e.attributes.get("user_agent").and_then(Value::as_str).map(str::len), Some(512));
    assert_eq!(e.attributes.get("truncated"), Some(&Value::Bool(true)));
}
