//! One thread for each sender: parcels go in, news comes out, both bounded; every parcel taken is answered once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout_at};
use veribus_core::event::limits::BATCH_BYTES_MAX;
use veribus_core::transport::{Confirms, News, Parcel, ParcelId, StoreReceipt, Transport, TransportError};

/// News that may wait to be polled, beyond what is in flight.
const NEWS_MAX: usize = 65_536;
/// How often overdue answers are looked for.
const TICK: Duration = Duration::from_millis(20);
/// Starts of senders whose receipts are known.
const STARTS_MAX: usize = 256;
/// Parcels of which it is remembered that they were accepted.
const ACCEPTED_MAX: usize = 65_536;

/// How one kind of way connects and talks; runs on the engine's thread.
pub(crate) trait Way: Send + 'static {
    /// An open connection.
    type Session;
    /// Whether parcels arrive in the order in which they were sent.
    const KEEPS_ORDER: bool;

    /// Connects; dropped when it takes too long.
    fn dial(&self) -> impl Future<Output = Result<Self::Session, TransportError>>;

    /// Longest body that the open connection takes.
    fn body_bytes_max(&self, session: &Self::Session) -> usize;

    /// Sends what `inbox` gives until it gives no more and all is answered, or until the connection breaks.
    fn run(
        &self,
        session: Self::Session,
        inbox: &Inbox,
        out: &Out,
    ) -> impl Future<Output = Result<(), TransportError>>;
}

enum Command {
    Connect(Instant, SyncSender<Result<(), TransportError>>),
    Send(Parcel),
    Close(Instant),
}

/// What both sides look at.
struct Gauge {
    in_flight: usize,
    unpolled: usize,
    connected: bool,
    body_bytes_max: usize,
}

#[derive(Clone)]
struct Shared(Arc<(Mutex<Gauge>, Condvar)>);

impl Shared {
    fn gauge(&self) -> MutexGuard<'_, Gauge> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller's end.
pub(crate) struct Engine {
    destination: String,
    in_flight_max: usize,
    keeps_order: bool,
    commands: Option<UnboundedSender<Command>>,
    news: Receiver<News>,
    ended: Receiver<()>,
    shared: Shared,
}

impl Engine {
    /// Starts the thread; nothing is connected yet.
    pub(crate) fn start<W: Way>(
        way: W,
        destination: String,
        in_flight_max: usize,
        answer_timeout: Duration,
    ) -> Result<Self, TransportError> {
        let gauge = Gauge { in_flight: 0, unpolled: 0, connected: false, body_bytes_max: BATCH_BYTES_MAX };
        let shared = Shared(Arc::new((Mutex::new(gauge), Condvar::new())));
        let (commands, receiver) = unbounded_channel();
        let (sender, news) = channel();
        let (end, ended) = channel();
        let out = Out {
            news: sender,
            shared: shared.clone(),
            ledger: RefCell::new(Ledger::default()),
            destination: destination.clone(),
            answer_timeout,
        };
        let work = move || {
            // Dropped when the thread ends, also by a panic.
            let _end = end;
            work(&way, receiver, &out);
        };
        let unreachable = |source: std::io::Error| TransportError::Unreachable {
            destination: destination.clone(),
            source: source.into(),
        };
        thread::Builder::new().name("veribus-transport".into()).spawn(work).map_err(unreachable)?;
        let (keeps_order, commands) = (W::KEEPS_ORDER, Some(commands));
        Ok(Engine { destination, in_flight_max, keeps_order, commands, news, ended, shared })
    }

    fn busy(&self, reason: String) -> TransportError {
        TransportError::Busy { destination: self.destination.clone(), reason, retry_after: None }
    }

    fn timed_out(&self, waited: Duration) -> TransportError {
        TransportError::TimedOut { destination: self.destination.clone(), waited }
    }

