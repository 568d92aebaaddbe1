//! A TCP proxy that breaks connections as networks do: in user space, changed while it runs, seeded.
//!
//! ```no_run
//! use std::time::Duration;
//! use veribus_testkit::Seed;
//! use veribus_testkit::proxy::{Cut, FaultProxy, Faults, Way};
//!
//! let proxy = FaultProxy::start("127.0.0.1:4222".parse()?, Seed::from_env())?;
//! // … a client connects to `proxy.address()` …
//! let slow = Way { latency: Duration::ZERO..Duration::from_millis(300), ..Way::default() };
//! proxy.set(Faults { to_server: slow, ..Faults::default() });
//! proxy.cut(Cut::Reset);
//! proxy.heal();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Bounds: [`OPEN_MAX`] connections at once, a quarter of a mebibyte under way for each direction of each.

mod connection;
mod counts;
mod faults;
mod pump;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

pub use counts::Counts;
pub use faults::{Cut, Faults, Way};

use connection::Connection;
use counts::Counters;

use crate::seed::Seed;

/// Most connections at once; more are refused.
pub const OPEN_MAX: usize = 256;
/// How long the proxy itself waits for the server behind it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A running proxy; ends with all its connections when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the acceptor, the connections and the test see.
#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    /// The faults now, and a number that grows with each change.
    faults: RwLock<(u64, Faults)>,
    open: Mutex<Vec<Arc<Connection>>>,
    counters: Counters,
    seed: Seed,
    stopped: std::sync::atomic::AtomicBool,
}

impl Shared {
    fn faults(&self) -> (u64, Faults) {
        self.faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| !connection.is_over());
        open
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

impl FaultProxy {
    /// A proxy on a free loopback port before `upstream`, without a fault.
    ///
    /// # Errors
    /// No port or no thread to be had.
    pub fn start(upstream: SocketAddr, seed: Seed) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            faults: RwLock::default(),
            open: Mutex::default(),
            counters: Counters::default(),
            seed,
            stopped: false.into(),
        });
        let here = Arc::clone(&shared);
        let acceptor = std::thread::Builder::new().name("fault-proxy".into());
        let acceptor = acceptor.spawn(move || accept_all(&listener, &here))?;
        Ok(FaultProxy { address, shared, acceptor: Some(acceptor) })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on these faults, and no others, for open and new connections.
    pub fn set(&self, faults: Faults) {
        let vanishes = faults.vanished;
        {
            let mut now = self.shared.faults.write().unwrap_or_else(PoisonError::into_inner);
            *now = (now.0 + 1, faults);
        }
        for connection in self.shared.open().iter() {
            connection.vanish(vanishes);
        }
    }

    /// No fault from now on. Bytes that were held go on; connections to a host that had vanished are reset, as by one
    /// that has started again.
    pub fn heal(&self) {
        self.set(Faults::default());
    }

    /// Ends every open connection now; how many there were.
    pub fn cut(&self, how: Cut) -> usize {
        let open = self.shared.open();
        open.iter().for_each(|connection| connection.end(how));
        open.len()
    }

    /// New connections go to `upstream` from now on.
    pub fn point_at(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// What went through so far.
    pub fn counts(&self) -> Counts {
        self.shared.counters.read(self.shared.open().len())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.cut(Cut::Close);
        // The acceptor sees that it is over when it accepts this.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
        self.cut(Cut::Close);
    }
}

fn accept_all(listener: &TcpListener, shared: &Arc<Shared>) {
    for number in 1.. {
        let Ok((client, _)) = listener.accept() else { continue };
        if shared.is_stopped() {
            return;
        }
        // Held until the connection is known, so that no `cut` or `set` misses it.
        let mut open = shared.open();
        match connect(number, client, open.len(), shared) {
            Some(connection) => open.push(connection),
            None => _ = shared.counters.refused.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Joins a client with the server; `None` if it was refused.
fn connect(number: u64, client: TcpStream, open: usize, shared: &Arc<Shared>) -> Option<Arc<Connection>> {
    let (_, faults) = shared.faults();
    let upstream = *shared.upstream.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = !faults.refuse && open < OPEN_MAX;
    let server =
        (wanted && !faults.vanished).then(|| TcpStream::connect_timeout(&upstream, CONNECT_DEADLINE));
    let server = server.and_then(Result::ok);
    if !wanted || (server.is_none() && !faults.vanished) {
        connection::reset(&client);
        return None;
    }
    shared.counters.connections.fetch_add(1, Ordering::Relaxed);
    Connection::start(number, client, server, shared).ok()
}
