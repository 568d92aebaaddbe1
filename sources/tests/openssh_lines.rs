//! What each message of sshd becomes, wrapped in each of the ways that reach a file.

use veribus_core::{EventKind, Family, Outcome, Severity, Value, VerificationEvent};
use veribus_sources::{Format, Ignored, LineOutcome, LineSource, SourceOptions, Unparsed, source_for};

fn source() -> Box<dyn LineSource> {
    source_for(Format::OpenSsh, &SourceOptions::new("2026-12-24T00:00:00Z".parse().expect("a time")))
}

fn line(text: &str) -> (LineOutcome, Vec<VerificationEvent>) {
    let mut events = Vec::new();
    let outcome = source().line(text.as_bytes(), &mut events);
    (outcome, events)
}

/// The one event of a message.
fn event(message: &str) -> VerificationEvent {
    let (outcome, mut events) = line(&format!("Dec 10 06:55:46 web1 sshd[42]: {message}"));
    assert_eq!(outcome, LineOutcome::Events(1), "{message}");
    events.pop().expect("one")
}

fn user(event: &VerificationEvent) -> Option<&str> {
    event.actor.as_ref().and_then(|a| a.name.as_deref())
}

fn ip(event: &VerificationEvent) -> Option<String> {
    event.actor.as_ref().and_then(|a| a.ip).map(|ip| ip.to_string())
}

#[test]
fn an_accepted_key_names_its_fingerprint() {
    let e = event("Accepted publickey for alice from 2001:db8::7 port 50022 ssh2: ED25519 SHA256:AbC/d+e");
    let EventKind::Authentication(payload) = &e.kind else { panic!("an authentication") };
    assert_eq!(
        (payload.method.as_deref(), payload.credential.as_deref()),
        (Some("publickey"), Some("SHA256:AbC/d+e"))
    );
    assert_eq!((&*e.action, e.outcome, e.severity), ("login", Outcome::Success, Severity::Informational));
    assert_eq!((user(&e), ip(&e).as_deref()), (Some("alice"), Some("2001:db8::7")));
    assert_eq!(e.actor.as_ref().and_then(|a| a.port), Some(50022));
    assert_eq!(e.target.as_ref().map(|t| (&*t.name, t.kind.as_deref())), Some(("web1", Some("host"))));
    assert_eq!(e.attributes.get("pid"), Some(&Value::I64(42)));
}

#[test]
fn one_of_several_factors_is_not_yet_a_login() {
    let e = event("Partial publickey for alice from 192.0.2.1 port 5 ssh2: ED25519 SHA256:k");
    assert_eq!((&*e.action, e.outcome), ("login.factor", Outcome::Success));
}

#[test]
fn every_failed_method_says_why() {
    for (message, reason) in [
        ("Failed password for bob from 192.0.2.1 port 1 ssh2", "bad_password"),
        ("Failed password for invalid user bob from 192.0.2.1 port 1 ssh2", "invalid_user"),
        ("Failed publickey for bob from 192.0.2.1 port 1 ssh2: RSA SHA256:x", "key_refused"),
        ("Failed keyboard-interactive/pam for bob from 192.0.2.1 port 1 ssh2", "bad_response"),
        ("Failed none for bob from 192.0.2.1 port 1 ssh2", "no_credential"),
        ("Failed gssapi-with-mic for bob from 192.0.2.1 port 1 ssh2", "refused"),
        ("error: PAM: Authentication failure for bob from 192.0.2.1", "bad_response"),
        (
            "error: PAM: User not known to the underlying authentication module for illegal user bob from 192.0.2.1",
            "invalid_user",
        ),
    ] {
        let e = event(message);
        assert_eq!(
            (&*e.action, e.outcome, e.reason.as_deref()),
            ("login", Outcome::Failure, Some(reason)),
            "{message}"
        );
        assert_eq!(
            (user(&e), ip(&e).as_deref(), e.severity),
            (Some("bob"), Some("192.0.2.1"), Severity::Low)
        );
    }
}

