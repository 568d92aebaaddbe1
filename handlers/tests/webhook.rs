//! A real server on loopback answers well, badly, slowly and not at all.

#![allow(clippy::unwrap_used)] // helpers of tests
#![cfg(feature = "webhook")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use veribus_core::{EventHandler, EventId, HandlerError, Severity, Timestamp, event};
use veribus_handlers::alert::WebhookError;
use veribus_handlers::{AlertHandler, WebhookSink};

/// Answers each connection with the next of `answers`; sends on what it was asked.
fn server(answers: Vec<&'static [u8]>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/secret-path?token=secret-query", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            let _the_test_may_be_over = sender.send(request);
            let _the_client_may_be_gone = stream.write_all(answer);
        }
    });
    (url, requests)
}

fn read_request(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn alert_through(sink: WebhookSink) -> (AlertHandler, Result<(), HandlerError>) {
    let mut handler = AlertHandler::new(sink);
    let draft = event::security("intrusion").severity(Severity::Critical).actor("mallory\n");
    let event = draft.into_event(EventId::from_bits(1), Timestamp::default()).unwrap();
    let result = handler.handle(&[Arc::new(event)]);
    (handler, result)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

const OK: &[u8] = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

#[test]
fn an_alert_is_posted_as_json() {
    let (url, requests) = server(vec![OK]);
    let (handler, result) = alert_through(WebhookSink::new(&url).unwrap().bearer("t0ken"));
    result.unwrap();
    let request = requests.recv_timeout(Duration::from_secs(5)).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook/secret-path?token=secret-query HTTP/1.1\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/json") && head.contains("authorization: bearer t0ken"),
        "{head}"
    );
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["severity"], &body["entity"]["value"]), (&"critical".into(), &"mallory\n".into()));
    assert_eq!(handler.watch().counts().delivered, 1);
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_given_up() {
    let cases: [(&[u8], bool); 6] = [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", true),
        (b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", true),
        (b"not http at all\r\n\r\n", true),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", false),
        (b"HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n", false),
        (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", false),
    ];
    for (answer, again) in cases {
        let (url, _requests) = server(vec![answer]);
        let (handler, result) = alert_through(WebhookSink::new(&url).unwrap());
        let error = result.unwrap_err();
        let text = chain(&error);
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(handler.watch().counts().lost, u64::from(!again), "{text}");
    }
}

#[test]
fn a_body_without_end_and_a_silent_server_cost_no_more_than_the_timeout() {
    let endless: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffff\r\nxxxx";
    let (url, _requests) = server(vec![endless]);
    alert_through(WebhookSink::new(&url).unwrap()).1.unwrap();

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/secret", silent.local_addr().unwrap());
    let begun = Instant::now();
    let (_, result) = alert_through(WebhookSink::new(&url).unwrap().timeout(Duration::from_millis(200)));
    let text = chain(&result.unwrap_err());
    assert!(text.contains("in time") && begun.elapsed() < Duration::from_secs(5), "{text}");
}

#[test]
fn urls_that_leak_or_are_none_are_refused() {
    let problem = |url: &str| WebhookSink::new(url).unwrap_err();
    assert!(matches!(problem("http://hooks.example.net/x"), WebhookError::PlainHttp));
    assert!(matches!(problem("http://127.0.0.1.example.net/x"), WebhookError::PlainHttp));
    assert!(matches!(problem("https://user:pass@hooks.example.net/x"), WebhookError::Credentials));
    for url in
        ["", "hooks.example.net", "/x", "ftp://hooks.example.net/x", "file:///etc/passwd", "https:///x"]
    {
        assert!(matches!(problem(url), WebhookError::NotAUrl), "{url}");
    }
    for url in
        ["http://localhost:1/x", "http://[::1]:1/x", "http://127.9.9.9/x", "https://hooks.example.net/x"]
    {
        assert!(!format!("{:?}", WebhookSink::new(url).unwrap()).contains("/x"), "{url}");
    }
    WebhookSink::allowing_plain_http("http://hooks.example.net/x").unwrap();
}
