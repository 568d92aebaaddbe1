//! How long is an event on its way from `publish` to its handler, on a bus that is idle but for it?

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use veribus::{EventHandler, HandlerError, Severity, VerificationEvent, VerificationEventBus, event};

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::veribus::{DRAIN, settle};
use crate::measure::Plan;
use crate::statistics::{percentile, sorted};
use crate::turn::{Figure, Ledger, Turn};

const COLUMNS: &[Column] = &[
    column(Figure::MillisP50, "p50", 3),
    column(Figure::MillisP99, "p99", 3),
    column(Figure::MillisMax, "worst", 3),
];

/// Pause between two events: long enough that everything sleeps as deep as it will, and not a multiple of any period.
const PAUSE: Duration = Duration::from_micros(21_300);

pub(super) const SECTION: Section = Section {
    name: "arrival",
    title: "From publish to the handler",
    method: "One event each 21 ms on an idle bus, from before `publish` to inside the handler, whose thread is not \
        pinned.",
    tables: &[Table { title: "Milliseconds", columns: COLUMNS }],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry {
        name: "critical",
        title: "veribus: an event of critical severity",
        role: Role::Subject,
        run: |plan| bus(Severity::Critical, plan),
    },
    Entry {
        name: "ordinary",
        title: "veribus: an informational event, which wakes nobody",
        role: Role::Subject,
        run: |plan| bus(Severity::Informational, plan),
    },
    Entry {
        name: "channel",
        title: "crossbeam-channel: a receiver that is woken",
        role: Role::Peer,
        run: woken,
    },
];

/// Says when each batch came.
struct Stopwatch(Sender<Instant>);

impl EventHandler for Stopwatch {
    fn name(&self) -> &str {
        "stopwatch"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        let now = Instant::now();
        for _ in batch {
            self.0.send(now).map_err(HandlerError::permanent)?;
        }
        Ok(())
    }
}

fn bus(severity: Severity, plan: &Plan) -> Result<Turn, String> {
    let bus = VerificationEventBus::new(1000);
    let (sender, arrivals) = channel();
    bus.register_handler(Box::new(Stopwatch(sender)));
    let turn = arrivals_of(plan, &arrivals, || {
        bus.publish(event::authentication("login").severity(severity).failure().actor("alice"));
    })?;
    Ok(turn.with_ledger(settle(&bus, plan.arrivals as u64)?))
}

fn woken(plan: &Plan) -> Result<Turn, String> {
    let (sender, receiver) = crossbeam_channel::bounded::<Instant>(16);
    let (stopwatch, arrivals) = channel();
    let far_side = thread::spawn(move || {
        receiver.iter().map(|_| stopwatch.send(Instant::now())).take_while(Result::is_ok).count() as u64
    });
    let turn = arrivals_of(plan, &arrivals, || {
        let _ = sender.send(Instant::now());
    })?;
    drop(sender);
    let arrived = far_side.join().map_err(|_| "the receiver panicked")?;
    Ok(turn.with_ledger(Ledger { handed: plan.arrivals as u64, arrived, lost: 0 }))
}

fn arrivals_of(plan: &Plan, arrivals: &Receiver<Instant>, mut send: impl FnMut()) -> Result<Turn, String> {
    let mut millis = Vec::with_capacity(plan.arrivals);
    for _ in 0..plan.arrivals {
        thread::sleep(PAUSE);
        let sent = Instant::now();
        send();
        let arrived = arrivals.recv_timeout(DRAIN).map_err(|_| "an event did not arrive")?;
        millis.push(arrived.saturating_duration_since(sent).as_secs_f64() * 1e3);
    }
    let millis = sorted(millis);
    Ok(Turn::of([
        (Figure::MillisP50, percentile(&millis, 0.5)),
        (Figure::MillisP99, percentile(&millis, 0.99)),
        (Figure::MillisMax, percentile(&millis, 1.0)),
    ]))
}