#[test]
fn warnings_and_refusals_have_names_of_their_own() {
    use Family::{Authentication, Authorization, Security};
    for (message, action, family, who, from) in [
        (
            "Invalid user a from 192.0.2.9 from 192.0.2.1",
            "ssh.invalid_user",
            Security,
            Some("a from 192.0.2.9"),
            Some("192.0.2.1"),
        ),
        ("Invalid user  from 192.0.2.1 port 5", "ssh.invalid_user", Security, None, Some("192.0.2.1")),
        (
            "reverse mapping checking getaddrinfo for x [192.0.2.9] y [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!",
            "ssh.reverse_mapping",
            Security,
            None,
            Some("192.0.2.1"),
        ),
        (
            "Address 192.0.2.1 maps to x.example.com, but this does not map back to the address.",
            "ssh.reverse_mapping",
            Security,
            None,
            Some("192.0.2.1"),
        ),
        (
            "Did not receive identification string from 192.0.2.1 port 5",
            "ssh.no_identification",
            Security,
            None,
            Some("192.0.2.1"),
        ),
        (
            "Bad protocol version identification 'GET / from 192.0.2.9 port 4' from 192.0.2.1 port 5",
            "ssh.bad_protocol",
            Security,
            None,
            Some("192.0.2.1"),
        ),
        (
            "error: maximum authentication attempts exceeded for invalid user bob from 192.0.2.1 port 5 ssh2 [preauth]",
            "ssh.too_many_failures",
            Security,
            Some("bob"),
            Some("192.0.2.1"),
        ),
        (
            "Disconnecting: Too many authentication failures for root [preauth]",
            "ssh.too_many_failures",
            Security,
            Some("root"),
            None,
        ),
        (
            "Unable to negotiate with 2001:db8::1 port 5: no matching cipher found. Their offer: x port 6 [preauth]",
            "ssh.negotiation_failed",
            Security,
            None,
            Some("2001:db8::1"),
        ),
        (
            "drop connection #10 from [2001:db8::1]:50022 on [2001:db8::2]:22 past MaxStartups",
            "ssh.throttled",
            Security,
            None,
            Some("2001:db8::1"),
        ),
        (
            "User bob from 192.0.2.1 not allowed because not listed in AllowUsers",
            "ssh.access",
            Authorization,
            Some("bob"),
            Some("192.0.2.1"),
        ),
        ("User bob not allowed because account is locked", "ssh.access", Authorization, Some("bob"), None),
        (
            "ROOT LOGIN REFUSED FROM 192.0.2.1 port 5 [preauth]",
            "ssh.access",
            Authorization,
            Some("root"),
            Some("192.0.2.1"),
        ),
        (
            "fatal: Access denied for user bob by PAM account configuration [preauth]",
            "ssh.access",
            Authorization,
            Some("bob"),
            None,
        ),
        (
            "refused connect from scanner.example.net (192.0.2.1)",
            "ssh.access",
            Authorization,
            None,
            Some("192.0.2.1"),
        ),
        (
            "error: Authentication key RSA SHA256:x revoked by file /etc/ssh/revoked",
            "ssh.key",
            Authentication,
            None,
            None,
        ),
        (
            "Connection closed by authenticating user root 192.0.2.1 port 5 [preauth]",
            "login.abandoned",
            Authentication,
            Some("root"),
            Some("192.0.2.1"),
        ),
    ] {
        let e = event(message);
        assert_eq!((&*e.action, e.family(), e.outcome), (action, family, Outcome::Failure), "{message}");
        assert_eq!((user(&e), ip(&e).as_deref()), (who, from), "{message}");
    }
}

#[test]
fn lines_that_verify_nothing_are_told_apart_and_unknown_ones_are_not_hidden() {
    for (message, why) in [
        (
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root",
            Ignored::Companion,
        ),
        ("pam_unix(sshd:auth): check pass; user unknown", Ignored::Companion),
        (
            "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1",
            Ignored::Companion,
        ),
        ("pam_unix(sshd:session): session opened for user bob(uid=1000) by (uid=0)", Ignored::Session),
        ("Received disconnect from 192.0.2.1 port 5:11: Bye Bye [preauth]", Ignored::Connection),
        ("Disconnected from invalid user bob 192.0.2.1 port 5 [preauth]", Ignored::Connection),
        ("Connection reset by 192.0.2.1 port 5 [preauth]", Ignored::Connection),
        ("Server listening on 0.0.0.0 port 22.", Ignored::Service),
        ("Accepted key RSA SHA256:x found at /home/bob/.ssh/authorized_keys:1", Ignored::Companion),
    ] {
        let (outcome, events) = line(&format!("Dec 10 06:55:46 web1 sshd[42]: {message}"));
        assert_eq!((outcome, events.len()), (LineOutcome::Ignored(why), 0), "{message}");
    }
    let cases: [(&str, LineOutcome); 6] = [
        ("", Ignored::Blank.into()),
        ("-- Boot 5f3c --", Ignored::Marker.into()),
        (
            "Dec 10 06:55:46 web1 CRON[1]: Failed password for root from 192.0.2.1 port 1 ssh2",
            Ignored::OtherProgram.into(),
        ),
        ("Dec 10 06:55:46 web1 sshd[42]: something new", Unparsed::Message.into()),
        ("Dec 10 06:55:46 web1 sshd[42]: Failed password for bob", Unparsed::Field { field: "from" }.into()),
        ("no log line at all", Unparsed::Shape.into()),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text).0, expected, "{text}");
    }
}

