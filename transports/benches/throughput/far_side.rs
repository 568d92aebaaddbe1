//! Where parcels go: a real broker with an empty data folder for each run, or an HTTP end that answers at once.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use veribus_core::transport::Parcel;
use veribus_testkit::server::{Kind, Server};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Nats,
    Redis,
    Http,
}

impl Way {
    pub(crate) const ALL: [Way; 3] = [Way::Nats, Way::Redis, Way::Http];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Nats => "nats",
            Way::Redis => "redis",
            Way::Http => "http",
        }
    }
}

/// A running far side.
pub(crate) enum FarSide {
    Nats(Server),
    Redis(Server),
    Http(SocketAddr),
}

impl FarSide {
    /// JetStream with file storage, Redis with an append-only file synced each second, or [`serve`].
    pub(crate) fn start(way: Way) -> Result<FarSide, String> {
        match way {
            Way::Nats => Server::start(Kind::Nats(String::new())).map(FarSide::Nats),
            Way::Redis => Server::start(Kind::Redis(Vec::new())).map(FarSide::Redis),
            Way::Http => listen().map(FarSide::Http).map_err(|error| error.to_string()),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            FarSide::Nats(server) => format!("nats://{}", server.address()),
            FarSide::Redis(server) => format!("redis://{}", server.address()),
            FarSide::Http(address) => format!("http://{address}"),
        }
    }
}

/// How many events a parcel holds, for the HTTP end, which decodes nothing.
static ANNOUNCED: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

/// Tells the HTTP end how many events it is to confirm.
pub(crate) fn announce(parcel: &Parcel) {
    let mut announced = ANNOUNCED.lock().unwrap_or_else(PoisonError::into_inner);
    announced.insert(parcel.id.to_string(), parcel.events);
}

fn listen() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection ends when its client is gone.
            thread::spawn(move || drop(serve(&Arc::new(stream))));
        }
    });
    Ok(address)
}

/// Reads each request whole and confirms its events.
fn serve(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut body = Vec::new();
    loop {
        let (mut length, mut parcel, mut line) = (0, String::new(), String::new());
        while reader.read_line(&mut line)? > 2 {
            if let Some((name, value)) = line.split_once(": ") {
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap_or(0),
                    "veribus-parcel" => value.trim().clone_into(&mut parcel),
                    _ => {}
                }
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let events =
            ANNOUNCED.lock().unwrap_or_else(PoisonError::into_inner).remove(&parcel).unwrap_or_default();
        let verdicts = format!(r#"{{"parcel":"{parcel}","accepted":{events},"duplicates":0,"rejected":[]}}"#);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{verdicts}",
            verdicts.len()
        );
        (&mut &*stream).write_all(answer.as_bytes())?;
    }
}
