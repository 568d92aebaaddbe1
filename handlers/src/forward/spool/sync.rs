//! One sync for all who wait, and never a second one of a file that failed to sync.

use std::sync::{MutexGuard, PoisonError};

use veribus_core::planted;

use super::super::cursor::Position;
use super::super::error::ForwardError;
use super::super::record::{self, Head};
use super::super::segment::{Left, Step, Walk};
use super::append::append_all;
use super::{Spool, State};

impl Spool {
    /// Waits until everything appended before the call survives a power loss. One caller syncs for all who wait;
    /// each gets the result of a sync that began after its own events were written.
    ///
    /// # Errors
    /// [`ForwardError::Io`] if it could not be synced, nor written again into a new segment.
    pub(crate) fn sync(&self) -> Result<(), ForwardError> {
        let mut state = self.state();
        let Some(target) =
            state.active.as_ref().map(|a| Position { segment: a.place.segment, offset: a.written })
        else {
            return Ok(());
        };
        let begun = state.syncs;
        loop {
            // A segment is only left once it is synced, or written again into the next.
            let done = state.active.as_ref().is_none_or(|active| {
                (active.place.segment, active.synced) >= (target.segment, target.offset)
                    && (active.named || active.place.segment != target.segment)
            });
            if done {
                return Ok(());
            }
            if state.failed.is_some_and(|failed| failed > begun) {
                let source = std::io::Error::other("the disk refused to sync");
                return Err(ForwardError::io("sync", &self.dir)(source));
            }
            if state.syncing {
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state = self.sync_once(state)?;
        }
    }

    /// Syncs what is written now, without the lock meanwhile.
    fn sync_once<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, ForwardError> {
        let Some(active) = &state.active else { return Ok(state) };
        let (file, named, written) = (active.file.clone(), active.named, active.written);
        let named = named || planted!("skip-the-directory-sync");
        let poisoned = active.poisoned;
        state.syncing = true;
        drop(state);
        let result = match poisoned {
            true => Err(std::io::Error::other("an earlier sync failed")),
            false => file.sync_data().and_then(|()| if named { Ok(()) } else { self.fs.sync_dir(&self.dir) }),
        };
        let mut state = self.state();
        let outcome = match (&result, &mut state.active) {
            (Ok(()), Some(active)) => {
                let covered = usize::try_from(written - active.synced).unwrap_or(usize::MAX);
                active.unsynced.drain(..covered.min(active.unsynced.len()));
                (active.synced, active.named) = (written, true);
                Ok(())
            }
            (Err(error), Some(_)) if planted!("sync-again-after-an-error") => {
                Err(ForwardError::io("sync", &self.dir)(error.kind().into()))
            }
            (Err(_), Some(_)) => self.write_again(&mut state),
            _ => Ok(()),
        };
        state.syncing = false;
        state.syncs += 1;
        if outcome.is_err() {
            state.failed = Some(state.syncs);
            self.judge(&mut state, true);
        }
        self.synced.notify_all();
        outcome.map(|()| state)
    }

    /// After a failed sync: gives the segment up where it was last synced, and writes the rest into a new one.
    fn write_again(&self, state: &mut State) -> Result<(), ForwardError> {
        let Some(mut poisoned) = state.active.take() else { return Ok(()) };
        poisoned.poisoned = true;
        if let Some(segment) = state.segments.back_mut() {
            segment.bytes = poisoned.synced;
        }
        let left = Left { segment: poisoned.place.segment, end: poisoned.synced };
        let made = self.begin_segment(state, poisoned.instance, left).and_then(|()| {
            let Some(active) = &mut state.active else { return Ok(()) };
            // Before the records: a beginning that is lost where they survive says no more what was given up.
            active.file.sync_data().map_err(ForwardError::io("write again in", &self.dir))?;
            let mut bytes = Vec::new();
            for step in Walk::new(&poisoned.unsynced, poisoned.place, poisoned.synced, 0) {
                if let Step::Record { head, payload } = step {
                    let offset = active.written + bytes.len() as u64;
                    let head = Head { before: active.last_key, ..head };
                    record::write(&mut bytes, active.place, offset, &head, payload);
                    active.last_key = if head.key == 0 { active.last_key } else { head.key };
                }
            }
            append_all(&*active.file, &bytes)
                .map_err(|cut| cut.source)
                .and_then(|()| active.file.sync_data())
                .and_then(|()| self.fs.sync_dir(&self.dir))
                .map_err(ForwardError::io("write again in", &self.dir))?;
            active.written += bytes.len() as u64;
            (active.synced, active.named) = (active.written, true);
            if let Some(segment) = state.segments.back_mut() {
                segment.bytes = active.written;
            }
            Ok(())
        });
        if made.is_err() {
            // What is in memory stays for the next attempt: the old file is still what readers see.
            self.go_back_to(state, poisoned);
        }
        made
    }
}
