//! Bad input gets a clear error with a stable code, loses nothing, and the next request is served.
//!
//! The numbers are those of the bad-input catalogue.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use support_collector::{Running, request};
use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, VerificationEvent, event};

const JSON: &str = "application/json";
const MSGPACK: &str = "application/msgpack";

fn start() -> (tempfile::TempDir, Running) {
    let temp = tempfile::tempdir().unwrap();
    let running = Running::start(&temp.path().join("data"));
    (temp, running)
}

fn login(instance: u64, seq: u64, actor: &str) -> VerificationEvent {
    let id = EventId::new(InstanceId(instance), 1, seq);
    event::authentication("login")
        .failure()
        .actor(actor)
        .into_event(id, Timestamp::from_seconds(1_000))
        .unwrap()
}

fn batch(events: Vec<VerificationEvent>) -> Batch {
    Batch { source: Source::new("tests"), instance: Some(InstanceId(1)), events, ..Batch::default() }
}

fn json_of(events: Vec<VerificationEvent>) -> Vec<u8> {
    let mut body = Vec::new();
    batch(events).encode_json(&mut body).unwrap();
    body
}

fn msgpack_of(events: Vec<VerificationEvent>) -> Vec<u8> {
    let mut body = Vec::new();
    batch(events).encode_msgpack(&mut body).unwrap();
    body
}

/// The refusal has the shape of every refusal; answers its code.
fn code(answer: &Json) -> &str {
    let correlation = answer["correlation_id"].as_str().unwrap_or_default();
    assert_eq!(correlation.len(), 16, "{answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|m| !m.is_empty() && m.len() < 700), "{answer}");
    answer["error"]["code"].as_str().expect("a code")
}

/// A good batch of two new events is taken.
fn serves(collector: &Running, seq: u64) {
    let (status, receipt) =
        collector.post(JSON, &json_of(vec![login(99, seq, "a"), login(99, seq + 1, "b")]));
    assert_eq!((status, &receipt["accepted"]), (200, &json!(2)), "{receipt}");
}

#[test]
fn bad_19_without_the_token_nothing_is_said() {
    let (_temp, collector) = start();
    let body = json_of(vec![login(1, 1, "alice")]);
    let with = |header: &str| {
        let headers = format!("{header}content-type: application/json\r\n");
        request(&collector.address, "POST", "/v1/events", &headers, &body).unwrap()
    };
    let wrong = format!("authorization: Bearer vbt_{}\r\n", "0".repeat(64));
    let (status, missing) = with("");
    assert_eq!((status, code(&missing)), (401, "AUTH_MISSING"));
    let (status, unknown) = with(&wrong);
    assert_eq!((status, code(&unknown)), (401, "AUTH_INVALID"));
    let (_, malformed) = with("authorization: Bearer x\r\n");
    assert_eq!(unknown["error"], malformed["error"], "the same answer for unknown and malformed");
    serves(&collector, 1);
    let found = collector.json(&["search", "action:collector.token", "--json"]);
    assert_eq!(found["events"].as_array().unwrap().len(), 3, "each failed attempt is an event");
    assert_eq!(found["events"][0]["event"]["actor"]["ip"], "127.0.0.1");
}

#[test]
fn guessing_is_limited_and_the_right_token_still_gets_in() {
    let (_temp, collector) = start();
    let guess =
        || request(&collector.address, "GET", "/v1/status", "authorization: Bearer vbt_1\r\n", b"").unwrap();
    let limited = (0..40).map(|_| guess()).find(|(status, _)| *status == 429).expect("limited");
    assert_eq!(code(&limited.1), "AUTH_LIMITED");
    serves(&collector, 1);
}

#[test]
fn only_the_two_probes_answer_without_a_token_and_they_say_nothing() {
    let (_temp, collector) = start();
    for path in ["/livez", "/readyz"] {
        let (status, text) =
            support_collector::text_request(&collector.address, "GET", path, "", b"").unwrap();
        assert_eq!((status, text.as_str()), (200, "ok\n"), "{path}");
    }
    for path in ["/v1/status", "/metrics", "/v1/live"] {
        let (status, answer) = request(&collector.address, "GET", path, "", b"").unwrap();
        assert_eq!((status, code(&answer)), (401, "AUTH_MISSING"), "{path}");
    }
}

#[test]
fn bad_21_another_content_type_is_refused_with_the_list() {
    let (_temp, collector) = start();
    for kind in ["text/plain", "", "application/jsonx"] {
        let (status, answer) = collector.post(kind, b"{}");
        assert_eq!((status, code(&answer)), (415, "HTTP_CONTENT_TYPE"));
        assert!(answer["error"]["message"].as_str().unwrap().contains("application/msgpack"), "{answer}");
    }
    let (status, answer) = collector.post("application/json\r\ncontent-encoding: gzip", b"{}");
    assert_eq!((status, code(&answer)), (415, "HTTP_CONTENT_ENCODING"));
    serves(&collector, 1);
}

#[test]
fn bad_23_a_body_that_is_too_large_is_refused_before_it_is_read() {
    let (_temp, collector) = start();
    let (status, answer) = collector.post(JSON, &vec![b' '; (5 << 20) + 1]);
    assert_eq!((status, code(&answer)), (413, "HTTP_BODY_TOO_LARGE"));
    assert_eq!(
        (&answer["error"]["limit"], &answer["error"]["actual"]),
        (&json!(5 << 20), &json!((5 << 20) + 1))
    );

    // Announced and never sent: the answer does not wait for it.
    let mut stream = TcpStream::connect(&collector.address).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\ncontent-length: 99999999\r\n\r\n",
        collector.token
    );
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    // Without a length, in chunks: cut off at the limit.
    let mut stream = TcpStream::connect(&collector.address).unwrap();
    let head = head.replace("content-length: 99999999", "transfer-encoding: chunked");
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let sent = (0..200).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 200, "it stops reading");
    serves(&collector, 1);
}

