//! A forwarder against a collector that is there, is not, forgets, refuses, and comes back.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use veribus_core::codec::Batch;
use veribus_core::transport::{
    Compression, Confirms, News, Parcel, Refused, StoreReceipt, Transport, TransportError, TransportFactory,
};
use veribus_core::{
    Account, EventHandler, EventId, HandlerError, InstanceId, LaneMark, LossReason, Source,
    VerificationEvent, VerificationEventBus, event,
};

use super::handler::{ForwardBuilder, ForwardHandler};
use super::settings::SpoolSettings;

const INSTANCE: InstanceId = InstanceId(42);

/// A collector in memory, and what is wrong with it.
#[derive(Debug, Default)]
struct World {
    stored: BTreeMap<EventId, u32>,
    losses: Vec<(u64, LossReason)>,
    lost: u64,
    lanes: Vec<LaneMark>,
    batches: Vec<Batch>,
    down: bool,
    /// So many parcels are accepted and never receipted.
    forget: u32,
    /// This sequence is never stored.
    refuse: Option<u64>,
    /// Parcels of more events are refused whole.
    events_max: Option<u32>,
    sends: u32,
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<World>>);

struct Line {
    world: Arc<Mutex<World>>,
    news: VecDeque<News>,
}

impl Transport for Line {
    fn destination(&self) -> String {
        "memory".into()
    }
    fn confirms(&self) -> Confirms {
        Confirms::Stored
    }
    fn body_bytes_max(&self) -> usize {
        5 << 20
    }
    fn send(&mut self, parcel: &Parcel, _: Instant) -> Result<(), TransportError> {
        let mut world = self.world.lock().expect("no panic");
        world.sends += 1;
        let destination = || "memory".to_owned();
        if world.down {
            let source = "connection refused".into();
            return Err(TransportError::Unreachable { destination: destination(), source });
        }
        if world.events_max.is_some_and(|most| parcel.events > most) {
            let reason = "too many".to_owned();
            return Err(TransportError::Refused { destination: destination(), reason });
        }
        self.news.push_back(News::Accepted(parcel.id));
        if world.forget > 0 {
            world.forget -= 1;
            return Ok(());
        }
        let body = match parcel.compression {
            Compression::None => parcel.body.to_vec(),
            Compression::Zstd => zstd::bulk::decompress(&parcel.body, 5 << 20).expect("zstd"),
        };
        let batch = Batch::decode_msgpack(&body).expect("a batch");
        let mut receipt = StoreReceipt { parcel: parcel.id, stored: 0, duplicates: 0, refused: vec![] };
        for (index, event) in batch.events.iter().enumerate() {
            if world.refuse == Some(event.id.seq()) {
                receipt.refused.push(Refused { index: index as u32, code: "EVT_TOO_LARGE".into() });
                continue;
            }
            let times = world.stored.entry(event.id).or_default();
            *times += 1;
            if *times == 1 { receipt.stored += 1 } else { receipt.duplicates += 1 }
        }
        world.lost += batch.losses.iter().map(|loss| loss.count).sum::<u64>();
        world.losses.extend(batch.losses.iter().map(|loss| (loss.first_seq, loss.reason)));
        world.lanes.extend(&batch.lanes);
        world.batches.push(batch);
        self.news.push_back(News::Receipt(receipt));
        Ok(())
    }
    fn poll(&mut self, patience: Duration) -> Option<News> {
        let news = self.news.pop_front();
        if news.is_none() {
            std::thread::sleep(patience);
        }
        news
    }
    fn close(&mut self, _: Instant) {}
}

