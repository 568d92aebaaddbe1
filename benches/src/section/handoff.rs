//! What does handing one event over cost its caller, one producer: in bursts, and now and then?

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::verification::Check;
use crate::case::{
    Case, channel, disruptor, fastrace, floor, opentelemetry, rtrb, tokio, tracing, veribus, verification,
};
use crate::machine;
use crate::measure::{Plan, measure};
use crate::sample::Sample;
use crate::turn::{Figure, Ledger, Turn};

const BURSTS: &[Column] = &[
    column(Figure::Typical, "typical", 1),
    column(Figure::Mean, "mean", 1),
    column(Figure::P50, "p50", 0),
    column(Figure::P99, "p99", 0),
    column(Figure::P999, "p99.9", 0),
];

const PACED: &[Column] = &[
    column(Figure::PacedMean, "mean", 1),
    column(Figure::PacedP50, "p50", 0),
    column(Figure::PacedP99, "p99", 0),
    column(Figure::PacedP999, "p99.9", 0),
];

pub(super) const SECTION: Section = Section {
    name: "handoff",
    title: "Handing one event over, one producer",
    method: "Caller on core 0, its library's threads on core 1. Building the event from borrowed text, ids, clock and \
        hand-over are in every row but the prebuilt ones. *typical* is the median over bursts of a burst's mean: two \
        clock reads for 256 events. Percentiles are of single events and hold one clock read each, whose cost is the \
        row *nothing*. Consumers of polled queues sleep 200 µs when they find nothing; queues hold 1,024 events.",
    tables: &[
        Table { title: "Bursts of 256, ns an event", columns: BURSTS },
        Table { title: "Paced, one event each 20 µs, ns an event", columns: PACED },
    ],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry {
        name: "veribus",
        title: "veribus: build + publish, constant names, one counting handler",
        role: Role::Subject,
        run: |plan| with(plan, veribus::Publish::start),
    },
    Entry {
        name: "text_names",
        title: "veribus: the same, names given as text",
        role: Role::Subject,
        run: |plan| with(plan, veribus::PublishText::start),
    },
    Entry {
        name: "handlers8",
        title: "veribus: 8 handlers",
        role: Role::Subject,
        run: |plan| with(plan, || veribus::Publish::to_handlers(8)),
    },
    Entry {
        name: "blocked",
        title: "veribus: a handler that blocks for ever, its queue full",
        role: Role::Subject,
        run: |plan| with(plan, veribus::Publish::blocked),
    },
    Entry {
        name: "filtered",
        title: "veribus: no handler is interested, the event built all the same",
        role: Role::Subject,
        run: |plan| with(plan, veribus::Publish::filtered),
    },
    Entry {
        name: "filtered_with",
        title: "veribus: no handler is interested, built only where one is (publish_with)",
        role: Role::Subject,
        run: |plan| with(plan, veribus::PublishWith::filtered),
    },
    Entry {
        name: "tracing_disabled",
        title: "tracing: an event of a level that is off",
        role: Role::Peer,
        run: |plan| with(plan, tracing::Disabled::start),
    },
    Entry {
        name: "floor",
        title: "floor: counter read + copy of the same bytes to a local array",
        role: Role::Floor,
        run: |plan| with(plan, || Ok(floor::Copy::default())),
    },
    Entry {
        name: "timer",
        title: "nothing: the clock read that times single events",
        role: Role::Floor,
        run: |plan| with(plan, || Ok(floor::Nothing)),
    },
    Entry {
        name: "rtrb",
        title: "rtrb, SPSC ring: prebuilt event moved",
        role: Role::Peer,
        run: |plan| with(plan, rtrb::Prebuilt::start),
    },
    Entry {
        name: "disruptor",
        title: "disruptor, sleeping consumer: event written in place",
        role: Role::Peer,
        run: |plan| with(plan, disruptor::start),
    },
    Entry {
        name: "tokio",
        title: "tokio mpsc: try_send of a prebuilt event",
        role: Role::Peer,
        run: |plan| with(plan, tokio::TrySend::start),
    },
    Entry {
        name: "channel",
        title: "crossbeam-channel, bounded: build owned event + try_send",
        role: Role::Peer,
        run: |plan| with(plan, channel::Channel::start),
    },
    Entry {
        name: "fastrace",
        title: "fastrace: root span with the same ten properties, null reporter",
        role: Role::Peer,
        run: |plan| with(plan, fastrace::RootSpan::start),
    },
    Entry {
        name: "opentelemetry",
        title: "OpenTelemetry logs SDK: batch processor, null exporter",
        role: Role::Peer,
        run: |plan| with(plan, opentelemetry::Logs::start),
    },
    Entry {
        name: "tracing",
        title: "tracing + JSON + tracing-appender non_blocking, file",
        role: Role::Peer,
        run: |plan| with(plan, tracing::Log::start),
    },
    Entry {
        name: "hmac",
        title: "for scale, a check: ring HMAC-SHA256 of a token, 212 bytes",
        role: Role::Floor,
        run: |plan| with(&plan.tenth(), || verification::Hmac::start().map(Alone::new)),
    },
    Entry {
        name: "jwt",
        title: "for scale, a check: jsonwebtoken HS256 decode, 240-byte token",
        role: Role::Floor,
        run: |plan| with(&plan.tenth(), || verification::Jwt::start().map(Alone::new)),
    },
    Entry {
        name: "ed25519",
        title: "for scale, a check: ed25519-dalek verify, 256-byte message",
        role: Role::Floor,
        run: |plan| with(&plan.tenth(), || verification::Ed25519::start().map(Alone::new)),
    },
];

/// Starts a case with its threads away from the caller's core, measures it, and lets it finish.
fn with<C: Case>(plan: &Plan, start: impl FnOnce() -> Result<C, String>) -> Result<Turn, String> {
    let (case, pinned) = machine::apart(start);
    measure(case?, plan, pinned)
}

/// A check by itself.
struct Alone<V> {
    check: V,
    refused: u64,
}

impl<V> Alone<V> {
    fn new(check: V) -> Self {
        Alone { check, refused: 0 }
    }
}

impl<V: Check> Case for Alone<V> {
    #[inline]
    fn once(&mut self, _sample: &Sample) {
        self.refused += u64::from(!self.check.holds());
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        match self.refused {
            0 => Ok(Ledger::local(handed)),
            refused => Err(format!("{refused} of {handed} good inputs were refused")),
        }
    }
}
