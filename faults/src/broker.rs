//! A real broker that a test may command: a few lines of each protocol, nothing of the clients that the product uses.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use veribus_testkit::server::{Kind, Server};

/// How long a broker may take to answer a command.
const PATIENCE: Duration = Duration::from_secs(2);
/// The stream that the product uses unless it is told another.
const STREAM: &str = "veribus";
/// What NATS takes unless told otherwise; said so that it can be changed.
const MAX_PAYLOAD: &str = "max_payload: 1048576";

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerKind {
    /// NATS with JetStream.
    Nats,
    /// Redis.
    Redis,
}

/// A broker that runs, or not.
#[derive(Debug)]
pub struct Broker {
    /// Which.
    pub kind: BrokerKind,
    /// Its process.
    pub server: Server,
}

impl Broker {
    /// Starts it; an error says why there is none, and the test that it is skipped.
    ///
    /// # Errors
    /// Why it does not run here.
    pub fn start(kind: BrokerKind) -> Result<Self, String> {
        let server = match kind {
            BrokerKind::Nats => Server::start(Kind::Nats(MAX_PAYLOAD.to_owned()))?,
            BrokerKind::Redis => Server::start(Kind::Redis(Vec::new()))?,
        };
        Ok(Broker { kind, server })
    }

    /// Its name in the ledger.
    pub const fn name(&self) -> &'static str {
        match self.kind {
            BrokerKind::Nats => "NATS",
            BrokerKind::Redis => "Redis",
        }
    }

    /// The collector's option for it.
    pub const fn option(&self) -> &'static str {
        match self.kind {
            BrokerKind::Nats => "--nats",
            BrokerKind::Redis => "--redis",
        }
    }

    /// Its address, or that of a proxy before it.
    pub fn url(&self, address: std::net::SocketAddr) -> String {
        match self.kind {
            BrokerKind::Nats => format!("nats://{address}"),
            BrokerKind::Redis => format!("redis://{address}"),
        }
    }

    /// Dies at once and comes back with what it has on disk.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn restart(&mut self, pause: Duration) {
        self.server.kill();
        std::thread::sleep(pause);
        self.server.restart().expect("it starts again");
    }

    /// Dies at once and comes back with nothing.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn restart_empty(&mut self, pause: Duration) {
        self.server.kill();
        self.server.wipe();
        std::thread::sleep(pause);
        self.server.restart().expect("it starts again");
    }

    /// Dies at once and comes back with what it had a while ago.
    ///
    /// # Panics
    /// If it does not come back, or its files cannot be copied.
    pub fn restart_older(&mut self, pause: Duration) {
        let kept = tempfile::tempdir().expect("a folder");
        self.server.kill();
        copy(self.server.folder(), kept.path()).expect("its files");
        self.server.restart().expect("it starts again");
        std::thread::sleep(pause);
        self.server.kill();
        self.server.wipe();
        copy(kept.path(), self.server.folder()).expect("its files");
        self.server.restart().expect("it starts again");
    }

    /// One Redis command; its first line of answer. Commands that end the connection have none.
    pub fn redis(&self, command: &str) -> String {
        let ask = || -> io::Result<String> {
            let mut stream = self.connect()?;
            stream.write_all(format!("{command}\r\n").as_bytes())?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        };
        ask().unwrap_or_default()
    }

    /// One request to JetStream; its answer, `null` where there is none.
    pub fn jetstream(&self, request: &str, payload: &Value) -> Value {
        let body = if payload.is_null() { String::new() } else { payload.to_string() };
        let subject = format!("$JS.API.{request}");
        self.nats(&subject, body.as_bytes()).ok().flatten().unwrap_or_default()
    }

    /// What a stream is set to, changed by `change`; what it was before.
    pub fn change_stream(&self, change: impl FnOnce(&mut Value)) -> Value {
        let before = self.jetstream(&format!("STREAM.INFO.{STREAM}"), &Value::Null)["config"].take();
        let mut after = before.clone();
        change(&mut after);
        self.jetstream(&format!("STREAM.UPDATE.{STREAM}"), &after);
        before
    }

    /// Puts bytes that are no parcel where parcels are.
    pub fn poison(&self, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        match self.kind {
            BrokerKind::Redis => drop(self.redis(&format!("XADD {STREAM}:events * body \"{hex}\""))),
            BrokerKind::Nats => drop(self.nats(&format!("{STREAM}.events"), bytes)),
        }
    }

    /// Lowers or raises the longest message that NATS takes.
    ///
    /// # Panics
    /// If its configuration cannot be written.
    pub fn max_payload(&self, bytes: u64) {
        let path = self.server.folder().join("nats.conf");
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let lines = text.lines().filter(|line| !line.starts_with("max_payload"));
        let text = lines.chain([format!("max_payload: {bytes}").as_str()]).collect::<Vec<_>>().join("\n");
        std::fs::write(&path, text).expect("a configuration");
        self.server.signal("-HUP");
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.server.address(), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Publishes with a reply subject of its own, and waits for what is said there.
    fn nats(&self, subject: &str, payload: &[u8]) -> io::Result<Option<Value>> {
        let mut stream = self.connect()?;
        stream.write_all(b"CONNECT {\"verbose\":false}\r\nSUB fault.answers 1\r\n")?;
        stream.write_all(format!("PUB {subject} fault.answers {}\r\n", payload.len()).as_bytes())?;
        stream.write_all(payload)?;
        stream.write_all(b"\r\n")?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            if let Some(length) =
                line.strip_prefix("MSG ").and_then(|rest| rest.trim_end().rsplit(' ').next())
            {
                let mut body = vec![0; length.parse().unwrap_or(0)];
                reader.read_exact(&mut body)?;
                return Ok(serde_json::from_slice(&body).ok());
            }
            line.clear();
        }
        Ok(None)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