impl Collector {
    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.0.lock().expect("no panic")
    }

    fn builder(&self) -> ForwardBuilder {
        let world = self.0.clone();
        let factory: TransportFactory = Box::new(move || {
            Ok(Box::new(Line { world: world.clone(), news: VecDeque::new() }) as Box<dyn Transport>)
        });
        ForwardHandler::builder(factory, Source::new("orders"))
            .linger(Duration::ZERO)
            .back_off(Duration::from_millis(1), Duration::from_millis(4))
            .close_within(Duration::from_millis(200))
    }

    fn spooled(&self, root: &Path) -> ForwardHandler {
        self.builder().spool(small(root)).build().expect("a forwarder")
    }

    /// Waits until the sequences 1 to `last` are stored.
    fn has(&self, last: u64) {
        self.until(|world| (1..=last).all(|seq| world.stored.contains_key(&EventId::new(INSTANCE, 1, seq))));
    }

    fn until(&self, holds: impl Fn(&World) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !holds(&self.world()) {
            let world = self.world();
            assert!(Instant::now() < deadline, "stored {}, lost {:?}", world.stored.len(), world.losses);
            drop(world);
            std::thread::yield_now();
        }
    }
}

fn small(root: &Path) -> SpoolSettings {
    SpoolSettings { reserve_bytes: 4096, segment_bytes: 4096, ..SpoolSettings::new(root) }
}

fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Arc<VerificationEvent>> {
    let line =
        br#"{"time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login","outcome":"failure"}"#;
    let event = veribus_core::codec::event_from_json(line).expect("an event");
    numbers
        .map(|seq| {
            let mut event = event.clone();
            event.id = EventId::new(INSTANCE, 1, seq);
            Arc::new(event)
        })
        .collect()
}

fn until_freed(forwarder: &ForwardHandler) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while forwarder.watch().health().spool.is_none_or(|spool| spool.pending > 0) {
        assert!(Instant::now() < deadline, "{:?}", forwarder.watch().health());
        std::thread::yield_now();
    }
}

#[test]
fn events_arrive_once_in_order_and_leave_the_spool() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    let mut forwarder = collector.spooled(root.path());
    assert!(forwarder.durable());
    for begin in (1..=5000).step_by(500) {
        forwarder.handle(&events(begin..=begin + 499)).expect("takes");
    }
    forwarder.flush().expect("syncs");
    collector.has(5000);
    until_freed(&forwarder);
    let health = forwarder.watch().health();
    assert_eq!((health.taken, health.stored, health.duplicates), (5000, 5000, 0));
    let order: Vec<u64> =
        collector.world().batches.iter().flat_map(|batch| batch.events.iter().map(|e| e.id.seq())).collect();
    assert_eq!(order, (1..=5000).collect::<Vec<_>>());
    drop(forwarder);
    assert_eq!(std::fs::read_dir(root.path()).expect("a folder").count(), 0, "nothing is left to send");
}

#[test]
fn with_the_collector_down_events_stay_on_disk_and_the_next_process_sends_them() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().down = true;
    let mut forwarder = collector.spooled(root.path());
    forwarder.handle(&events(1..=300)).expect("takes");
    forwarder.flush().expect("durable without a collector");
    drop(forwarder);
    assert!(collector.world().stored.is_empty());
    collector.world().down = false;
    let mut next = collector.spooled(root.path());
    next.handle(&events(301..=310)).expect("takes");
    collector.has(310);
    until_freed(&next);
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::read_dir(root.path()).expect("a folder").count() > 1 {
        assert!(Instant::now() < deadline, "the old spool is still there");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_accepted_and_forgotten_is_sent_again() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().forget = 2;
    let builder = collector.builder().spool(small(root.path())).receipt_timeout(Duration::from_millis(20));
    let mut forwarder = builder.batch_events(10).build().expect("a forwarder");
    forwarder.handle(&events(1..=100)).expect("takes");
    collector.has(100);
    until_freed(&forwarder);
    assert!(forwarder.watch().health().resent >= 2);
}

