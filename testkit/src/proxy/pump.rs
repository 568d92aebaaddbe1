//! Carries the bytes of one way: a reader that is as slow as it is told, a writer that is as late.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::Shared;
use super::connection::{Connection, TICK};
use super::faults::{Cut, Faults, Way};
use crate::seed::Choices;

/// Bytes read at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces under way.
const PIECES_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToServer,
    ToClient,
}

/// Bytes and when they may arrive; no bytes: the sender has ended its side.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

/// Starts the two threads of one way.
pub(super) fn start(
    direction: Direction,
    connection: &Arc<Connection>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let (pieces, arriving) = sync_channel(PIECES_MAX);
    let run = connection.number * 2 + u64::from(direction == Direction::ToClient);
    let reader = Reader {
        direction,
        connection: Arc::clone(connection),
        shared: Arc::clone(shared),
        choices: shared.seed.nth(run).choices(),
        drawn: Drawn::default(),
        due: Instant::now(),
        next_read: Instant::now(),
    };
    let writer = Writer { direction, connection: Arc::clone(connection), shared: Arc::clone(shared) };
    std::thread::Builder::new().name("proxy-read".into()).spawn(move || reader.run(&pieces))?;
    std::thread::Builder::new().name("proxy-write".into()).spawn(move || writer.run(&arriving))?;
    Ok(())
}

/// What was drawn for one set of faults.
#[derive(Default)]
struct Drawn {
    change: Option<u64>,
    reset_in_bytes: Option<u64>,
    reset_at: Option<Instant>,
    corrupt_in_bytes: u64,
}

struct Reader {
    direction: Direction,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
    choices: Choices,
    drawn: Drawn,
    /// When the last piece arrives: none overtakes another.
    due: Instant,
    next_read: Instant,
}

impl Reader {
    fn run(mut self, pieces: &SyncSender<Piece>) {
        let mut buffer = vec![0; PIECE_BYTES];
        while !self.connection.is_over() {
            let mut way = self.way_now();
            if self.drawn.reset_at.is_some_and(|at| at <= Instant::now()) {
                return self.reset();
            }
            match self.read(&way, &mut buffer) {
                Ok(0) if self.connection.is_vanished() => std::thread::sleep(TICK),
                Ok(0) => {
                    self.pass(pieces, Piece { due: self.due, bytes: Vec::new() });
                    return;
                }
                Ok(length) => {
                    way = self.way_now(); // it may have changed while it waited
                    self.take(&way, &mut buffer[..length], pieces);
                }
                Err(error) if is_pause(&error) => {}
                Err(_) if self.connection.is_vanished() => std::thread::sleep(TICK),
                Err(_) => return self.connection.end(Cut::Reset),
            }
        }
    }

    /// The faults of this way; what is drawn for them is drawn anew when they change.
    fn way_now(&mut self) -> Way {
        let (change, faults) = self.shared.faults();
        if self.drawn.change != Some(change) {
            self.draw(change, &faults);
        }
        self.direction.way(&faults).clone()
    }

