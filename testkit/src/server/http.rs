//! The HTTP end of a collector without its store: requests come out as deliveries, settling answers them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use veribus_core::transport::{
    Compression, Delivery, DeliveryTag, ParcelId, Settlement, StoreReceipt, Subscription, TransportError,
};

/// Listens on a free loopback port for `POST /v1/events` with `Authorization: Bearer TOKEN`.
pub struct HttpCollector {
    address: SocketAddr,
    token: String,
    shared: Arc<Shared>,
    requests: Arc<Mutex<Receiver<Request>>>,
    run: Option<Arc<AtomicBool>>,
}

struct Shared {
    frozen: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    requests: Mutex<Sender<Request>>,
    waiting: Mutex<HashMap<String, Waiting>>,
}

struct Request {
    delivery: Delivery,
    waiting: Waiting,
}

struct Waiting {
    parcel: Option<ParcelId>,
    answer: Sender<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpCollector {
    /// Starts to listen.
    pub fn start(token: &str) -> std::io::Result<Self> {
        let (requests, receiver) = channel();
        let shared = Shared {
            frozen: AtomicBool::new(false),
            open: Mutex::default(),
            requests: Mutex::new(requests),
            waiting: Mutex::default(),
        };
        let requests = Arc::new(Mutex::new(receiver));
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut server =
            HttpCollector { address, token: token.to_owned(), shared: Arc::new(shared), requests, run: None };
        server.restart()?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// If the port was taken.
    pub fn restart(&mut self) -> std::io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        let run = Arc::new(AtomicBool::new(true));
        self.run = Some(Arc::clone(&run));
        let (shared, token) = (Arc::clone(&self.shared), self.token.clone());
        thread::spawn(move || {
            while run.load(Ordering::Acquire) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(2));
                    continue;
                };
                let _ = stream.set_nonblocking(false);
                locked(&shared.open).extend(stream.try_clone());
                let (shared, token) = (Arc::clone(&shared), token.clone());
                thread::spawn(move || {
                    // A connection that breaks is the sender's to notice.
                    let _ = serve(&stream, &shared, &token);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Ok(())
    }

    /// Closes every connection and listens no more.
    pub fn kill(&mut self) {
        if let Some(run) = self.run.take() {
            run.store(false, Ordering::Release);
        }
        // Until the listener is gone.
        let deadline = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(self.address).is_ok() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        for stream in locked(&self.shared.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        locked(&self.shared.waiting).clear();
        let requests = locked(&self.requests);
        while requests.try_recv().is_ok() {}
    }

    /// Answers nothing, or goes on.
    pub fn set_frozen(&self, frozen: bool) {
        self.shared.frozen.store(frozen, Ordering::Release);
    }

    /// What was received, to be settled.
    pub fn subscription(&self) -> Box<dyn Subscription> {
        Box::new(HttpSubscription { shared: Arc::clone(&self.shared), requests: Arc::clone(&self.requests) })
    }
}

impl Drop for HttpCollector {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One connection, request after request.
fn serve(stream: &TcpStream, shared: &Shared, token: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    for number in 0_u64.. {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let is_events = line == "POST /v1/events HTTP/1.1\r\n";
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
        let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let answer = if !is_events {
            refusal("404 Not Found", "NOT_FOUND")
        } else if header("authorization") != format!("Bearer {token}") {
            refusal("401 Unauthorized", "AUTH_INVALID")
        } else {
            let (answer, answered) = channel();
            let parcel: Option<ParcelId> = header("veribus-parcel").parse().ok();
            let message = format!("{:?}-{number}", stream.peer_addr()?);
            let compression = header("content-encoding");
            let compression = Compression::from_name(compression).ok_or_else(|| compression.to_owned());
            let delivery = Delivery {
                tag: DeliveryTag { message, receipts_to: None },
                parcel,
                media_type: header("content-type").to_owned(),
                compression,
                body,
                deliveries: 1,
            };
            let _ = locked(&shared.requests).send(Request { delivery, waiting: Waiting { parcel, answer } });
            let Ok(answer) = answered.recv() else { return Ok(()) };
            answer
        };
        while shared.frozen.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(2));
        }
        (&mut &*stream).write_all(answer.as_bytes())?;
    }
    Ok(())
}

struct HttpSubscription {
    shared: Arc<Shared>,
    requests: Arc<Mutex<Receiver<Request>>>,
}

impl Subscription for HttpSubscription {
    fn origin(&self) -> String {
        "http".to_owned()
    }

    fn receive(&mut self, parcels_max: usize, patience: Duration) -> Result<Vec<Delivery>, TransportError> {
        let requests = locked(&self.requests);
        let first = requests.recv_timeout(patience).ok();
        let more = std::iter::from_fn(|| requests.try_recv().ok());
        let taken = first.into_iter().chain(more).take(parcels_max);
        let kept = taken.map(|Request { delivery, waiting }| {
            locked(&self.shared.waiting).insert(delivery.tag.message.clone(), waiting);
            delivery
        });
        Ok(kept.collect())
    }

    fn settle(&mut self, delivery: &DeliveryTag, settlement: Settlement) -> Result<(), TransportError> {
        let Some(waiting) = locked(&self.shared.waiting).remove(&delivery.message) else { return Ok(()) };
        let answer = match settlement {
            Settlement::Stored(Some(receipt)) | Settlement::Dead(Some(receipt)) => {
                assert_eq!(Some(receipt.parcel), waiting.parcel, "a receipt of another parcel");
                answer("200 OK", &verdicts(&receipt))
            }
            Settlement::Stored(None) | Settlement::Dead(None) => refusal("400 Bad Request", "BATCH_SHAPE"),
            Settlement::Again(_) => refusal("503 Service Unavailable", "INGEST_FULL"),
        };
        // A sender that went away sends again.
        let _ = waiting.answer.send(answer);
        Ok(())
    }
}

/// As docs/http-api.md has it.
fn verdicts(receipt: &StoreReceipt) -> String {
    let rejected: Vec<String> = receipt
        .refused
        .iter()
        .map(|refused| format!(r#"{{"index":{},"code":"{}","message":"x"}}"#, refused.index, refused.code))
        .collect();
    let rejected = rejected.join(",");
    let (stored, duplicates) = (receipt.stored, receipt.duplicates);
    format!(r#"{{"accepted":{stored},"duplicates":{duplicates},"rejected":[{rejected}]}}"#)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn refusal(status: &str, code: &str) -> String {
    answer(status, &format!(r#"{{"error":{{"code":"{code}","message":"no"}},"correlation_id":"1"}}"#))
}