    /// Waits for room in flight, and connects if need be.
    fn prepare(&self, commands: &UnboundedSender<Command>, deadline: Instant) -> Result<(), TransportError> {
        let begin = Instant::now();
        let mut gauge = self.shared.gauge();
        if gauge.unpolled >= NEWS_MAX {
            return Err(self.busy(format!("{NEWS_MAX} news wait to be polled")));
        }
        while gauge.in_flight >= self.in_flight_max {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.busy(format!("{} parcels are in flight", self.in_flight_max)));
            }
            gauge = self.shared.0.1.wait_timeout(gauge, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if gauge.connected {
            return Ok(());
        }
        drop(gauge);
        let (reply, answer) = sync_channel(1);
        commands.send(Command::Connect(deadline, reply)).map_err(|_| TransportError::Closed)?;
        // The thread itself gives up at the deadline; the grace is for its answer to arrive.
        let patience = deadline.saturating_duration_since(Instant::now()) + 4 * TICK;
        match answer.recv_timeout(patience) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(self.timed_out(begin.elapsed())),
            Err(RecvTimeoutError::Disconnected) => Err(TransportError::Closed),
        }
    }
}

impl Transport for Engine {
    fn destination(&self) -> String {
        self.destination.clone()
    }

    fn confirms(&self) -> Confirms {
        Confirms::Stored
    }

    fn keeps_order(&self) -> bool {
        self.keeps_order
    }

    fn body_bytes_max(&self) -> usize {
        self.shared.gauge().body_bytes_max
    }

    fn send(&mut self, parcel: &Parcel, deadline: Instant) -> Result<(), TransportError> {
        let commands = self.commands.as_ref().ok_or(TransportError::Closed)?;
        self.prepare(commands, deadline)?;
        let mut gauge = self.shared.gauge();
        if parcel.body.len() > gauge.body_bytes_max {
            let reason = format!("{} bytes; the limit is {}", parcel.body.len(), gauge.body_bytes_max);
            return Err(TransportError::Refused { destination: self.destination.clone(), reason });
        }
        gauge.in_flight += 1;
        drop(gauge);
        commands.send(Command::Send(parcel.clone())).map_err(|_| {
            self.shared.gauge().in_flight -= 1;
            TransportError::Closed
        })
    }

    fn poll(&mut self, patience: Duration) -> Option<News> {
        let news = self.news.recv_timeout(patience).ok()?;
        self.shared.gauge().unpolled -= 1;
        Some(news)
    }

    fn close(&mut self, deadline: Instant) {
        let Some(commands) = self.commands.take() else { return };
        // If the thread is gone, there is nothing to end.
        let _ = commands.send(Command::Close(deadline));
        let patience = deadline.saturating_duration_since(Instant::now()) + 4 * TICK;
        let _ended = self.ended.recv_timeout(patience);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(commands) = self.commands.take() {
            let _ = commands.send(Command::Close(Instant::now()));
        }
    }
}

/// Parcels for a session, one after the other.
pub(crate) struct Inbox {
    commands: tokio::sync::Mutex<UnboundedReceiver<Command>>,
    closing: RefCell<Option<Instant>>,
}

impl Inbox {
    /// The next parcel; `None`, from then on, when the sender is closing.
    pub(crate) async fn next(&self) -> Option<Parcel> {
        if self.closing.borrow().is_some() {
            return None;
        }
        loop {
            match self.commands.lock().await.recv().await {
                Some(Command::Send(parcel)) => return Some(parcel),
                Some(Command::Connect(_, reply)) => drop(reply.try_send(Ok(()))),
                Some(Command::Close(deadline)) => {
                    *self.closing.borrow_mut() = Some(deadline);
                    return None;
                }
                None => {
                    *self.closing.borrow_mut() = Some(Instant::now());
                    return None;
                }
            }
        }
    }

    /// Another parcel that is there already.
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    pub(crate) async fn also(&self) -> Option<Parcel> {
        if self.closing.borrow().is_some() {
            return None;
        }
        match self.commands.lock().await.try_recv().ok()? {
            Command::Send(parcel) => Some(parcel),
            Command::Connect(_, reply) => {
                let _ = reply.try_send(Ok(()));
                None
            }
            Command::Close(deadline) => {
                *self.closing.borrow_mut() = Some(deadline);
                None
            }
        }
    }
}

