//! The real binary as a child process, and plain HTTP to it.

#![allow(dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// The binary under test.
pub const VERIBUS: &str = env!("CARGO_BIN_EXE_veribus");

/// A running collector on a port of its own; killed when dropped.
pub struct Running {
    pub child: Child,
    pub address: String,
    pub data: PathBuf,
    pub token: String,
}

impl Running {
    /// Starts one on `data` and waits until it listens.
    pub fn start(data: &Path) -> Running {
        Running::start_with(data, &[])
    }

    /// The same with more arguments.
    pub fn start_with(data: &Path, more: &[&str]) -> Running {
        let mut child = Command::new(VERIBUS)
            .args(["collector", "--listen", "127.0.0.1:0", "--quiet", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = loop {
            let line = lines.next().expect("it says where it listens").expect("text");
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.to_owned();
            }
        };
        let token = std::fs::read_to_string(data.join("token")).expect("a token file").trim().to_owned();
        Running { child, address, data: data.to_owned(), token }
    }

    /// `POST /v1/events`.
    pub fn post(&self, media_type: &str, body: &[u8]) -> (u16, Json) {
        let headers = format!("authorization: Bearer {}\r\ncontent-type: {media_type}\r\n", self.token);
        request(&self.address, "POST", "/v1/events", &headers, body).expect("an answer")
    }

    /// `GET` with the token.
    pub fn get(&self, path: &str) -> (u16, String) {
        let headers = format!("authorization: Bearer {}\r\n", self.token);
        text_request(&self.address, "GET", path, &headers, b"").expect("an answer")
    }

    /// Runs another command of the binary on the same folder and collector.
    pub fn veribus(&self, args: &[&str]) -> Output {
        veribus(&self.data, Some(&self.address), args)
    }

    /// The JSON that a command prints.
    pub fn json(&self, args: &[&str]) -> Json {
        let output = self.veribus(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// SIGTERM, and the exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill");
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not stop");
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of the binary.
pub fn veribus(data: &Path, address: Option<&str>, args: &[&str]) -> Output {
    let url = format!("http://{}", address.unwrap_or("127.0.0.1:1"));
    Command::new(VERIBUS)
        .args(args)
        .env("VERIBUS_DATA", data)
        .env("VERIBUS_URL", url)
        .env_remove("VERIBUS_TOKEN_FILE")
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

/// One HTTP request on a connection of its own; the answer as JSON (null if it is none).
pub fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<(u16, Json)> {
    let (status, text) = text_request(address, method, path, headers, body)?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Json::Null)))
}

/// One HTTP request on a connection of its own; the answer as text.
pub fn text_request(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let length = if method == "POST" { format!("content-length: {}\r\n", body.len()) } else { String::new() };
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{length}{headers}\r\n");
    stream.write_all(head.as_bytes())?;
    // The server may answer and close before it has read a body that is too large.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let broken = || std::io::Error::other("no answer");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
    Ok((status, body.to_owned()))
}
