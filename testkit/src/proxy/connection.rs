//! One connection through the proxy: two sockets, and a pump for each way.
//!
//! A socket closes when the last thread lets go of it, and only that close sends an RST; so threads take a socket for
//! one call and give it back.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::faults::Cut;
use super::pump::{self, Direction};
use super::{Faults, Shared};

/// How often a thread that waits for bytes looks whether something else has changed.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Receive buffer of a connection that is read slowly.
const SLOW_BUFFER_BYTES: usize = 8 * 1024;

/// One side of a connection; `None` where nothing is there, or no more.
#[derive(Debug)]
pub(super) struct Side(Mutex<Option<Arc<TcpStream>>>);

impl Side {
    fn new(socket: Option<TcpStream>) -> Self {
        Side(Mutex::new(socket.map(Arc::new)))
    }

    /// The socket, for one call.
    pub(super) fn socket(&self) -> Option<Arc<TcpStream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&self, how: Cut) {
        let Some(socket) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let what = match how {
            Cut::Close => Shutdown::Both,
            Cut::Reset => {
                reset(&socket);
                Shutdown::Read // wakes the pumps and sends nothing; the close then resets
            }
        };
        // It may be closed from the other side already.
        drop(socket.shutdown(what));
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) began: Instant,
    pub(super) client: Side,
    pub(super) server: Side,
    over: AtomicBool,
    vanished: AtomicBool,
}

/// Makes the close of a socket an RST.
pub(super) fn reset(socket: &TcpStream) {
    // A socket that is gone needs no reset.
    drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
}

impl Connection {
    /// Begins to pump.
    pub(super) fn start(
        number: u64,
        client: TcpStream,
        server: Option<TcpStream>,
        shared: &Arc<Shared>,
    ) -> io::Result<Arc<Self>> {
        for socket in [Some(&client), server.as_ref()].into_iter().flatten() {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(TICK))?;
            socket.set_write_timeout(Some(TICK))?;
        }
        let (_, Faults { to_server, .. }) = shared.faults();
        if to_server.bytes_per_second.is_some() {
            SockRef::from(&client).set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
        }
        let vanished = server.is_none();
        let connection = Arc::new(Connection {
            number,
            began: Instant::now(),
            client: Side::new(Some(client)),
            server: Side::new(server),
            over: false.into(),
            vanished: vanished.into(),
        });
        for direction in [Direction::ToServer, Direction::ToClient] {
            pump::start(direction, &connection, shared)?;
        }
        Ok(connection)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn is_vanished(&self) -> bool {
        self.vanished.load(Ordering::SeqCst)
    }

    /// Ends both sides.
    pub(super) fn end(&self, how: Cut) {
        self.over.store(true, Ordering::SeqCst);
        self.client.end(how);
        self.server.end(how);
    }

    /// The host behind it goes, or is back and knows nothing of this connection.
    pub(super) fn vanish(&self, vanishes: bool) {
        let was = self.vanished.swap(vanishes, Ordering::SeqCst);
        if vanishes && !was {
            self.server.end(Cut::Close);
        } else if was && !vanishes {
            self.end(Cut::Reset);
        }
    }
}