/// Parcels that are in flight, and whose receipts are expected.
#[derive(Default)]
struct Ledger {
    waiting: HashMap<ParcelId, Waiting>,
    /// For each start of a sender, its highest parcel sent.
    starts: HashMap<u64, u64>,
    /// How often a parcel was accepted that has no receipt yet; what does not fit is not remembered.
    accepted: HashMap<ParcelId, u32>,
}

struct Waiting {
    sends: usize,
    since: Instant,
}

/// Where a session tells what became of parcels.
pub(crate) struct Out {
    news: Sender<News>,
    shared: Shared,
    ledger: RefCell<Ledger>,
    destination: String,
    answer_timeout: Duration,
}

impl Out {
    /// Notes that `parcel` is being written.
    pub(crate) fn sent(&self, parcel: &Parcel) {
        let mut ledger = self.ledger.borrow_mut();
        let waiting = ledger.waiting.entry(parcel.id).or_insert(Waiting { sends: 0, since: Instant::now() });
        waiting.sends += 1;
        if ledger.starts.len() < STARTS_MAX || ledger.starts.contains_key(&parcel.id.start()) {
            let highest = ledger.starts.entry(parcel.id.start()).or_insert(0);
            *highest = (*highest).max(parcel.id.number());
        }
    }

    /// The next hop has it.
    #[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
    pub(crate) fn accepted(&self, id: ParcelId) {
        if self.answered(id) {
            let accepted = &mut self.ledger.borrow_mut().accepted;
            if accepted.len() < ACCEPTED_MAX || accepted.contains_key(&id) {
                *accepted.entry(id).or_insert(0) += 1;
            }
            self.say(News::Accepted(id));
        }
    }

    /// How often it was accepted without a receipt.
    #[cfg_attr(not(feature = "nats"), allow(dead_code))]
    pub(crate) fn times_accepted(&self, id: ParcelId) -> u32 {
        self.ledger.borrow().accepted.get(&id).copied().unwrap_or(0)
    }

    /// It did not get through.
    pub(crate) fn failed(&self, parcel: ParcelId, error: TransportError) {
        if self.answered(parcel) {
            self.say(News::Failed { parcel, error });
        }
    }

    /// The store's answer to a parcel that was not accepted by a hop between.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) fn stored(&self, receipt: StoreReceipt) {
        if self.answered(receipt.parcel) {
            self.say(News::Receipt(receipt));
        }
    }

    /// A receipt whose seal is wrong: whoever sent it has not the key.
    #[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
    pub(crate) fn forged(&self) {
        self.say(News::Suspicious("RECEIPT_INVALID: a receipt without the seal of our key".to_owned()));
    }

    /// A receipt that came by itself: passed on if it is about a parcel that was sent from here.
    #[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
    pub(crate) fn receipt(&self, bytes: &[u8]) {
        let news = match StoreReceipt::from_json(bytes) {
            Ok(receipt) if self.was_sent(receipt.parcel) => {
                self.ledger.borrow_mut().accepted.remove(&receipt.parcel);
                News::Receipt(receipt)
            }
            Ok(receipt) => News::Suspicious(format!(
                "RECEIPT_INVALID: of the parcel {}, never sent here",
                receipt.parcel
            )),
            Err(error) => News::Suspicious(format!("RECEIPT_INVALID: it cannot be read: {}", error.code())),
        };
        self.say(news);
    }

    fn was_sent(&self, id: ParcelId) -> bool {
        let ledger = self.ledger.borrow();
        let full = ledger.starts.len() == STARTS_MAX;
        ledger.starts.get(&id.start()).map_or(full, |highest| id.number() <= *highest)
    }

    /// Whether `id` waits for an answer, which it now has.
    fn answered(&self, id: ParcelId) -> bool {
        let mut ledger = self.ledger.borrow_mut();
        let Some(waiting) = ledger.waiting.get_mut(&id) else { return false };
        waiting.sends -= 1;
        if waiting.sends == 0 {
            ledger.waiting.remove(&id);
        }
        self.shared.gauge().in_flight -= 1;
        self.shared.0.1.notify_all();
        true
    }

    /// Drops what nobody polls beyond the bound: receipts repeat, and every other news is bounded by `send`.
    fn say(&self, news: News) {
        let mut gauge = self.shared.gauge();
        if gauge.unpolled >= NEWS_MAX && matches!(news, News::Receipt(_) | News::Suspicious(_)) {
            return;
        }
        gauge.unpolled += 1;
        // A caller who is gone hears nothing.
        let _ = self.news.send(news);
    }

    fn lost(&self, why: &str) -> TransportError {
        TransportError::Unreachable { destination: self.destination.clone(), source: why.into() }
    }

    /// Ends what is in flight.
    fn fail_all(&self, why: &str) {
        let waiting: Vec<(ParcelId, usize)> =
            self.ledger.borrow().waiting.iter().map(|(id, waiting)| (*id, waiting.sends)).collect();
        for (id, sends) in waiting {
            (0..sends).for_each(|_| self.failed(id, self.lost(why)));
        }
    }

    /// Comes back when an answer is overdue: the other end is gone, whatever the connection says.
    async fn overdue(&self) -> TransportError {
        loop {
            sleep(TICK).await;
            let ledger = self.ledger.borrow();
            if ledger.waiting.values().any(|waiting| waiting.since.elapsed() > self.answer_timeout) {
                let (destination, waited) = (self.destination.clone(), self.answer_timeout);
                return TransportError::TimedOut { destination, waited };
            }
        }
    }

    fn set_connected(&self, connected: bool) {
        self.shared.gauge().connected = connected;
    }
}