    fn read(&mut self, way: &Way, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = buffer.len();
        if let Some(rate) = way.bytes_per_second {
            let wait = self.next_read.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait.min(TICK));
                return Err(ErrorKind::WouldBlock.into());
            }
            length = length.min((rate / 20).max(1) as usize);
        }
        let from = match self.direction {
            Direction::ToServer => &self.connection.client,
            Direction::ToClient => &self.connection.server,
        };
        let Some(socket) = from.socket() else { return Ok(0) };
        (&*socket).read(&mut buffer[..length])
    }

    /// Passes on what was read, or the part of it that comes before a reset.
    fn take(&mut self, way: &Way, bytes: &mut [u8], pieces: &SyncSender<Piece>) {
        if self.connection.is_vanished() {
            return; // nobody is there to get it
        }
        let mut length = bytes.len();
        if let Some(left) = &mut self.drawn.reset_in_bytes {
            length = length.min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= length as u64;
        }
        self.corrupt(way, &mut bytes[..length]);
        let mut latency = draw_time(&mut self.choices, &way.latency);
        if let Some(rate) = way.bytes_per_second {
            let takes = Duration::from_secs_f64(length as f64 / rate.max(1) as f64);
            self.next_read = Instant::now() + takes;
            latency += takes;
        }
        self.due = self.due.max(Instant::now() + latency);
        self.pass(pieces, Piece { due: self.due, bytes: bytes[..length].to_vec() });
        if self.drawn.reset_in_bytes == Some(0) {
            // The part before the reset is to arrive: the writer needs a moment for it.
            std::thread::sleep(latency + TICK);
            self.reset();
        }
    }

    fn corrupt(&mut self, way: &Way, bytes: &mut [u8]) {
        let Some(one_in) = way.corrupt_one_in else { return };
        let mut rest = bytes;
        while self.drawn.corrupt_in_bytes < rest.len() as u64 {
            let at = self.drawn.corrupt_in_bytes as usize;
            rest[at] ^= 1 << self.choices.below(8);
            self.shared.counters.corrupted.fetch_add(1, Ordering::Relaxed);
            rest = &mut rest[at + 1..];
            self.drawn.corrupt_in_bytes = self.choices.below(one_in.saturating_mul(2));
        }
        self.drawn.corrupt_in_bytes -= rest.len() as u64;
    }

    fn pass(&self, pieces: &SyncSender<Piece>, mut piece: Piece) {
        while !self.connection.is_over() {
            match pieces.try_send(piece) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => piece = back,
            }
            std::thread::sleep(TICK);
        }
    }

    fn draw(&mut self, change: u64, faults: &Faults) {
        let is_first = self.direction == Direction::ToServer;
        let bytes = faults.reset_after_bytes.clone().filter(|_| is_first);
        let age = faults.reset_after.as_ref().filter(|_| is_first);
        self.drawn = Drawn {
            change: Some(change),
            reset_in_bytes: bytes.map(|range| self.choices.within(range)),
            reset_at: age
                .map(|range| self.connection.began.max(Instant::now()) + draw_time(&mut self.choices, range)),
            corrupt_in_bytes: self
                .choices
                .below(self.direction.way(faults).corrupt_one_in.unwrap_or(0).saturating_mul(2)),
        };
    }

    fn reset(&self) {
        self.shared.counters.resets.fetch_add(1, Ordering::Relaxed);
        self.connection.end(Cut::Reset);
    }
}

struct Writer {
    direction: Direction,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(self, arriving: &Receiver<Piece>) {
        while !self.connection.is_over() {
            let piece = match arriving.recv_timeout(TICK) {
                Ok(piece) => piece,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if !self.wait_for(piece.due) {
                return;
            }
            let sent = self.send(&piece.bytes);
            if sent.is_err() && !self.connection.is_vanished() {
                return self.connection.end(Cut::Reset);
            }
        }
    }

    /// Waits until a piece may arrive; whether anybody is there to take it.
    fn wait_for(&self, due: Instant) -> bool {
        while !self.connection.is_over() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() && !self.direction.way(&self.shared.faults().1).held {
                return true;
            }
            std::thread::sleep(if left.is_zero() { TICK } else { left.min(TICK) });
        }
        false
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let to = match self.direction {
            Direction::ToServer => &self.connection.server,
            Direction::ToClient => &self.connection.client,
        };
        if bytes.is_empty() {
            return to.socket().map_or(Ok(()), |socket| socket.shutdown(Shutdown::Write));
        }
        while !bytes.is_empty() {
            let Some(socket) = to.socket() else { return Ok(()) }; // it is over, or it vanished
            match (&*socket).write(bytes) {
                Ok(written) => {
                    bytes = &bytes[written..];
                    self.direction.counter(&self.shared).fetch_add(written as u64, Ordering::Relaxed);
                }
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Direction {
    fn way(self, faults: &Faults) -> &Way {
        match self {
            Direction::ToServer => &faults.to_server,
            Direction::ToClient => &faults.to_client,
        }
    }

    fn counter(self, shared: &Shared) -> &AtomicU64 {
        match self {
            Direction::ToServer => &shared.counters.bytes_to_server,
            Direction::ToClient => &shared.counters.bytes_to_client,
        }
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn draw_time(choices: &mut Choices, range: &std::ops::Range<Duration>) -> Duration {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(choices.within(nanos(range.start)..nanos(range.end)))
}
