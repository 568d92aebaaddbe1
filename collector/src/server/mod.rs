//! The collector as one piece: opens the folder, starts the threads, serves, and stops in the order that loses nothing.

mod counters;
mod error;
mod listen;
mod state;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use veribus_core::SystemClock;
use veribus_core::transport::{Subscription, TransportError};
use veribus_detection::RuleSet;

pub use counters::{Counters, single, write_receptions};
pub use error::ApiError;
pub use listen::Peer;
pub use state::State;

use crate::api;
use crate::auth::{Authenticator, Token, TokenError};
use crate::data_dir::{DataDir, DataDirError, DataLock};
use crate::ingest::{Queue, RateLimit, Writer};
use crate::pipeline::{Detection, DetectionError, Pipeline, Trail, TrailError, TrailState};
use crate::receive::{self, Notice, Receiver, Reception};
use crate::store::{AUDIT_CURSOR, Reader, SqliteStore, Store, StoreError};

/// Where the collector listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7480";
/// Commits that wait for the trail before it has to read them from the store.
const TRAIL_COMMITS: usize = 64;
/// Commits that a watcher may be behind before it is told that it missed some.
const LIVE_COMMITS: usize = 256;

/// How often the writer looks for gaps.
const TICK: Duration = Duration::from_millis(500);

/// How to run a collector.
#[derive(Clone)]
pub struct Config {
    /// The address to listen on; a loopback one.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// Addresses of the brokers to receive from, as `docs/transports.md` has them; they may hold secrets.
    pub receive: Vec<String>,
    /// What is detected; [`RuleSet::starter`] if nobody said.
    pub rules: RuleSet,
    /// Most events a second that the token may send over HTTP; `None` for as many as the store takes.
    pub events_per_second_max: Option<NonZeroU32>,
}

/// A collector that is set up and listens, but does not serve yet.
pub struct Collector {
    listener: std::net::TcpListener,
    state: Arc<State>,
    writer: thread::JoinHandle<Box<dyn Store>>,
    trail: thread::JoinHandle<()>,
    subscriptions: Vec<Box<dyn Subscription>>,
    audited: Arc<TrailState>,
    token: Token,
    token_is_new: bool,
    _lock: DataLock,
}