#[test]
fn an_outage_opens_the_breaker_and_its_end_closes_it() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().down = true;
    let mut forwarder = collector.spooled(root.path());
    forwarder.handle(&events(1..=10)).expect("takes");
    collector.until(|world| world.sends > 6);
    let deadline = Instant::now() + Duration::from_secs(10);
    while forwarder.watch().health().breaker != super::Breaker::Open {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert!(forwarder.watch().health().last_error.is_some_and(|error| error.contains("cannot reach")));
    collector.world().down = false;
    collector.has(10);
    until_freed(&forwarder);
    assert_eq!(forwarder.watch().health().breaker, super::Breaker::Closed);
}

#[test]
fn a_refused_event_is_a_loss_that_the_collector_hears_of() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().refuse = Some(7);
    let mut forwarder = collector.spooled(root.path());
    forwarder.handle(&events(1..=10)).expect("takes");
    collector.until(|world| world.losses.contains(&(7, LossReason::RejectedByCollector)));
    assert_eq!(forwarder.watch().health().lost.get(LossReason::RejectedByCollector), 1);
    assert_eq!(collector.world().stored.len(), 9);
}

#[test]
fn a_parcel_that_is_too_large_is_split_until_it_fits() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().events_max = Some(10);
    let mut forwarder = collector.spooled(root.path());
    forwarder.handle(&events(1..=100)).expect("takes");
    collector.has(100);
    until_freed(&forwarder);
    assert_eq!(forwarder.watch().health().lost.total(), 0);
}

#[test]
fn what_the_bus_says_of_its_numbers_reaches_the_collector() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    let mut forwarder = collector.spooled(root.path());
    let lost =
        super::reader::loss(1 << 48 | 5, LossReason::QueueFull, veribus_core::Timestamp::from_seconds(1));
    let mark = LaneMark { lane: 1, next_seq: 6 };
    forwarder.account(&Account { instance: INSTANCE, losses: vec![lost], lanes: vec![mark] }).expect("takes");
    collector.until(|world| world.losses == [(5, LossReason::QueueFull)] && world.lanes == [mark]);
}

#[test]
fn a_full_spool_tells_those_who_wait_and_explains_the_hole() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().down = true;
    let settings = SpoolSettings { bytes_max: 16 << 10, ..small(root.path()) };
    let mut forwarder = collector.builder().spool(settings).build().expect("a forwarder");
    forwarder.handle(&events(1..=50)).expect("takes");
    forwarder.flush().expect("there is room");
    forwarder.handle(&events(51..=1000)).expect("never an error of the bus");
    assert!(matches!(forwarder.flush(), Err(HandlerError::Permanent(_))));
    forwarder.flush().expect("said once");
    collector.world().down = false;
    collector.until(|world| world.losses.contains(&(51, LossReason::SpoolFull)));
    collector.has(50);
    assert_eq!(forwarder.watch().health().lost.get(LossReason::SpoolFull), 950);
}

#[test]
fn a_long_loss_keeps_the_spool_below_its_ceiling_and_is_explained_by_the_next_process() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().down = true;
    let bytes_max = 24 << 10;
    let settings = SpoolSettings { bytes_max, ..small(root.path()) };
    let mut forwarder =
        collector.builder().spool(settings).close_within(Duration::ZERO).build().expect("a forwarder");
    for seq in 1..=3_000 {
        forwarder.handle(&events(seq..=seq)).expect("never an error of the bus");
    }
    let taken = 3_000 - forwarder.watch().health().lost.get(LossReason::SpoolFull);
    drop(forwarder);
    let bytes = |file: std::fs::DirEntry| file.metadata().expect("a file").len();
    let spool =
        std::fs::read_dir(root.path()).expect("a folder").next().expect("a spool").expect("an entry").path();
    let files = std::fs::read_dir(spool).expect("a folder").map(|file| file.expect("an entry"));
    let on_disk: u64 =
        files.filter(|file| file.path().extension().is_some_and(|kind| kind == "seg")).map(bytes).sum();
    assert!(taken > 0 && on_disk <= bytes_max, "{taken} events, {on_disk} bytes of {bytes_max}");
    collector.world().down = false;
    let _next = collector.spooled(root.path());
    collector.has(taken);
    collector.until(|world| world.lost == 3_000 - taken);
}

