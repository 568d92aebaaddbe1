//! Where one request ends and the next begins is never a matter of opinion; and a sender that sends too much waits.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::json;
use support_collector::Running;

fn start(more: &[&str]) -> (tempfile::TempDir, Running) {
    let temp = tempfile::tempdir().unwrap();
    let running = Running::start_with(&temp.path().join("data"), more);
    (temp, running)
}

fn batch(events: usize) -> String {
    let event = r#"{"time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login"}"#;
    format!(r#"{{"v":1,"source":{{"service":"cron"}},"events":[{}]}}"#, vec![event; events].join(","))
}

/// Sends raw bytes and reads until the collector closes: every answer's status.
fn raw(collector: &Running, bytes: &str) -> Vec<u16> {
    send(collector, bytes, false)
}

/// The same; `broken_off` says that nothing follows.
fn send(collector: &Running, bytes: &str, broken_off: bool) -> Vec<u16> {
    let mut stream = TcpStream::connect(&collector.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _closed_already = stream.write_all(bytes.as_bytes());
    if broken_off {
        let _closed_already = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    // Closing with unread bytes may reset the connection: what came before counts.
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut chunk) {
        answer.extend_from_slice(&chunk[..length]);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split("HTTP/1.1 ").skip(1).map(|rest| rest[..3].parse().unwrap()).collect()
}

fn head(collector: &Running, headers: &str) -> String {
    let (address, token) = (&collector.address, &collector.token);
    format!(
        "POST /v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{headers}\r\n"
    )
}

fn stored(collector: &Running) -> usize {
    collector.json(&["search", "--json"])["events"].as_array().unwrap().len()
}

#[test]
fn bad_22_a_length_that_is_wrong_is_refused_and_the_connection_closed() {
    let (_temp, collector) = start(&[]);
    let body = batch(1);
    let length = body.len();
    for headers in [
        "content-length: -1\r\n".to_owned(),
        "content-length: x\r\n".to_owned(),
        format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 1),
        format!("content-length: {length}, {}\r\n", length + 1),
    ] {
        assert_eq!(raw(&collector, &format!("{}{body}", head(&collector, &headers))), [400], "{headers}");
    }
    let longer = head(&collector, &format!("content-length: {}\r\n", length + 10));
    let answers = send(&collector, &format!("{longer}{body}"), true);
    assert!(answers.is_empty() || answers == [400], "a body that breaks off is no batch: {answers:?}");
    let shorter = head(&collector, &format!("content-length: {}\r\n", length - 10));
    assert_eq!(raw(&collector, &format!("{shorter}{body}")), [400, 400], "neither the cut body nor its rest");
    assert_eq!(stored(&collector), 0);
    assert_eq!(collector.post("application/json", body.as_bytes()).0, 200);
}

#[test]
fn bad_34_nothing_behind_an_ambiguous_request_is_taken_for_one() {
    let (_temp, collector) = start(&[]);
    let smuggled =
        format!("{}{}", head(&collector, &format!("content-length: {}\r\n", batch(1).len())), batch(1));
    for (first, second) in [
        ("content-length: 5\r\n", "transfer-encoding: chunked\r\n"),
        ("transfer-encoding: chunked\r\n", "content-length: 5\r\n"),
    ] {
        let answers =
            raw(&collector, &format!("{}0\r\n\r\n{smuggled}", head(&collector, &format!("{first}{second}"))));
        assert_eq!(answers, [400], "{first}: one answer, an empty batch, and the connection is closed");
    }
    for encoding in [
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        " transfer-encoding: chunked\r\n",
    ] {
        let answers = raw(&collector, &format!("{}0\r\n\r\n{smuggled}", head(&collector, encoding)));
        assert_eq!(answers, [400], "{encoding}");
    }
    assert_eq!(stored(&collector), 0, "nothing was smuggled in");
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", batch(1).len(), batch(1));
    let close = "transfer-encoding: chunked\r\nconnection: close\r\n";
    assert_eq!(raw(&collector, &format!("{}{chunked}", head(&collector, close))), [200]);
    assert_eq!(stored(&collector), 1);
}

#[test]
fn bad_42_a_sender_beyond_its_rate_waits_and_nothing_is_lost() {
    let (_temp, collector) = start(&["--max-events-per-second", "500"]);
    let body = batch(1_000);
    assert_eq!(collector.post("application/json", body.as_bytes()).0, 200, "one batch of any size gets in");
    let (status, answer) = collector.post("application/json", body.as_bytes());
    assert_eq!((status, &answer["error"]["code"]), (429, &json!("RATE_LIMITED")), "{answer}");
    assert_eq!(answer["error"]["limit"], 500);
    assert!(collector.get("/metrics").1.contains("veribus_collector_rate_refusals_total 1\n"));
    let headers = format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", collector.token);
    let mut stream = TcpStream::connect(&collector.address).unwrap();
    let request = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 429"), "{text}");
    assert!(text.to_ascii_lowercase().contains("\r\nretry-after: "), "{text}");
    let status: serde_json::Value = serde_json::from_str(&collector.get("/v1/status").1).unwrap();
    assert_eq!(status["accepted"], 1_000, "what was refused is not stored");
}
