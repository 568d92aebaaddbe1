//! How many events a second does the audit trail take for good, on a disk, with nothing lost?

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use veribus::codec::event_to_json;
use veribus::{
    AuditLogger, EventId, InstanceId, SpanId, SyncPolicy, Timestamp, TraceContext, TraceId,
    VerificationEventBus, WhenFull, audit::verify,
};

use super::{Column, Entry, Role, Section, Table, column, encode};
use crate::case::json::{JsonActor, JsonAttributes, JsonEvent, JsonTarget};
use crate::case::owned::Owned;
use crate::case::trail::Trail;
use crate::case::veribus::{Publisher, settle};
use crate::case::{Case as _, tracing};
use crate::measure::Plan;
use crate::sample::{SAMPLES, Sample};
use crate::turn::{Figure, Ledger, Turn};

const COLUMNS: &[Column] = &[
    column(Figure::EventsPerSecond, "events/s written", 0),
    column(Figure::EventsPerSecondSynced, "events/s synced", 0),
    column(Figure::Bytes, "bytes a line", 0),
];

/// How long a publisher waits for room, so that nothing is lost.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const SECTION: Section = Section {
    name: "sustained",
    title: "Audit trail to a disk, sustained, nothing lost",
    method: "One thread publishes as fast as the row takes events; publishers wait for room. *written*: until the last \
        line was handed to the system. *synced*: until one more `fdatasync` of the file returned. The audit handler also \
        syncs each 200 ms by default; the row *never* leaves that to the system, as tracing-appender and the two rows \
        behind it do. Those two make and hash the audit handler's lines, field by field. The file is in the folder for temporary files. Lost events, a line too few, or a trail that \
        `audit verify` refuses fail the run.",
    tables: &[Table { title: "Events a second", columns: COLUMNS }],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry {
        name: "audit",
        title: "veribus: audit handler, hash chain, synced each 200 ms",
        role: Role::Subject,
        run: |plan| audit(SyncPolicy::default(), plan),
    },
    Entry {
        name: "audit_never",
        title: "veribus: audit handler, hash chain, never synced",
        role: Role::Subject,
        run: |plan| audit(SyncPolicy::Never, plan),
    },
    Entry {
        name: "tracing",
        title: "tracing + JSON + tracing-appender, not lossy; no hashes",
        role: Role::Peer,
        run: appender,
    },
    Entry {
        name: "serde_json",
        title: "crossbeam-channel, a thread with serde_json, the same chain",
        role: Role::Peer,
        run: serde_thread,
    },
    Entry {
        name: "limit",
        title: "limit: no queue, one thread encodes, hashes, writes",
        role: Role::Floor,
        run: limit,
    },
];

/// A folder on the disk, and where the lines go in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Result<Place, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        Ok(Place { folder })
    }

    fn file(&self) -> Result<File, String> {
        File::create_new(self.path()).map_err(|error| format!("cannot make a file: {error}"))
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("audit.log")
    }

    /// The figures of a run in which the last line was written just now.
    fn turn(&self, began: Instant, events: u64) -> Result<Turn, String> {
        let written = began.elapsed();
        let length = sync(&self.path()).map_err(|error| format!("cannot sync: {error}"))?;
        let synced = began.elapsed();
        let pace = |took: Duration| events as f64 / took.as_secs_f64();
        Ok(Turn::of([
            (Figure::EventsPerSecond, pace(written)),
            (Figure::EventsPerSecondSynced, pace(synced)),
            (Figure::Bytes, length as f64 / events as f64),
        ]))
    }

    /// A ledger whose lines are counted in the file itself.
    fn ledger(&self, handed: u64) -> Result<Ledger, String> {
        let text = fs::read(self.path()).map_err(|error| format!("cannot read it again: {error}"))?;
        let arrived = text.iter().filter(|byte| **byte == b'\n').count() as u64;
        if arrived != handed {
            return Err(format!("{handed} lines were written, the file has {arrived}"));
        }
        Ok(Ledger { handed, arrived, lost: 0 })
    }
}

fn sync(path: &Path) -> std::io::Result<u64> {
    let file = File::open(path)?;
    file.sync_data()?;
    Ok(file.metadata()?.len())
}