/// Why a collector does not start, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// The address is reachable from other machines.
    #[error(
        "refusing to listen on {address}: without TLS only loopback addresses are allowed, and TLS is not built yet"
    )]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The store.
    #[error("cannot use the store `{}`", .path.display())]
    Store {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The audit trail.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// The detection rules.
    #[error(transparent)]
    Detection(#[from] DetectionError),
    /// The address of a broker.
    #[error("cannot receive from this address")]
    Receive(#[source] TransportError),
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The runtime or a thread could not be started.
    #[error("cannot start the collector's threads")]
    Threads(#[source] io::Error),
    /// A thread of the collector panicked.
    #[error("the {thread} thread ended with a fault")]
    Fault {
        /// Its name.
        thread: &'static str,
    },
}

impl Collector {
    /// Locks and opens the data folder, rebuilds what is in memory from the store, listens.
    ///
    /// # Errors
    /// [`CollectorError`]; nothing is left running.
    pub fn open(config: &Config) -> Result<Self, CollectorError> {
        if !config.listen.ip().is_loopback() {
            return Err(CollectorError::NotLoopback { address: config.listen });
        }
        let subscriptions = config.receive.iter().map(|url| receive::subscribe(url));
        let subscriptions = subscriptions.collect::<Result<Vec<_>, _>>().map_err(CollectorError::Receive)?;
        let dir = DataDir::create(&config.data)?;
        let lock = dir.lock()?;
        let failed = |source| CollectorError::Store { path: dir.database(), source };
        let store = SqliteStore::open(&dir.database()).map_err(failed)?;
        let reader = || Reader::open(&dir.database()).map_err(failed);
        let audited = Arc::new(TrailState::at(store.cursor(AUDIT_CURSOR).map_err(failed)?));
        let detection = Detection::rebuilt_from(reader()?, config.rules.clone())?;
        let (token, token_is_new) = dir.token_or_new()?;
        let listener = listen(config.listen)?;

        let (trail_sender, commits) = sync_channel(TRAIL_COMMITS);
        let (queue, jobs) = Queue::new();
        let keeper = Box::new(queue.cursor_keeper());
        let trail = Trail::open(&dir.audit_log(), reader()?, commits, Arc::clone(&audited), keeper)?;
        let (live, _) = broadcast::channel(LIVE_COMMITS);
        let counters = Arc::new(Counters::default());
        counters.hold_letters(reader()?.letters_held().map_err(failed)?);
        let writer = Writer {
            store: Box::new(store),
            pipeline: Pipeline::new(detection),
            jobs,
            live: live.clone(),
            trail: trail_sender,
            audited: Arc::clone(&audited),
            counters: Arc::clone(&counters),
            clock: Arc::new(SystemClock),
        };
        let door = Authenticator::new(&token)?;
        let mut state = State::new(dir, door, queue, live, counters, Arc::clone(&audited));
        state.receptions = subscriptions.iter().map(|s| Arc::new(Reception::new(s.origin()))).collect();
        state.rate = config.events_per_second_max.map(RateLimit::new);
        let spawn = |name: &str| thread::Builder::new().name(name.into());
        let writer = spawn("veribus-writer").spawn(|| writer.run()).map_err(CollectorError::Threads)?;
        let trail = spawn("veribus-trail").spawn(|| trail.run()).map_err(CollectorError::Threads)?;
        Ok(Collector {
            listener,
            state: Arc::new(state),
            writer,
            trail,
            subscriptions,
            audited,
            token,
            token_is_new,
            _lock: lock,
        })
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The token, if it was made by this start: to be shown once.
    pub fn new_token(&self) -> Option<&Token> {
        self.token_is_new.then_some(&self.token)
    }

    /// Where it receives from beside HTTP, without secrets.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.state.receptions.iter().map(|reception| reception.origin())
    }

    /// Serves until SIGTERM or SIGINT; `tell` hears when such a signal stops it in good order, and how it stands with
    /// the brokers. Then: no new requests and parcels, those under way are answered and settled, everything answered
    /// is in the trail, the cursor is kept.
    ///
    /// # Errors
    /// [`CollectorError::Threads`], [`CollectorError::Fault`], [`CollectorError::Store`].
    pub fn serve(mut self, tell: impl FnMut(Notice)) -> Result<(), CollectorError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(CollectorError::Threads)?;
        let database = self.state.dir().database();
        let tick = self.state.queue.ticker();
        let router = api::router(Arc::clone(&self.state));
        let (notices, noticed) = unbounded_channel();
        let receivers = self.receive(&notices).map_err(CollectorError::Threads)?;
        let served = runtime.block_on(async {
            self.listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(self.listener)?;
            tokio::spawn(async move {
                while tick() {
                    tokio::time::sleep(TICK).await;
                }
            });
            listen::serve(listener, router, &self.state, noticed, tell).await
        });
        self.state.stop();
        let received = receivers.into_iter().try_for_each(thread::JoinHandle::join);
        // The last senders of jobs go with the state and the runtime, so the writer and then the trail come to an end.
        drop(self.state);
        drop(runtime);
        let mut store = self.writer.join().map_err(|_| CollectorError::Fault { thread: "writer" })?;
        self.trail.join().map_err(|_| CollectorError::Fault { thread: "audit trail" })?;
        keep_cursor(&mut *store, &self.audited)
            .map_err(|source| CollectorError::Store { path: database, source })?;
        received.map_err(|_| CollectorError::Fault { thread: "receiving" })?;
        served.map_err(CollectorError::Threads)
    }

    /// Starts a thread for each subscription.
    fn receive(&mut self, notices: &UnboundedSender<Notice>) -> io::Result<Vec<thread::JoinHandle<()>>> {
        let state = &self.state;
        let subscriptions = std::mem::take(&mut self.subscriptions).into_iter().zip(&state.receptions);
        let receivers = subscriptions.map(|(subscription, reception)| {
            let (queue, counters) = (state.queue.clone(), Arc::clone(&state.counters));
            let (reception, stopping) = (Arc::clone(reception), state.stopping());
            let receiver = Receiver::new(subscription, reception, queue, counters, stopping, notices.clone());
            thread::Builder::new().name("veribus-receive".into()).spawn(|| receiver.run())
        });
        receivers.collect()
    }
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener, CollectorError> {
    std::net::TcpListener::bind(address).map_err(|source| CollectorError::Listen { address, source })
}

fn keep_cursor(store: &mut dyn Store, audited: &TrailState) -> Result<(), StoreError> {
    let mut transaction = store.begin()?;
    transaction.set_cursor(AUDIT_CURSOR, audited.ingest())?;
    transaction.commit()
}
