//! What does reporting add to a verification? Paired stretches with and without it, in turn, in one process.

use std::thread;
use std::time::Instant;

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::forward::Forward;
use crate::case::verification::{Argon2id, Check, Ed25519, Hmac, Jwt};
use crate::case::{Case, channel, fastrace, opentelemetry, tracing, veribus};
use crate::machine;
use crate::measure::{PAUSE, Plan, nanos};
use crate::sample::Sample;
use crate::turn::{Figure, Pair, Turn};

const COLUMNS: &[Column] = &[
    column(Figure::Percent, "added %", 2),
    column(Figure::PercentLow, "from", 2),
    column(Figure::PercentHigh, "to", 2),
    column(Figure::Added, "added ns", 1),
    column(Figure::AddedLow, "from", 1),
    column(Figure::AddedHigh, "to", 1),
    column(Figure::Alone, "alone ns", 0),
];

pub(super) const SECTION: Section = Section {
    name: "added",
    title: "Added to a verification",
    method: "The same loop of verifications with and without publishing, in turn, in one process, in changing order; \
        between two stretches the far side catches up. A row is the median of the paired differences of all rounds, \
        `from` and `to` its 95 % interval by order statistics. The event's text is at hand; the verification's result \
        decides nothing. An interval that holds 0 means: not told apart from nothing on this machine. *Idle*: one \
        handler that counts. *Saturated*: a handler that blocks for ever, its queue full. *Audit disk full*: the audit \
        handler, its file refused further bytes by a limit of the system. *Collector unreachable*: the forwarder with its \
        spool, the connection refused. *Spool disk full*: the same, its spool refused further bytes.",
    tables: &[Table { title: "Median of paired differences, with 95 % intervals", columns: COLUMNS }],
    entries: ENTRIES,
};

/// Verifications of a stretch: some hundred microseconds of them, but for a password's.
const SHORT: usize = 256;
const LONG: usize = 64;
const PASSWORDS: usize = 1;

/// One row a verification and state.
const ENTRIES: &[Entry] = &[
    Entry {
        name: "hmac_idle",
        title: "HMAC-SHA256 of a token: bus idle",
        role: Role::Subject,
        run: |plan| pairs(Hmac::start, veribus::Publish::start, SHORT, plan),
    },
    Entry {
        name: "hmac_saturated",
        title: "HMAC-SHA256 of a token: bus saturated",
        role: Role::Subject,
        run: |plan| pairs(Hmac::start, veribus::Publish::blocked, SHORT, plan),
    },
    Entry {
        name: "hmac_full_disk",
        title: "HMAC-SHA256 of a token: audit disk full",
        role: Role::Subject,
        run: |plan| full_disk(Hmac::start, SHORT, plan),
    },
    Entry {
        name: "hmac_unreachable",
        title: "HMAC-SHA256 of a token: collector unreachable",
        role: Role::Subject,
        run: |plan| pairs(Hmac::start, Forward::unreachable, SHORT, plan),
    },
    Entry {
        name: "hmac_full_spool",
        title: "HMAC-SHA256 of a token: collector unreachable, spool disk full",
        role: Role::Subject,
        run: |plan| full_spool(Hmac::start, SHORT, plan),
    },
    Entry {
        name: "jwt_idle",
        title: "HS256 JWT decode: bus idle",
        role: Role::Subject,
        run: |plan| pairs(Jwt::start, veribus::Publish::start, SHORT, plan),
    },
    Entry {
        name: "jwt_saturated",
        title: "HS256 JWT decode: bus saturated",
        role: Role::Subject,
        run: |plan| pairs(Jwt::start, veribus::Publish::blocked, SHORT, plan),
    },
    Entry {
        name: "jwt_full_disk",
        title: "HS256 JWT decode: audit disk full",
        role: Role::Subject,
        run: |plan| full_disk(Jwt::start, SHORT, plan),
    },
    Entry {
        name: "jwt_unreachable",
        title: "HS256 JWT decode: collector unreachable",
        role: Role::Subject,
        run: |plan| pairs(Jwt::start, Forward::unreachable, SHORT, plan),
    },
    Entry {
        name: "jwt_full_spool",
        title: "HS256 JWT decode: collector unreachable, spool disk full",
        role: Role::Subject,
        run: |plan| full_spool(Jwt::start, SHORT, plan),
    },
    Entry {
        name: "jwt_fastrace",
        title: "HS256 JWT decode: fastrace, ten properties",
        role: Role::Peer,
        run: |plan| pairs(Jwt::start, fastrace::RootSpan::start, SHORT, plan),
    },
    Entry {
        name: "jwt_channel",
        title: "HS256 JWT decode: crossbeam-channel, event built",
        role: Role::Peer,
        run: |plan| pairs(Jwt::start, channel::Channel::start, SHORT, plan),
    },
    Entry {
        name: "jwt_opentelemetry",
        title: "HS256 JWT decode: OpenTelemetry logs SDK",
        role: Role::Peer,
        run: |plan| pairs(Jwt::start, opentelemetry::Logs::start, SHORT, plan),
    },
    Entry {
        name: "jwt_tracing",
        title: "HS256 JWT decode: tracing + JSON + tracing-appender",
        role: Role::Peer,
        run: |plan| pairs(Jwt::start, tracing::Log::start, SHORT, plan),
    },
    Entry {
        name: "ed25519_idle",
        title: "Ed25519 verify: bus idle",
        role: Role::Subject,
        run: |plan| pairs(Ed25519::start, veribus::Publish::start, LONG, plan),
    },
    Entry {
        name: "ed25519_saturated",
        title: "Ed25519 verify: bus saturated",
        role: Role::Subject,
        run: |plan| pairs(Ed25519::start, veribus::Publish::blocked, LONG, plan),
    },
    Entry {
        name: "ed25519_full_disk",
        title: "Ed25519 verify: audit disk full",
        role: Role::Subject,
        run: |plan| full_disk(Ed25519::start, LONG, plan),
    },
    Entry {
        name: "ed25519_unreachable",
        title: "Ed25519 verify: collector unreachable",
        role: Role::Subject,
        run: |plan| pairs(Ed25519::start, Forward::unreachable, LONG, plan),
    },
    Entry {
        name: "ed25519_full_spool",
        title: "Ed25519 verify: collector unreachable, spool disk full",
        role: Role::Subject,
        run: |plan| full_spool(Ed25519::start, LONG, plan),
    },
    Entry {
        name: "argon2id_idle",
        title: "Argon2id password: bus idle",
        role: Role::Subject,
        run: |plan| pairs(Argon2id::start, veribus::Publish::start, PASSWORDS, &fewer(plan)),
    },
    Entry {
        name: "argon2id_saturated",
        title: "Argon2id password: bus saturated",
        role: Role::Subject,
        run: |plan| pairs(Argon2id::start, veribus::Publish::blocked, PASSWORDS, &fewer(plan)),
    },
    Entry {
        name: "argon2id_full_disk",
        title: "Argon2id password: audit disk full",
        role: Role::Subject,
        run: |plan| full_disk(Argon2id::start, PASSWORDS, &fewer(plan)),
    },
    Entry {
        name: "argon2id_unreachable",
        title: "Argon2id password: collector unreachable",
        role: Role::Subject,
        run: |plan| pairs(Argon2id::start, Forward::unreachable, PASSWORDS, &fewer(plan)),
    },
    Entry {
        name: "argon2id_full_spool",
        title: "Argon2id password: collector unreachable, spool disk full",
        role: Role::Subject,
        run: |plan| full_spool(Argon2id::start, PASSWORDS, &fewer(plan)),
    },
];