fn audit(policy: SyncPolicy, plan: &Plan) -> Result<Turn, String> {
    let place = Place::new()?;
    let bus = VerificationEventBus::builder()
        .capacity(4096)
        .when_full(WhenFull::Block { timeout: PATIENCE })
        .build();
    let logger = AuditLogger::builder(place.path()).sync(policy).rotate_at_bytes(u64::MAX).open();
    let logger = logger.map_err(|error| error.to_string())?;
    let watch = logger.watch();
    bus.register_handler(Box::new(logger));
    let (publisher, events) = (Publisher(bus.clone()), plan.sustained as u64);
    let samples = Sample::all();
    let began = Instant::now();
    let accepted =
        samples.iter().cycle().take(plan.sustained).filter(|sample| publisher.once(sample)).count() as u64;
    while watch.status().events < accepted {
        if began.elapsed() > 4 * PATIENCE {
            return Err(format!("{} of {accepted} events were written in time", watch.status().events));
        }
        thread::sleep(Duration::from_micros(200));
    }
    let turn = place.turn(began, events)?;
    let ledger = settle(&bus, events)?;
    if ledger.lost > 0 {
        return Err(format!("{} events were lost", ledger.lost));
    }
    let report = verify(place.path()).map_err(|error| error.to_string())?;
    match report.first_bad {
        None if report.events == events => Ok(turn.with_ledger(ledger)),
        None => Err(format!("{events} events were published, the trail has {}", report.events)),
        Some(bad) => Err(format!("the trail does not verify: {bad:?}")),
    }
}

fn appender(plan: &Plan) -> Result<Turn, String> {
    let (place, samples, events) = (Place::new()?, Sample::all(), plan.sustained as u64);
    let mut log = tracing::Log::into_file(place.file()?, false);
    let began = Instant::now();
    samples.iter().cycle().take(plan.sustained).for_each(|sample| log.once(sample));
    log.finish(events)?;
    let turn = place.turn(began, events)?;
    Ok(turn.with_ledger(place.ledger(events)?))
}

fn serde_thread(plan: &Plan) -> Result<Turn, String> {
    let (place, samples, events) = (Place::new()?, Sample::all(), plan.sustained as u64);
    let mut trail = Trail::new(place.file()?);
    let (sender, receiver) = bounded::<Owned>(4096);
    let began = Instant::now();
    let writer = thread::spawn(move || -> std::io::Result<u64> {
        let instance = InstanceId::random();
        for (event, seq) in receiver.iter().zip(1..) {
            trail.push(|out| {
                serde_json::to_writer(out, &derived(&event, instance, seq)).map_err(Into::into)
            })?;
        }
        trail.end()
    });
    for sample in samples.iter().cycle().take(plan.sustained) {
        sender.send(Owned::build(sample)).map_err(|_| "the writer ended early")?;
    }
    drop(sender);
    let written = writer.join().map_err(|_| "the writer panicked")?;
    written.map_err(|error| format!("cannot write: {error}"))?;
    let turn = place.turn(began, events)?;
    Ok(turn.with_ledger(place.ledger(events)?))
}

fn derived(event: &Owned, instance: InstanceId, seq: u64) -> JsonEvent<'_> {
    let nanos = event.time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64);
    let trace = TraceId::from_bytes(event.trace.to_be_bytes()).unwrap_or_else(|_| TraceId::random());
    let span = SpanId::from_bytes(event.span.to_be_bytes()).unwrap_or_else(|_| SpanId::random());
    let [(_, session), (_, user_agent), (_, region)] = &event.attributes;
    JsonEvent {
        id: EventId::new(instance, 1, seq),
        time: Timestamp::from_nanos(nanos),
        kind: "authentication",
        action: event.action,
        severity: "informational",
        outcome: "failure",
        reason: &event.reason,
        actor: JsonActor { name: &event.actor, ip: event.ip },
        target: JsonTarget { name: &event.resource },
        trace: TraceContext::new(trace, span, 1),
        duration_ns: event.latency.as_nanos() as u64,
        method: &event.method,
        attributes: JsonAttributes { session, user_agent, region },
    }
}

/// Events that are owned before the clock runs; each gets an id and the time when it is its turn.
fn limit(plan: &Plan) -> Result<Turn, String> {
    let (place, mut made, events) = (Place::new()?, encode::events(SAMPLES)?, plan.sustained as u64);
    let (mut trail, instance) = (Trail::new(place.file()?), InstanceId::random());
    let began = Instant::now();
    for seq in 1..=events {
        let at = seq as usize % made.len();
        let event = &mut made[at];
        (event.id, event.time) = (EventId::new(instance, 1, seq), Timestamp::now());
        let pushed = trail.push(|out| {
            event_to_json(event, out);
            Ok(())
        });
        pushed.map_err(|error| format!("cannot write: {error}"))?;
    }
    trail.end().map_err(|error| format!("cannot write: {error}"))?;
    let turn = place.turn(began, events)?;
    Ok(turn.with_ledger(place.ledger(events)?))
}
