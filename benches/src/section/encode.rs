//! What does an event cost to encode, and how long is it?

use std::time::{Duration, Instant};

use veribus::codec::event_to_json;
use veribus::{Batch, Source, VerificationEvent, VerificationEventBus};
use veribus_testkit::CaptureHandler;

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::json::JsonEvent;
use crate::case::veribus::{DRAIN, Publisher};
use crate::machine;
use crate::measure::{Plan, nanos};
use crate::sample::{SAMPLES, Sample};
use crate::statistics::median;
use crate::turn::{Figure, Ledger, Turn};

const COLUMNS: &[Column] =
    &[column(Figure::EncodeNanos, "ns an event", 1), column(Figure::Bytes, "bytes an event", 1)];

/// Events of a batch, as a forwarder sends them.
const BATCH_EVENTS: usize = 512;

/// Blocks that are timed for each burst of the plan.
const BLOCKS: usize = 4;

pub(super) const SECTION: Section = Section {
    name: "encode",
    title: "Encoding",
    method: "The same 64 events into a buffer that is used again; median over blocks of a block's mean. serde_json writes \
        a derived struct whose output is compared byte for byte with the codec's before anything is timed; both format \
        ids, time, address and trace while they write. Batches hold 512 events.",
    tables: &[Table { title: "Encoders", columns: COLUMNS }],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry { name: "json", title: "veribus: event_to_json", role: Role::Subject, run: json },
    Entry {
        name: "serde_json",
        title: "serde_json: to_writer of a derived struct",
        role: Role::Peer,
        run: serde,
    },
    Entry {
        name: "json_batch",
        title: "veribus: batch as JSON",
        role: Role::Subject,
        run: |plan| batch(plan, |batch, out| batch.encode_json(out).map_err(|error| error.to_string())),
    },
    Entry {
        name: "wire",
        title: "veribus: batch as MessagePack, the wire",
        role: Role::Subject,
        run: |plan| batch(plan, |batch, out| batch.encode_msgpack(out).map_err(|error| error.to_string())),
    },
];

/// The samples, in a circle, as a bus makes `count` events of them.
pub(super) fn events(count: usize) -> Result<Vec<VerificationEvent>, String> {
    let bus = VerificationEventBus::new(1000);
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let publisher = Publisher(bus);
    for sample in Sample::all().iter().cycle().take(count) {
        publisher.once(sample);
    }
    if !captured.wait_for(count, DRAIN) {
        return Err(format!("{} of {count} samples arrived", captured.len()));
    }
    Ok(captured.events().iter().map(|event| VerificationEvent::clone(event)).collect())
}

/// The derived structs of events, held against the codec.
fn derived(events: &[VerificationEvent]) -> Result<Vec<JsonEvent<'_>>, String> {
    let derived: Option<Vec<_>> = events.iter().map(JsonEvent::of).collect();
    let derived = derived.ok_or("a sample lost a field on its way")?;
    for (event, derived) in events.iter().zip(&derived) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        event_to_json(event, &mut ours);
        serde_json::to_writer(&mut theirs, derived).map_err(|error| error.to_string())?;
        if ours != theirs {
            let (ours, theirs) = (String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
            return Err(format!("the encoders differ:\n{ours}\n{theirs}"));
        }
    }
    Ok(derived)
}

fn json(plan: &Plan) -> Result<Turn, String> {
    let events = events(SAMPLES)?;
    blocks(plan, |out| events.iter().for_each(|event| event_to_json(event, out)), SAMPLES)
}

fn serde(plan: &Plan) -> Result<Turn, String> {
    let events = events(SAMPLES)?;
    let derived = derived(&events)?;
    let write = |out: &mut Vec<u8>| {
        for event in &derived {
            // Writing to a Vec cannot fail.
            let _ = serde_json::to_writer(&mut *out, event);
        }
    };
    blocks(plan, write, SAMPLES)
}

fn batch(plan: &Plan, encode: impl Fn(&Batch, &mut Vec<u8>) -> Result<(), String>) -> Result<Turn, String> {
    let events = events(BATCH_EVENTS)?;
    let instance = events.first().map(|event| event.id.instance());
    let batch = Batch { source: Source::new("orders"), instance, events, ..Batch::default() };
    encode(&batch, &mut Vec::new())?;
    blocks(plan, |out| drop(encode(&batch, out)), BATCH_EVENTS)
}

/// Times `write`, which appends `events` events to a buffer.
fn blocks(plan: &Plan, write: impl Fn(&mut Vec<u8>), events: usize) -> Result<Turn, String> {
    let pinned = machine::pin(0);
    let (mut out, mut times) = (Vec::new(), Vec::new());
    let warm_up = plan.bursts / 10 + 1;
    for block in 0..warm_up + plan.bursts * BLOCKS {
        out.clear();
        let began = Instant::now();
        write(std::hint::black_box(&mut out));
        let took: Duration = began.elapsed();
        std::hint::black_box(&out);
        if block >= warm_up {
            times.push(nanos(took) / events as f64);
        }
    }
    let handed = ((warm_up + plan.bursts * BLOCKS) * events) as u64;
    let turn =
        Turn::of([(Figure::EncodeNanos, median(times)), (Figure::Bytes, out.len() as f64 / events as f64)]);
    Ok(Turn { pinned, ..turn.with_ledger(Ledger::local(handed)) })
}
