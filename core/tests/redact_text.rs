//! What is replaced in a text, and what is left alone.

use std::time::{Duration, Instant};

use veribus_core::Redactor;

fn redacted(text: &str) -> String {
    Redactor::standard().redact_text(text).into_owned()
}

#[test]
fn only_the_secret_part_of_each_form_is_replaced() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLWJ5dGVz";
    let cases = [
        (format!("token {jwt} expired"), "token *** expired"),
        (format!("x{jwt}."), "x***."),
        (format!("a {jwt}.c2lnbmF0.dXJlYnl0ZXM b"), "a *** b"),
        ("Authorization: Bearer s3cr3t-token~1".into(), "Authorization: Bearer ***"),
        ("sent bearer   abcDEF123456, refused".into(), "sent bearer   ***, refused"),
        ("got Basic YWxpY2U6cGFzcw== here".into(), "got Basic *** here"),
        ("https://alice:p@ss:w0rd@example.com/x?y#z".into(), "https://alice:***@example.com/x?y#z"),
        ("redis://:hunter2@cache:6379/0".into(), "redis://:***@cache:6379/0"),
        ("postgres://app:pa/ss@db/orders".into(), "postgres://app:***@db/orders"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a".into(), "ghp_***"),
        ("github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ".into(), "github_pat_***"),
        ("slack xoxb-123456789012-abcdefGHIJ!".into(), "slack xoxb-***!"),
        ("AKIAIOSFODNN7EXAMPLE".into(), "AKIA***"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc".into(), "sk_live_***"),
        (format!("vbt_{}", "0123456789abcdef".repeat(4)), "vbt_***"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstu".into(), "AIza***"),
        ("card 4111 1111 1111 1111 declined".into(), "card *** declined"),
        ("5500-0000-0000-0004".into(), "***"),
        ("amex 378282246310005, 3782-822463-10005".into(), "amex ***, ***"),
        ("2026-11-21 4111111111111111".into(), "2026-11-21 ***"),
        ("card4111111111111111x".into(), "card***x"),
    ];
    for (text, expected) in cases {
        assert_eq!(redacted(&text), expected, "{text}");
    }
}

#[test]
fn a_private_key_loses_its_body_also_where_the_text_was_cut() {
    let key = "log -----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nmore";
    assert_eq!(redacted(key), "log -----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\nmore");
    assert_eq!(redacted("-----BEGIN PRIVATE KEY-----\\nMIIE"), "-----BEGIN PRIVATE KEY-----***");
    let public = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----";
    assert_eq!(redacted(public), public);
}

#[test]
fn a_value_behind_a_secret_name_is_replaced_up_to_its_end() {
    let cases = [
        ("password=hunter2 user=bob", "password=*** user=bob"),
        ("/login?user=bob&access_token=abc&x=1", "/login?user=bob&access_token=***&x=1"),
        ("Server=db;Pwd=a=b;Uid=b", "Server=db;Pwd=***;Uid=b"),
        ("user=x,password=a,b,z=1", "user=x,password=***,z=1"),
        ("(password=y1)", "(password=**)"),
        ("password = 'correct horse' next", "password = '***' next"),
        (r#"{"password":"hun\"ter2","user":"bob"}"#, r#"{"password":"***","user":"bob"}"#),
        (r#"{"user":{"api_key" : "k"},"pin":1234}"#, r#"{"user":{"api_key" : "*"},"pin":***}"#),
        (r#"{\"password\":\"hunter2\",\"a\":1}"#, r#"{\"password\":\"***\",\"a\":1}"#),
        (r#"{"secrets":["a","]b"],"x":[1]}"#, r#"{"secrets":***,"x":[1]}"#),
        (r#"{"password"=>"hunter2", "x"=>"y"}"#, r#"{"password"=>"***", "x"=>"y"}"#),
        ("{'password': b'hunter2', 'x': 1}", "{'password': b'***', 'x': 1}"),
        ("Cookie: sid=abc; theme=dark\r\nHost: x", "Cookie: ***\r\nHost: x"),
        ("X-Api-Key: abcdefgh", "X-Api-Key: ***"),
        ("Authorization: Digest username=\"bob\", response=\"1f\"", "Authorization: Digest ***"),
        ("authorization=Token abcd ok", "authorization=Token *** ok"),
        ("password: hunter2", "password: ***"),
    ];
    for (text, expected) in cases {
        assert_eq!(redacted(text), expected, "{text}");
    }
}

#[test]
fn texts_without_secrets_are_unchanged() {
    for text in [
        "",
        "***",
        "bad_password",
        "Failed password for invalid user admin from 203.0.113.7 port 43210 ssh2",
        "Accepted publickey for alice from 2001:db8::1 port 22 ssh2: RSA SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.7",
        "message repeated 5 times: [ Failed password for root from 203.0.113.7 port 4 ssh2]",
        "invalid token: expired",
        "authorization: denied by policy",
        "Bearer token required; bearer authentication failed, Basic authentication is off",
        "WWW-Authenticate: Bearer realm=\"api\", error=\"invalid_token\"",
        "basic functionality works",
        "password_age_days=30 token_count=17 prompt_tokens: 512",
        "https://example.com:8443/@alice?at=b@c",
        "http://[2001:db8::1]:8080/a@b",
        "alice@example.com wrote user:group to /var/log/x",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        "risk-assessment-service-v2 task-management-1 disk-usage-per-hour",
        "half_life_of_a_very_long_identifier_name_without_meaning",
        "eyJ is how a token begins; eyJson.rs is a file",
        "AKIA is a prefix",
        "Grüße aus 日本 👍🏽",
    ] {
        assert_eq!(redacted(text), text);
    }
}

/// Passes the check digit of Luhn but is no card: what of it stays is said in `docs/redaction.md`.
#[test]
fn identifiers_times_and_telephone_numbers_are_no_cards() {
    for text in [
        "9f3c1a52-4d11-4f0a-8c55-1234567890ab",
        "12345678-4111-4111-8111-111111111111",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "a4111111111111111b2c3d4e5f6a7b8c",
        "1700000000007", // milliseconds, good check digit
        "1763719200000",
        "1700000000000005", // microseconds, good check digit
        "1763719200000000000",
        "+49 30 1234 5678 9012",
        "+4111111111111111",
        "0049 170 1234567",
        "3.4111111111111111 4111111111111111.5",
        "41111111111111110000",
        "4111111111111112", // bad check digit
        "9111111111111111", // good length, no issuer
        "2001:0db8:4111:1111:1111:1111:0000:0001",
        "192.0.2.1 198.51.100.255 4111.1111.1111.1111",
        "2026-11-21T10:00:00.123456789Z",
        "20261121100000",
    ] {
        assert_eq!(redacted(text), text);
    }
}

#[test]
fn a_mask_is_never_longer_than_what_it_replaces() {
    assert_eq!(redacted("a://b:c@d"), "a://b:*@d");
    assert_eq!(redacted("pin=12"), "pin=**");
}

#[test]
fn own_names_and_detectors_join_and_allowed_names_leave() {
    let redactor = Redactor::builder()
        .name("card_ref")
        .allow("session_id")
        .detector(|text| text.find('§').map(|at| at..at + '§'.len_utf8()))
        .build();
    assert_eq!(
        redactor.redact_text("card-ref=x7x session_id=abc §§ pin=123"),
        "card-ref=*** session_id=abc **** pin=***"
    );
    assert_eq!(Redactor::none().redact_text("password=x"), "password=x");
}

#[test]
fn a_detector_that_fails_costs_the_whole_text_and_nothing_else() {
    let panics =
        Redactor::builder().detector(|text| text.find("boom").map(|_| panic!("in a detector"))).build();
    assert_eq!(panics.redact_text("a boom b"), "***");
    assert_eq!(panics.redact_text("fine"), "fine");
    for range in [(0, 100), (1, 2), (5, 5), (3, 1)] {
        let wrong = Redactor::builder().detector(move |_| Some(range.0..range.1)).build();
        assert_eq!(wrong.redact_text("éa longer text"), "***");
    }
}

#[test]
fn time_grows_with_the_length_and_not_faster() {
    let redactor = Redactor::standard();
    let time = |text: &str| {
        let begun = Instant::now();
        std::hint::black_box(redactor.redact_text(text));
        begun.elapsed()
    };
    for unit in [
        "eyJ",
        "eyJabcdefghij.",
        "=",
        "a=",
        "token=",
        "\"token\":",
        ":",
        "://",
        "://a:b",
        "a:b/",
        "-",
        "-----BEGIN ",
        "sk-",
        "AKIA",
        "bearer ",
        "basic ",
        "1",
        "1 ",
        "4111 ",
        ",a",
        "password={",
        "password=\\",
        "cookie: a; ",
        "\\\"",
        "xoxb-",
        "hvs.",
        "a.",
        "password=',",
        "token=a,b",
    ] {
        let text = unit.repeat(64 * 1024 / unit.len());
        let slowest = time(&text).min(time(&text));
        // Some milliseconds without optimisation; a quadratic pattern takes a minute.
        assert!(slowest < Duration::from_secs(2), "{unit:?}: {slowest:?}");
    }
}