#[test]
fn bad_26_a_slow_body_is_given_up_and_others_are_served_meanwhile() {
    let (_temp, collector) = start();
    let mut slow = TcpStream::connect(&collector.address).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\ncontent-length: 100\r\n\r\n{{",
        collector.token
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut silent = TcpStream::connect(&collector.address).unwrap();
    silent.write_all(b"GET /livez HTTP/1.1\r\nhost:").unwrap();
    serves(&collector, 1);
    let began = Instant::now();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("HTTP_TIMEOUT"), "{answer}");
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = Vec::new();
    // Closed, with or without a word.
    let _ = silent.read_to_end(&mut rest);
    assert!(began.elapsed() < Duration::from_secs(18), "{:?}", began.elapsed());
    serves(&collector, 3);
}

#[test]
fn bad_27_28_a_body_that_is_no_batch_is_refused() {
    let (_temp, collector) = start();
    for (body, expected) in [
        (&b""[..], "BATCH_EMPTY"),
        (b"  \n", "BATCH_EMPTY"),
        (b"null", "BATCH_SHAPE"),
        (b"[]", "BATCH_SHAPE"),
        (b"17", "BATCH_SHAPE"),
        (b"\"x\"", "BATCH_SHAPE"),
        (b"{}", "BATCH_SHAPE"),
    ] {
        let (status, answer) = collector.post(JSON, body);
        let shown = String::from_utf8_lossy(body);
        assert_eq!(status, 400, "{shown} {answer}");
        let found = code(&answer);
        let missing = shown == "{}" && found == "EVT_FIELD_MISSING";
        assert!(found == expected || missing, "{shown}: {found}");
    }
    let events = vec![r#"{"time":"2026-11-21T10:00:00Z","kind":"security","action":"x"}"#; 1_001].join(",");
    let body = format!(r#"{{"v":1,"source":{{"service":"t"}},"events":[{events}]}}"#);
    let (status, answer) = collector.post(JSON, body.as_bytes());
    assert_eq!((status, code(&answer)), (413, "BATCH_TOO_MANY"));
    assert_eq!(answer["error"]["limit"], 1_000);
    serves(&collector, 1);
}

#[test]
fn bad_29_a_bad_event_costs_itself_and_not_its_neighbours() {
    let (_temp, collector) = start();
    let mut document: Json =
        serde_json::from_slice(&json_of((1..=100).map(|n| login(1, n, "a")).collect())).unwrap();
    document["events"][10]["severity"] = json!("hgih");
    document["events"][50]["time"] = json!("yesterday");
    document["events"][99]["action"] = json!("Not A Name");
    let (status, receipt) = collector.post(JSON, document.to_string().as_bytes());
    assert_eq!(
        (status, &receipt["accepted"], &receipt["duplicates"]),
        (200, &json!(97), &json!(0)),
        "{receipt}"
    );
    let rejected: Vec<(u64, &str)> = receipt["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["index"].as_u64().unwrap(), r["code"].as_str().unwrap()))
        .collect();
    assert_eq!(rejected, [(10, "EVT_SEVERITY_INVALID"), (50, "EVT_TIME_INVALID"), (99, "EVT_TYPE_INVALID")]);
    assert_eq!(collector.json(&["search", "service:tests", "--count", "--json"])["count"], 97);
}

#[test]
fn bad_30_the_same_id_is_stored_once_and_another_content_is_said_aloud() {
    let (_temp, collector) = start();
    let twice = msgpack_of(vec![login(1, 1, "alice"), login(1, 1, "alice"), login(1, 2, "bob")]);
    let (_, receipt) = collector.post(MSGPACK, &twice);
    assert_eq!((&receipt["accepted"], &receipt["duplicates"]), (&json!(2), &json!(1)), "{receipt}");
    let (_, receipt) = collector.post(JSON, &json_of(vec![login(1, 1, "alice"), login(1, 2, "mallory")]));
    assert_eq!((&receipt["accepted"], &receipt["duplicates"]), (&json!(0), &json!(1)), "{receipt}");
    assert_eq!(receipt["rejected"][0]["code"], "ID_CONFLICT");
    assert_eq!(receipt["rejected"][0]["index"], 1);
    let kept = collector.json(&["search", "service:tests", "--json"]);
    let actors: Vec<&Json> =
        kept["events"].as_array().unwrap().iter().map(|e| &e["event"]["actor"]["name"]).collect();
    assert_eq!(actors, ["bob", "alice"], "the first one is kept");
    let raised = collector.json(&["search", "kind:security", "action:integrity.conflict", "--json"]);
    assert_eq!(raised["events"].as_array().unwrap().len(), 1);
    assert_eq!(raised["events"][0]["event"]["attributes"]["conflicts"], 1);
    // After a restart it is still known.
    let data = collector.data.clone();
    assert_eq!(collector.stop(), Some(0));
    let collector = Running::start(&data);
    let (_, receipt) = collector.post(MSGPACK, &twice);
    assert_eq!((&receipt["accepted"], &receipt["duplicates"]), (&json!(0), &json!(3)), "{receipt}");
}

#[test]
fn bad_36_to_40_malformed_json_is_named_with_its_place() {
    let (_temp, collector) = start();
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let in_event = |field: &str| {
        format!(
            r#"{{"v":1,"source":{{"service":"t"}},"events":[{{"time":"2026-11-21T10:00:00Z","kind":"security","action":"x",{field}}}]}}"#
        )
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"\xef\xbb\xbf{}".to_vec(), "JSON_SYNTAX"),
        (b"{\n // comment\n}".to_vec(), "JSON_SYNTAX"),
        (b"{\"v\":1,}".to_vec(), "JSON_SYNTAX"),
        (b"{'v':1}".to_vec(), "JSON_SYNTAX"),
        (in_event(r#""attributes":{"x":NaN}"#).into(), "JSON_SYNTAX"),
        (in_event(r#""severity":"low","severity":"high""#).into(), "JSON_DUPLICATE_KEY"),
        (deep, "JSON_TOO_DEEP"),
        (in_event(r#""attributes":{"x":1e400}"#).into(), "JSON_NUMBER"),
        (in_event(&format!(r#""attributes":{{"x":{}}}"#, "9".repeat(400))).into(), "JSON_NUMBER"),
        (in_event(r#""attributes":{"x":1E+}"#).into(), "JSON_NUMBER"),
        (in_event(r#""reason":"\ud800""#).into(), "JSON_TEXT_INVALID"),
        ([&b"{\"v\":1,\"source\":{\"service\":\"\xc0\x80\"}}"[..]].concat(), "JSON_TEXT_INVALID"),
        (b"{\"v\":1".to_vec(), "JSON_TRUNCATED"),
        (b"{} {}".to_vec(), "JSON_TRAILING"),
    ];
    for (body, expected) in cases {
        let (status, answer) = collector.post(JSON, &body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(150)]).into_owned();
        // A fault inside an event may be reported for that event alone.
        let found =
            if status == 200 { answer["rejected"][0]["code"].as_str().unwrap() } else { code(&answer) };
        let shape = found == "BATCH_SHAPE" || found == "EVT_FIELD_MISSING";
        assert!(found == expected || (shape && expected == "JSON_TRAILING"), "{shown}: {status} {answer}");
        if status == 400 {
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("line "), "{message}");
        }
    }
    serves(&collector, 1);
}

#[test]
fn bad_41_malformed_msgpack_is_refused_without_believing_its_sizes() {
    let (_temp, collector) = start();
    let good = msgpack_of(vec![login(1, 1, "alice")]);
    let mut trailing = good.clone();
    trailing.push(0xc0);
    let cases: Vec<Vec<u8>> = vec![
        vec![0x91; 2_048],
        vec![0xdd, 0xff, 0xff, 0xff, 0xff],
        vec![0x81, 0x01, 0x01],
        vec![0x81, 0xa1, b'v', 0xd4, 0x01, 0x00],
        vec![0x81, 0xa2, 0xc0, 0x80, 0x01],
        good[..good.len() - 3].to_vec(),
        trailing,
    ];
    for body in cases {
        let (status, answer) = collector.post(MSGPACK, &body);
        assert_eq!(status, 400, "{body:02x?} {answer}");
        let found = code(&answer);
        assert!(found.starts_with("MSGPACK_") || found == "BATCH_SHAPE", "{body:02x?}: {found}");
    }
    serves(&collector, 1);
}

#[test]
fn bad_31_to_33_paths_methods_and_headers_are_not_played_with() {
    let (_temp, collector) = start();
    let token = format!("authorization: Bearer {}\r\n", collector.token);
    for path in ["/../token", "/%2e%2e/token", "//v1/status", "/v1/events/", "/v1%2fstatus", "/v1/status."] {
        let (status, answer) = request(&collector.address, "GET", path, &token, b"").unwrap();
        assert_eq!((status, code(&answer)), (404, "HTTP_NOT_FOUND"), "{path}");
    }
    for method in ["PUT", "TRACE", "DELETE", "BREW"] {
        let (status, answer) = request(&collector.address, method, "/v1/events", &token, b"").unwrap();
        assert_eq!((status, code(&answer)), (405, "HTTP_METHOD"), "{method}");
    }
    let large = format!("{token}x: {}\r\n", "a".repeat(70_000));
    let (status, _) =
        support_collector::text_request(&collector.address, "GET", "/livez", &large, b"").unwrap();
    assert_eq!(status, 431);
    let many = (0..1_000).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let (status, _) =
        support_collector::text_request(&collector.address, "GET", "/livez", &many, b"").unwrap();
    assert_eq!(status, 431);
    serves(&collector, 1);
}

#[test]
fn json_lines_of_a_foreign_client_get_an_identity_here() {
    let (_temp, collector) = start();
    let line =
        r#"{"time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login","outcome":"failure"}"#;
    let headers =
        format!("authorization: Bearer {}\r\ncontent-type: application/x-ndjson\r\n", collector.token);
    let body = format!("{line}\n\n{line}\nnot json\n");
    let (status, receipt) =
        request(&collector.address, "POST", "/v1/events?service=legacy", &headers, body.as_bytes()).unwrap();
    assert_eq!((status, &receipt["accepted"], &receipt["rejected"][0]["index"]), (200, &json!(2), &json!(2)));
    let found = collector.json(&["search", "service:legacy", "--json"]);
    let ids: Vec<&str> =
        found["events"].as_array().unwrap().iter().map(|e| e["event"]["id"].as_str().unwrap()).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1] && ids.iter().all(|id| *id != "0".repeat(32)), "{ids:?}");
}

#[test]
fn a_secret_from_a_sender_without_a_redactor_reaches_no_file_and_no_reader() {
    let (temp, collector) = start();
    let secret = "s3cretTh1ngThatMustNotStay";
    let line = format!(
        r#"{{"id":"000000000000000700010000000001f4","time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login","outcome":"failure","reason":"password={secret}","attributes":{{"api_key":"{secret}"}}}}"#
    );
    let sent = || collector.post("application/x-ndjson", line.as_bytes());
    let (status, receipt) = sent();
    assert_eq!((status, &receipt["accepted"]), (200, &json!(1)), "{receipt}");
    let (_, again) = sent();
    assert_eq!(again["duplicates"], 1, "the same bytes are the same event: {again}");
    let (_, metrics) = collector.get("/metrics");
    assert!(metrics.contains("veribus_collector_redacted_fields_total 4\n"), "{metrics}");

    let found = collector.json(&["search", "--json"]);
    assert_eq!(found["events"][0]["event"]["attributes"]["api_key"], "***", "{found}");
    assert_eq!(found["events"][0]["event"]["reason"], "password=***", "{found}");
    assert_eq!(collector.stop(), Some(0));
    let (mut folders, mut files) = (vec![temp.path().join("data")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            let held = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!held, "`{}` holds the secret", path.display());
        }
    }
    assert!(files >= 3, "the store, the token and the trail were looked at");
}