#[test]
fn a_repeated_message_is_as_many_attempts() {
    let repeated = |count: &str| {
        line(&format!(
            "Dec 10 06:55:46 web1 sshd[42]: message repeated {count} times: [ Failed password for x] y from 192.0.2.1 port 5 ssh2]"
        ))
    };
    let (outcome, events) = repeated("3");
    assert_eq!(outcome, LineOutcome::Events(3));
    let index = |e: &VerificationEvent| e.attributes.get("repeat_index").and_then(Value::as_u64);
    assert_eq!(events.iter().map(index).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert_eq!(user(&events[2]), Some("x] y"));
    for bad in ["0", "10001", "99999999999999999999", "-1", "x"] {
        let (outcome, events) = repeated(bad);
        assert_eq!((outcome, events.len()), (LineOutcome::Unparsed(Unparsed::Repeats), 0), "{bad}");
    }
    assert_eq!(repeated("10000").0, LineOutcome::Events(10_000));
}

#[test]
fn the_notice_of_bsd_repeats_the_line_before_it() {
    let (mut source, mut events) = (source(), Vec::new());
    let mut feed = |text: &str| source.line(format!("Dec 10 06:55:46 web1 {text}").as_bytes(), &mut events);
    assert_eq!(feed("last message repeated 2 times"), LineOutcome::Unparsed(Unparsed::Repeats));
    assert_eq!(feed("sshd[1]: Failed password for bob from 192.0.2.1 port 5 ssh2"), LineOutcome::Events(1));
    assert_eq!(feed("last message repeated 2 times"), LineOutcome::Events(2));
    assert_eq!(feed("cron[1]: x"), LineOutcome::Ignored(Ignored::OtherProgram));
    assert_eq!(feed("last message repeated 2 times"), LineOutcome::Ignored(Ignored::OtherProgram));
    assert_eq!(events.len(), 3);
    assert_eq!(user(&events[2]), Some("bob"));
}

#[test]
fn an_attempt_that_pam_told_first_is_counted_once() {
    let (mut source, mut events) = (source(), Vec::new());
    let mut feed = |pid: u32, text: &str| {
        source.line(format!("Dec 10 06:55:46 web1 sshd[{pid}]: {text}").as_bytes(), &mut events)
    };
    let (pam, own) = (
        "error: PAM: Authentication failure for bob from 192.0.2.1",
        "Failed keyboard-interactive/pam for bob from 192.0.2.1 port 5 ssh2",
    );
    assert_eq!(feed(7, pam), LineOutcome::Events(1));
    assert_eq!(feed(8, own), LineOutcome::Events(1), "another process");
    assert_eq!(feed(7, own), LineOutcome::Ignored(Ignored::Companion));
    assert_eq!(feed(7, own), LineOutcome::Events(1), "this one PAM did not tell");
}

#[test]
fn the_journal_gives_the_same_event_as_the_file() {
    let message = "Failed password for invalid user a b from 192.0.2.1 port 5 ssh2";
    let (_, file) = line(&format!("2026-12-10T06:55:46.123456Z web1 sshd-session[42]: {message}"));
    let as_bytes = message.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(",");
    for text in [format!("\"{message}\""), format!("[{as_bytes}]")] {
        let (outcome, journal) = line(&format!(
            r#"{{"__CURSOR":"s=1","PRIORITY":"6","__REALTIME_TIMESTAMP":"1796885746123456","_HOSTNAME":"web1","SYSLOG_IDENTIFIER":"sshd-session","_PID":"42","MESSAGE":{text}}}"#
        ));
        assert_eq!((outcome, &journal), (LineOutcome::Events(1), &file));
    }
    let cut = r#"{"__REALTIME_TIMESTAMP":"1","SYSLOG_IDENTIFIER":"sshd","MESSAGE":null}"#;
    assert_eq!(line(cut).0, LineOutcome::Unparsed(Unparsed::Field { field: "MESSAGE" }));
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_said_so() {
    let mut events = Vec::new();
    let text = b"Dec 10 06:55:46 web1 sshd[1]: Failed password for invalid user b\xffb from 192.0.2.1 port 5 ssh2\r\n";
    assert_eq!(source().line(text, &mut events), LineOutcome::Events(1));
    assert_eq!(user(&events[0]), Some("b\u{fffd}b"));
    assert_eq!(events[0].attributes.get("invalid_utf8"), Some(&Value::Bool(true)));
}

#[test]
fn an_empty_user_name_is_told_from_none() {
    let e = event("Failed password for invalid user  from 192.0.2.1 port 5 ssh2");
    assert_eq!((user(&e), e.attributes.get("empty_user")), (None, Some(&Value::Bool(true))));
}