/// A password takes some ten milliseconds, even alone.
fn fewer(plan: &Plan) -> Plan {
    Plan { pairs: plan.pairs.div_ceil(4), ..*plan }
}

#[cfg(unix)]
fn full_disk<V: Check>(check: fn() -> Result<V, String>, each: usize, plan: &Plan) -> Result<Turn, String> {
    pairs(check, crate::case::full_disk::FullDisk::start, each, plan)
}

#[cfg(unix)]
fn full_spool<V: Check>(check: fn() -> Result<V, String>, each: usize, plan: &Plan) -> Result<Turn, String> {
    pairs(check, Forward::full_disk, each, plan)
}

#[cfg(not(unix))]
use full_disk as full_spool;

#[cfg(not(unix))]
fn full_disk<V: Check>(
    _check: fn() -> Result<V, String>,
    _each: usize,
    _plan: &Plan,
) -> Result<Turn, String> {
    Ok(Turn::skipped("no limit on the size of files on this system"))
}

/// Measures pairs of stretches of `each` verifications.
fn pairs<V: Check, C: Case>(
    check: impl FnOnce() -> Result<V, String>,
    start: impl FnOnce() -> Result<C, String>,
    each: usize,
    plan: &Plan,
) -> Result<Turn, String> {
    let check = check()?;
    if !check.holds() {
        return Err("a good input was refused".to_owned());
    }
    let (case, pinned) = machine::apart(start);
    let (mut case, samples) = (case?, Sample::all());
    let warm_up = plan.pairs / 10 + 1;
    let mut pairs = Vec::with_capacity(plan.pairs);
    for round in 0..warm_up + plan.pairs {
        let pair = if round % 2 == 0 {
            let alone = alone(&check, &samples, each);
            Pair { alone, with: reported(&check, &mut case, &samples, each) }
        } else {
            let with = reported(&check, &mut case, &samples, each);
            Pair { alone: alone(&check, &samples, each), with }
        };
        if round >= warm_up {
            pairs.push(pair);
        }
    }
    let handed = ((warm_up + plan.pairs) * each) as u64;
    Ok(Turn { pairs, pinned, ..Turn::default().with_ledger(case.finish(handed)?) })
}

/// Nanoseconds of a verification by itself.
#[inline(never)]
fn alone<V: Check>(check: &V, samples: &[Sample], each: usize) -> f64 {
    let began = Instant::now();
    for sample in samples.iter().cycle().take(each) {
        std::hint::black_box(check.holds());
        std::hint::black_box(sample);
    }
    ended(began, each)
}

/// Nanoseconds of a verification and its report.
#[inline(never)]
fn reported<V: Check, C: Case>(check: &V, case: &mut C, samples: &[Sample], each: usize) -> f64 {
    case.prepare(samples, each);
    let began = Instant::now();
    for sample in samples.iter().cycle().take(each) {
        std::hint::black_box(check.holds());
        case.once(sample);
    }
    ended(began, each)
}

fn ended(began: Instant, each: usize) -> f64 {
    let took = began.elapsed();
    thread::sleep(PAUSE);
    nanos(took) / each as f64
}