#[test]
fn accounts_without_events_do_not_fill_the_spool() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    let settings = SpoolSettings { bytes_max: 32 << 10, ..small(root.path()) };
    let mut forwarder = collector.builder().spool(settings).build().expect("a forwarder");
    for next_seq in 1..=2_000 {
        let lanes = vec![LaneMark { lane: 1, next_seq }];
        forwarder.account(&Account { instance: INSTANCE, losses: Vec::new(), lanes }).expect("takes");
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while forwarder.watch().health().spool.is_none_or(|spool| spool.bytes > 4 << 10) {
        assert!(Instant::now() < deadline, "{:?}", forwarder.watch().health());
        std::thread::yield_now();
    }
    forwarder.handle(&events(1..=51)).expect("takes");
    forwarder.flush().expect("there is room for events");
    collector.has(51);
}

#[test]
fn without_a_spool_events_are_sent_from_memory_and_nothing_is_promised() {
    let collector = Collector::default();
    let mut forwarder = collector.builder().memory_bytes_max(20_000).build().expect("a forwarder");
    assert!(!forwarder.durable());
    forwarder.handle(&events(1..=100)).expect("takes");
    collector.has(100);
    collector.world().down = true;
    let watch = forwarder.watch();
    // What is on its way does not count: first the window fills, then the memory.
    for begin in (101..=1_000_000).step_by(100) {
        forwarder.handle(&events(begin..=begin + 99)).expect("takes");
        if watch.health().lost.get(LossReason::QueueFull) > 0 {
            break;
        }
    }
    assert!(watch.health().lost.get(LossReason::QueueFull) > 0);
    let begun = Instant::now();
    drop(forwarder);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(watch.health().lost.get(LossReason::CloseDeadline) > 0);
}

#[test]
fn the_parent_itself_gets_no_second_forwarder() {
    let collector = Collector::default();
    let forwarder = collector.builder().build().expect("a forwarder");
    let factory = forwarder.for_child().expect("a factory");
    assert!(factory().is_err());
}

#[test]
fn closing_the_bus_sends_until_the_deadline_and_says_what_stays_on_disk() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    let close = |deadline: Duration| {
        let bus = VerificationEventBus::new(100);
        bus.register_handler(Box::new(collector.spooled(root.path())));
        for _ in 0..5 {
            bus.publish_confirmed(event::security("s"), Duration::from_secs(5)).expect("it is on disk");
        }
        let begun = Instant::now();
        let report = bus.close(deadline);
        assert!(begun.elapsed() <= deadline + Duration::from_millis(250), "{:?}", begun.elapsed());
        assert_eq!((report.delivered, &report.unfinished), (5, &vec![]));
        assert_eq!(bus.close(Duration::from_secs(5)), report, "whoever asks again is told the same");
        report.spooled
    };
    collector.world().down = true;
    assert_eq!(close(Duration::from_millis(400)), 5);
    collector.world().down = false;
    assert_eq!(close(Duration::from_secs(5)), 0);
    assert_eq!(collector.world().stored.len(), 10, "the second sent what the first had left");
}

#[test]
fn closing_sends_what_did_not_fit_the_window_too() {
    let (root, collector) = (tempfile::tempdir().expect("a folder"), Collector::default());
    collector.world().down = true;
    let settings = small(root.path());
    let builder = collector.builder().spool(settings).window(1).batch_events(1);
    let mut forwarder = builder.build().expect("a forwarder");
    forwarder.handle(&events(1..=5)).expect("takes");
    collector.until(|world| world.sends > 0);
    let left = std::thread::scope(|scope| {
        scope.spawn(|| {
            let failed = collector.world().sends;
            collector.until(|world| world.sends > failed + 5);
            collector.world().down = false;
        });
        forwarder.close(Instant::now() + Duration::from_secs(10))
    });
    assert_eq!((left, collector.world().stored.len()), (0, 5));
}
