//! Whatever bytes stand in a line: no panic, one outcome, and only events that keep the limits.

use proptest::prelude::*;
use veribus_core::{EventId, Timestamp, VerificationEvent};
use veribus_sources::{
    Format, LINE_BYTES_MAX, LineOutcome, LineSource, SourceOptions, Unparsed, detect, source_for,
};

fn sources() -> Vec<Box<dyn LineSource>> {
    let options = SourceOptions::new(Timestamp::from_seconds(1_800_000_000));
    Format::ALL.iter().map(|format| source_for(*format, &options)).collect()
}

/// Feeds `line` twice, since the second may refer to the first, and checks what comes out.
fn holds(line: &[u8]) {
    detect(line);
    for mut source in sources() {
        for _ in 0..2 {
            let mut events: Vec<VerificationEvent> = Vec::new();
            let outcome = source.line(line, &mut events);
            let expected = if let LineOutcome::Events(count) = outcome { count as usize } else { 0 };
            assert_eq!(events.len(), expected, "{outcome:?}");
            assert!(!matches!(outcome, LineOutcome::Events(0)));
            for event in &events {
                assert_eq!(event.check(), Ok(()), "{event:?}");
                let own = source.format() == Format::VeribusJson;
                assert!(own || event.id == EventId::from_bits(0));
            }
        }
    }
}

/// Pieces of real lines, so that random lines get past the first test.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 40] = [
        "Dec 10 06:55:46 ",
        "Feb 29 23:59:60 ",
        "2026-11-21T10:00:00.1+01:00 ",
        "<38>",
        "1 ",
        "h ",
        "sshd[1]: ",
        "sshd: ",
        "cron[2]: ",
        "Failed ",
        "Accepted ",
        "password ",
        "publickey ",
        "for ",
        "invalid user ",
        "root ",
        "from ",
        "203.0.113.9 ",
        "2001:db8::1%eth0 ",
        "port 22 ",
        "ssh2",
        ": RSA SHA256:x",
        " [preauth]",
        "message repeated 3 times: [ ",
        "last message repeated 2 times",
        "]",
        "Invalid user ",
        "error: ",
        "PAM: ",
        "Disconnecting: Too many authentication failures for ",
        "reverse mapping checking getaddrinfo for ",
        "Connection closed by authenticating user ",
        "User x not allowed because ",
        "\"",
        "\\",
        "- - ",
        "[10/Oct/2000:13:55:36 -0700] ",
        "\"GET /a?b HTTP/1.1\" 403 1 ",
        "{\"MESSAGE\":[1,300],",
        "\u{feff}",
    ];
    prop_oneof![
        8 => prop::sample::select(PIECES.map(|p| p.as_bytes().to_vec()).to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn on_any_bytes(line in prop::collection::vec(any::<u8>(), 0..300)) {
        holds(&line);
    }

    #[test]
    fn on_any_text(line in "\\PC{0,200}") {
        holds(line.as_bytes());
    }

    #[test]
    fn on_lines_made_of_real_pieces(pieces in prop::collection::vec(piece(), 0..16)) {
        holds(&pieces.concat());
    }

    #[test]
    fn on_a_real_line_with_bytes_changed(
        which in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut line = REAL[which].as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(line.len());
            line[at] = byte;
        }
        holds(&line);
    }
}

const REAL: [&str; 4] = [
    "Dec 10 07:13:56 h sshd[24227]: message repeated 5 times: [ Failed password for root from 192.0.2.59 port 42393 ssh2]",
    r#"{"__REALTIME_TIMESTAMP":"1795255200000000","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"sshd","_PID":"7","MESSAGE":"Failed password for bob from 192.0.2.1 port 5 ssh2"}"#,
    r#"www.example.com:443 2001:db8::1 - bob [10/Oct/2000:13:55:36 -0700] "GET /a?b HTTP/1.1" 403 12 "https://example.org/x" "curl/8""#,
    r#"{"v":1,"i":3,"p":"00","ev":{"id":"0000000000000001000000000000000a","time":"2026-11-21T10:00:00.000000000Z","kind":"security","action":"x","severity":"low","outcome":"unknown"}}"#,
];

#[test]
fn a_line_is_read_up_to_its_limit_and_named_beyond_it() {
    let fill = |length: usize| {
        let (front, back) =
            ("Dec 10 06:55:46 h sshd[1]: Failed password for invalid user ", " from 192.0.2.1 port 5 ssh2");
        format!("{front}{}{back}", "x".repeat(length - front.len() - back.len()))
    };
    let mut source = source_for(Format::OpenSsh, &SourceOptions::new(Timestamp::from_seconds(1_800_000_000)));
    let mut events = Vec::new();
    assert_eq!(source.line(fill(LINE_BYTES_MAX).as_bytes(), &mut events), LineOutcome::Events(1));
    let actor = events[0].actor.as_ref().expect("an actor");
    assert_eq!(actor.name.as_ref().map(|n| n.len()), Some(veribus_sources::FIELD_BYTES_MAX));
    assert!(events[0].attributes.get("truncated").is_some());
    let bytes = LINE_BYTES_MAX + 1;
    assert_eq!(
        source.line(fill(bytes).as_bytes(), &mut events),
        LineOutcome::Unparsed(Unparsed::TooLong { bytes })
    );
    assert_eq!(events.len(), 1);
}