/// The thread: waits for a reason to connect, and talks until the connection breaks or the sender is closed.
fn work<W: Way>(way: &W, commands: UnboundedReceiver<Command>, out: &Out) {
    let inbox = Inbox { commands: tokio::sync::Mutex::new(commands), closing: RefCell::new(None) };
    loop {
        let command = inbox.commands.try_lock().expect("no session runs").blocking_recv();
        match command {
            Some(Command::Connect(deadline, reply)) => connect_and_run(way, &inbox, out, deadline, &reply),
            Some(Command::Send(parcel)) => {
                out.sent(&parcel);
                out.failed(parcel.id, out.lost("the connection broke before it was sent"));
            }
            Some(Command::Close(_)) | None => return,
        }
        if inbox.closing.borrow().is_some() {
            return;
        }
    }
}

/// One connection has one runtime: what it started ends with it.
fn connect_and_run<W: Way>(
    way: &W,
    inbox: &Inbox,
    out: &Out,
    deadline: Instant,
    reply: &SyncSender<Result<(), TransportError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(reply.try_send(Err(out.lost(&error.to_string())))),
    };
    runtime.block_on(async {
        let begin = Instant::now();
        let dialed = timeout_at(deadline.into(), way.dial()).await;
        let session = match dialed {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => return drop(reply.try_send(Err(error))),
            Err(_late) => {
                let (destination, waited) = (out.destination.clone(), begin.elapsed());
                return drop(reply.try_send(Err(TransportError::TimedOut { destination, waited })));
            }
        };
        {
            let mut gauge = out.shared.gauge();
            gauge.connected = true;
            gauge.body_bytes_max = way.body_bytes_max(&session);
        }
        let _ = reply.try_send(Ok(()));
        let result = tokio::select! {
            result = way.run(session, inbox, out) => result,
            late = out.overdue() => Err(late),
            () = closed_late(inbox) => Ok(()),
        };
        out.set_connected(false);
        match result {
            Ok(()) => out.fail_all("the transport was closed"),
            Err(error) => {
                out.say(News::Disconnected(error));
                out.fail_all("the connection broke");
            }
        }
    });
    runtime.shutdown_background();
}

/// Comes back when the sender is closing and its deadline has passed.
async fn closed_late(inbox: &Inbox) {
    loop {
        sleep(TICK).await;
        if inbox.closing.borrow().is_some_and(|deadline| Instant::now() >= deadline) {
            return;
        }
    }
}
