//! A segment goes only after the cursor that says it may is on the disk.

use veribus_core::fs::OpenHow;

use super::super::cursor::Position;
use super::super::segment;
use super::{Segment, Spool, SpoolState, State};

impl Spool {
    /// Frees everything before `to`, which held `events` events.
    pub(crate) fn release(&self, to: Position, events: u64) {
        let mut state = self.state();
        state.cursor = state.cursor.max(to);
        state.pending = state.pending.saturating_sub(events);
        self.free(&mut state);
    }

    /// Unlinks segments below the cursor, whose place is on the disk before any of them goes.
    fn free(&self, state: &mut State) {
        let active = state.active.as_ref().map(|active| active.place.segment);
        let cursor = state.cursor;
        let is_done = |segment: &Segment| {
            Some(segment.number) != active
                && (segment.number < cursor.segment
                    || (segment.number == cursor.segment && segment.bytes <= cursor.offset))
        };
        if !state.segments.front().is_some_and(is_done) {
            return;
        }
        if state.cursor_saved < cursor {
            if state.cursor_file.write(&*self.fs, cursor, true).is_err() {
                if let Some(reserve) = state.reserve.take() {
                    let _room_for_the_next_attempt = reserve.truncate(0);
                }
                return;
            }
            state.cursor_saved = cursor;
        }
        while let Some(segment) = state.segments.pop_front_if(|segment| is_done(segment)) {
            if self.fs.unlink(&segment::path(&self.dir, segment.number)).is_err() {
                state.segments.push_front(segment);
                break;
            }
            state.bytes = state.bytes.saturating_sub(segment.bytes);
        }
        let _may_come_back_and_is_below_the_cursor = self.fs.sync_dir(&self.dir);
        self.judge(state, false);
        if state.reserve.is_none() && state.state == SpoolState::Normal {
            self.take_reserve(state);
        }
    }

    /// Writes the cursor down, not synced: to lose it means to send again.
    pub(crate) fn save_cursor(&self) {
        let mut state = self.state();
        let cursor = state.cursor;
        if state.cursor_saved < cursor && state.cursor_file.write(&*self.fs, cursor, false).is_ok() {
            state.cursor_saved = cursor;
        }
    }

    /// Room that losses can be explained in when the disk is full. Without it a full disk is only explained later.
    pub(super) fn take_reserve(&self, state: &mut State) {
        let path = self.dir.join("reserve");
        let file = self.fs.open(&path, OpenHow::Append).or_else(|_| self.fs.open(&path, OpenHow::CreateNew));
        state.reserve = file.ok().filter(|file| file.allocate(self.settings.reserve_bytes).is_ok());
    }

    pub(super) fn judge(&self, state: &mut State, refused: bool) {
        let high = state.bytes >= self.settings.bytes_max / 5 * 4;
        let next = match (refused, high, state.state) {
            (true, ..) => SpoolState::Full,
            (false, true, SpoolState::Full | SpoolState::Recovering) => SpoolState::Recovering,
            (false, true, _) => SpoolState::Pressure,
            (false, false, _) => SpoolState::Normal,
        };
        state.changes += u64::from(next != state.state);
        state.state = next;
    }
}
