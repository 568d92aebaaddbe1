//! The cases: each hands the same event over in the way of one library, or does one verification.

mod channel;
mod floor;
mod opentelemetry;
mod tracing;
mod veribus;
mod verification;

use serde::{Deserialize, Serialize};

use crate::machine;
use crate::measure::{Figures, Plan, measure};
use crate::sample::Sample;

/// One thing that is timed.
pub trait Case {
    /// Does it once, building included.
    fn once(&mut self, sample: &Sample);

    /// Waits for whatever is under way and answers for every event; `handed` is how many were handed over.
    fn finish(self, handed: u64) -> Ledger;
}

/// Where the events of a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Events handed over.
    pub handed: u64,
    /// Events that the far side got.
    pub arrived: u64,
    /// Events that the library says it lost.
    pub lost: u64,
}

impl Ledger {
    /// A case with no far side: everything is where it belongs.
    fn local(handed: u64) -> Ledger {
        Ledger { handed, arrived: handed, lost: 0 }
    }

    /// Events of which nobody knows anything.
    pub fn unaccounted(&self) -> u64 {
        self.handed.saturating_sub(self.arrived + self.lost)
    }
}

/// What a row of the table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The subject.
    Subject,
    /// What the machine cannot undercut.
    Floor,
    /// What others use for the same.
    Peer,
    /// What is being reported about.
    Verification,
}

/// A case by name.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// How it is asked for.
    pub name: &'static str,
    /// What it does, for the table.
    pub title: &'static str,
    /// What its row is about.
    pub role: Role,
    run: fn(&Plan) -> Result<Figures, String>,
}

impl Entry {
    /// Measures this case in this process.
    ///
    /// # Errors
    /// In words, where the case cannot be set up.
    pub fn run(&self, plan: &Plan) -> Result<Figures, String> {
        (self.run)(plan)
    }
}

/// All cases, the subject first.
pub const ENTRIES: [Entry; 9] = [
    Entry {
        name: "veribus",
        title: "veribus: build + publish, constant names, one counting handler",
        role: Role::Subject,
        run: |plan| with(plan, veribus::Publish::start),
    },
    Entry {
        name: "text_names",
        title: "veribus: the same, names given as text",
        role: Role::Peer,
        run: |plan| with(plan, veribus::PublishText::start),
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
        name: "channel",
        title: "crossbeam-channel, bounded: build owned event + try_send",
        role: Role::Peer,
        run: |plan| with(plan, channel::Channel::start),
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
        run: tracing::run,
    },
    Entry {
        name: "jwt",
        title: "verification: jsonwebtoken HS256 decode, 240-byte token",
        role: Role::Verification,
        run: |plan| with(&plan.tenth(), verification::Jwt::start),
    },
    Entry {
        name: "ed25519",
        title: "verification: ed25519-dalek verify, 256-byte message",
        role: Role::Verification,
        run: |plan| with(&plan.tenth(), verification::Ed25519::start),
    },
];

/// Starts a case with its threads away from the caller's core, measures it, and lets it finish.
fn with<C: Case>(plan: &Plan, start: impl FnOnce() -> Result<C, String>) -> Result<Figures, String> {
    let (case, pinned) = machine::apart(start);
    Ok(measure(case?, plan, pinned))
}
