//! A hole that nobody explains within the hold-back becomes one event, and another when it is filled.

use std::collections::HashMap;
use std::time::Duration;

use veribus_core::{EventError, Severity, Timestamp, VerificationEvent, event};

use super::NO_IDENTITY;
use crate::store::{Books, Gap, Hole, Ingest, Lane, Store, StoreError};

/// How long a hole may be open: parcels overtake each other.
const HOLD_BACK: Duration = Duration::from_secs(2);
/// How many events may be stored meanwhile.
const HOLD_BACK_EVENTS: Ingest = 10_000;
/// Lanes watched at once; the others wait for their turn.
const WATCHED_MAX: usize = 4_096;
/// Names of the events.
const GAP: &str = "veribus.gap";
const CLOSED: &str = "veribus.gap.closed";

/// A lane with a hole, as it was when it was looked at.
#[derive(Debug)]
struct Watched {
    holes: Vec<Hole>,
    at: Duration,
    ingest: Ingest,
}

/// Lanes that may have a gap.
#[derive(Debug, Default)]
pub(super) struct GapWatch {
    waiting: Vec<Lane>,
    watched: HashMap<Lane, Watched>,
}

/// What is to be said and kept.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    pub(super) events: Vec<VerificationEvent>,
    pub(super) gaps: Vec<Gap>,
}

impl GapWatch {
    /// Looks at the lanes that changed and at those whose time has come.
    pub(super) fn look(
        &mut self,
        store: &mut dyn Store,
        ingest: Ingest,
        now: Timestamp,
        steady: Duration,
    ) -> Result<Noticed, StoreError> {
        let mut noticed = Noticed::default();
        self.waiting.extend(store.take_unsettled());
        while self.watched.len() < WATCHED_MAX {
            let Some(lane) = self.waiting.pop() else { break };
            let (books, said) = store.books(lane)?;
            let unexplained = books.unexplained();
            if said > 0 && unexplained < said {
                noticed.shrunk(lane, unexplained, now);
            }
            if unexplained > 0 && !self.watched.contains_key(&lane) {
                self.watched.insert(lane, Watched { holes: open_holes(&books), at: steady, ingest });
            }
        }
        let due = |watched: &Watched| {
            steady.saturating_sub(watched.at) >= HOLD_BACK || ingest - watched.ingest >= HOLD_BACK_EVENTS
        };
        let due: Vec<Lane> = self.watched.iter().filter(|(_, w)| due(w)).map(|(lane, _)| *lane).collect();
        for lane in due {
            let Some(before) = self.watched.remove(&lane) else { continue };
            let (books, said) = store.books(lane)?;
            let now_open = open_holes(&books);
            let old: u64 = now_open.iter().map(|hole| shared(hole, &before.holes)).sum();
            if old > said {
                noticed.grown(lane, old, &now_open, now);
            }
            if books.unexplained() > old {
                // The rest is younger and has its own hold-back.
                self.watched.insert(lane, Watched { holes: now_open, at: steady, ingest });
            }
        }
        Ok(noticed)
    }

    /// What was noticed could not be kept: the lanes are looked at again.
    pub(super) fn again(&mut self, gaps: &[Gap]) {
        self.waiting.extend(gaps.iter().map(|gap| gap.lane));
    }
}

fn open_holes(books: &Books) -> Vec<Hole> {
    books.holes.iter().filter(|hole| hole.reason.is_none()).copied().collect()
}

/// How many numbers of `hole` are in one of the sorted `others`.
fn shared(hole: &Hole, others: &[Hole]) -> u64 {
    let from = others.partition_point(|other| other.last < hole.first);
    let overlap = |other: &Hole| (hole.last.min(other.last) + 1).saturating_sub(hole.first.max(other.first));
    others[from..].iter().take_while(|other| other.first <= hole.last).map(overlap).sum()
}

impl Noticed {
    fn grown(&mut self, lane: Lane, missing: u64, holes: &[Hole], now: Timestamp) {
        let (first, last) = (holes.first().map_or(0, |h| h.first), holes.last().map_or(0, |h| h.last));
        let instance = lane.instance.to_string();
        let event = event::security(GAP)
            .severity(Severity::Critical)
            .failure()
            .reason("unexplained_hole")
            .target(&instance)
            .target_kind("producer")
            .attribute("lane", u64::from(lane.lane))
            .attribute("missing", missing)
            .attribute("first_seq", first)
            .attribute("last_seq", last)
            .into_event(NO_IDENTITY, now);
        self.say(event, Gap { lane, missing });
    }

    fn shrunk(&mut self, lane: Lane, missing: u64, now: Timestamp) {
        let gap = Gap { lane, missing };
        if missing > 0 {
            self.gaps.push(gap);
            return;
        }
        let instance = lane.instance.to_string();
        let event = event::security(CLOSED)
            .severity(Severity::Informational)
            .success()
            .reason("explained")
            .target(&instance)
            .target_kind("producer")
            .attribute("lane", u64::from(lane.lane))
            .into_event(NO_IDENTITY, now);
        self.say(event, gap);
    }

    fn say(&mut self, event: Result<VerificationEvent, EventError>, gap: Gap) {
        self.events.push(event.expect("fixed names and numbers are within the limits"));
        self.gaps.push(gap);
    }
}
