//! A spool's cursor moves over what is receipted without a gap; a spool that was sent whole goes.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use veribus_core::planted;

use super::super::flight::{Flight, Progress};
use super::{Sender, Stream};

impl Sender {
    /// Moves each spool's cursor over what is receipted without a gap, and removes spools that were sent.
    pub(super) fn free(&mut self) {
        let mut waiting = BTreeSet::new();
        let mut at = 0;
        while let Some(flight) = self.flights.get(at) {
            let behind = flight.spool.is_some_and(|id| waiting.contains(&id)) && !planted!("pass-over-a-gap");
            if flight.progress != Progress::Done || behind {
                waiting.extend(flight.spool);
                at += 1;
                continue;
            }
            let Some(Flight { chunk, spool, .. }) = self.flights.remove(at) else { break };
            if spool.is_none() {
                let sent = chunk.covered;
                self.shared.watch.update(|health| health.in_memory = health.in_memory.saturating_sub(sent));
            }
            if let Some(stream) = self.streams.iter().find(|stream| Some(stream.spool.id) == spool) {
                stream.spool.release(chunk.end, chunk.covered);
            }
        }
        // Behind accounts alone no parcel comes from the spool that would move its cursor over them.
        if self.flights.is_empty() && self.shared.waiting().ahead.is_empty() {
            let own = self.streams.iter().filter(|stream| stream.own);
            own.for_each(|stream| stream.spool.release(stream.reader.position(), 0));
        }
        let is_sent = |stream: &Stream| {
            let is_waiting = waiting.contains(&stream.spool.id) && !planted!("remove-what-was-read");
            !stream.own && !is_waiting && stream.reader.is_at_end(&stream.spool)
        };
        for stream in self.streams.extract_if(.., |stream| is_sent(stream)) {
            stream.spool.remove();
            self.shared
                .adopted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|spool| spool.id != stream.spool.id);
        }
        if self.turn >= self.streams.len() {
            self.turn = 0;
        }
    }
}
