//! Records are appended whole or not at all; a segment is left only once it is synced.

use std::sync::{Arc, MutexGuard, PoisonError};

use veribus_core::codec::JoinedBatch;
use veribus_core::fs::{FsFile, OpenHow};
use veribus_core::{Account, InstanceId, planted};

use super::super::error::ForwardError;
use super::super::record::{self, DURABLE, Head, Kind, Place};
use super::super::segment::{self, HEADER, Left};
use super::{Active, Encoded, Segment, Spool, State};

/// What was appended and not synced is also in memory, so that a failed sync loses none of it; not more than this.
const UNSYNCED_BYTES_MAX: usize = 8 << 20;

/// How far an account may fill the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Half of what events may fill: the rest is theirs.
    Plenty,
    /// Into the reserve, which is for this; the last word has its room afterwards too.
    Reserve,
    /// To the ceiling: the spool is left.
    Last,
}

impl Spool {
    /// Appends events of one instance: all of them or none.
    ///
    /// # Errors
    /// [`ForwardError::SpoolFull`], or [`ForwardError::Io`] if the disk is full or failing.
    pub(crate) fn append(&self, events: &Encoded) -> Result<(), ForwardError> {
        let Some(first) = events.ids.first() else { return Ok(()) };
        let wanted = events.bytes.len() + events.ids.len() * record::OVERHEAD;
        let mut state = self.state();
        let ceiling = self.settings.bytes_max.saturating_sub(self.settings.reserve_bytes);
        if state.bytes + wanted as u64 > ceiling {
            let full = ForwardError::SpoolFull { bytes: state.bytes, bytes_max: self.settings.bytes_max };
            self.judge(&mut state, true);
            return Err(full);
        }
        let records = events.each().map(|(id, durable, bytes)| {
            let key = u64::from(id.lane()) << 48 | id.seq();
            (Kind::Event, if durable { DURABLE } else { 0 }, key, bytes)
        });
        let result = self.write(state, first.instance(), records, wanted);
        let mut state = self.state();
        self.judge(&mut state, result.is_err());
        result
    }

    /// Appends what is known of numbers.
    ///
    /// # Errors
    /// [`ForwardError::SpoolFull`] beyond `room`, or [`ForwardError::Io`] if even the reserve is used up or no batch can hold it.
    pub(crate) fn append_account(&self, account: &Account, room: Room) -> Result<(), ForwardError> {
        let Account { instance, losses, lanes } = account;
        let batch =
            JoinedBatch { source: &self.source, instance: *instance, ids: &[], events: &[], losses, lanes };
        let mut payload = Vec::new();
        let encoded = batch.encode_msgpack(&mut payload).map_err(std::io::Error::other);
        encoded.map_err(ForwardError::io("encode an account for", &self.dir))?;
        self.has(room, payload.len() as u64)?;
        let record = (Kind::Account, DURABLE, 0, &payload[..]);
        let wanted = payload.len() + record::OVERHEAD;
        let first = self.write(self.state(), *instance, std::iter::once(record), wanted);
        if !first.as_ref().is_err_and(ForwardError::is_capacity) {
            return first;
        }
        if let Some(reserve) = self.state().reserve.take() {
            reserve.truncate(0).map_err(ForwardError::io("free the reserve of", &self.dir))?;
        }
        self.write(self.state(), *instance, std::iter::once(record), wanted)
    }

    /// Whether an account of so many bytes fits `room`, with a segment that may begin with it.
    fn has(&self, room: Room, payload: u64) -> Result<(), ForwardError> {
        let (bytes, bytes_max) = (self.state().bytes, self.settings.bytes_max);
        let wanted = HEADER + 2 * (payload + record::OVERHEAD as u64);
        let fits = match room {
            Room::Plenty => bytes + wanted <= bytes_max.saturating_sub(self.settings.reserve_bytes) / 2,
            Room::Reserve => bytes + 4 * wanted <= bytes_max,
            Room::Last => bytes + wanted <= bytes_max,
        };
        if fits { Ok(()) } else { Err(ForwardError::SpoolFull { bytes, bytes_max }) }
    }

    fn write<'a>(
        &self,
        state: MutexGuard<'_, State>,
        instance: InstanceId,
        records: impl Iterator<Item = (Kind, u8, u64, &'a [u8])>,
        wanted: usize,
    ) -> Result<(), ForwardError> {
        let mut state = self.room(state, instance, wanted)?;
        let time = self.clock.now().as_nanos();
        let Some(active) = &mut state.active else { return Ok(()) };
        let begin = active.unsynced.len();
        let (mut last, mut events) = (active.last_key, 0);
        for (kind, flags, key, payload) in records {
            let head = Head { kind, flags, key, time, before: last };
            let offset = active.written + (active.unsynced.len() - begin) as u64;
            record::write(&mut active.unsynced, active.place, offset, &head, payload);
            if key != 0 {
                last = key;
            }
            events += u64::from(kind == Kind::Event);
        }
        match append_all(&*active.file, &active.unsynced[begin..]) {
            Ok(()) => {
                let bytes = (active.unsynced.len() - begin) as u64;
                (active.written, active.last_key) = (active.written + bytes, last);
                state.bytes += bytes;
                // Before the lock is given up: who reads them may have their receipt at once.
                state.pending += events;
                if let (Some(segment), Some(active)) = (state.segments.len().checked_sub(1), &state.active) {
                    state.segments[segment].bytes = active.written;
                }
                Ok(())
            }
            Err(cut) => {
                active.unsynced.truncate(begin);
                active.cut_off(cut.written > 0);
                Err(ForwardError::io("write", &self.dir)(cut.source))
            }
        }
    }

    /// Sees to it that the active segment is of `instance`, has room, and does not hold too much unsynced.
    fn room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        instance: InstanceId,
        wanted: usize,
    ) -> Result<MutexGuard<'a, State>, ForwardError> {
        while let Some(active) = &state.active {
            let fits = active.instance == instance
                && !active.torn
                && active.written + wanted as u64 <= self.settings.segment_bytes.max(wanted as u64 + HEADER);
            let clean = active.unsynced.is_empty() && active.named && !state.syncing;
            if fits && (clean || active.unsynced.len() + wanted <= UNSYNCED_BYTES_MAX.max(wanted)) {
                return Ok(state);
            }
            if clean {
                break;
            }
            drop(state);
            self.sync()?;
            state = self.state();
            while state.syncing {
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        let Some(before) = state.active.take() else {
            self.begin_segment(&mut state, instance, Left::default())?;
            return Ok(state);
        };
        let left = Left { segment: before.place.segment, end: before.written };
        let mut made = self.begin_segment(&mut state, instance, left);
        if let (Ok(()), true, Some(active)) = (&made, before.torn, &mut state.active) {
            // Before anything is sent out of the new segment the disk knows where the old one ends.
            let synced = active.file.sync_data().and_then(|()| self.fs.sync_dir(&self.dir));
            active.named = synced.is_ok();
            made = synced.map_err(ForwardError::io("sync", &self.dir));
        }
        if made.is_err() {
            self.go_back_to(&mut state, before);
        }
        made.map(|()| state)
    }

    /// Undoes the beginning of a segment: `before` is written to again, unless the begun one might come back after a power
    /// loss. It says where `before` ended then, and what is appended behind that would count as given up.
    pub(super) fn go_back_to(&self, state: &mut State, mut before: Active) {
        let begun = state.next_number - 1;
        state.active = None;
        if let Some(segment) = state.segments.pop_back_if(|last| last.number == begun) {
            state.bytes = state.bytes.saturating_sub(segment.bytes);
        }
        let gone = match self.fs.unlink(&segment::path(&self.dir, begun)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _gone_or_never_made if planted!("go-on-before-what-was-begun") => Ok(()),
            _gone_or_never_made => self.fs.sync_dir(&self.dir),
        };
        // What is behind a failed sync is written again in any case.
        before.torn |= gone.is_err() && !before.poisoned;
        if let Some(segment) = state.segments.back_mut() {
            segment.bytes = before.written;
        }
        state.active = Some(before);
    }

    pub(super) fn begin_segment(
        &self,
        state: &mut State,
        instance: InstanceId,
        left: Left,
    ) -> Result<(), ForwardError> {
        let number = state.next_number;
        state.next_number += 1;
        let place = Place { spool: self.id, segment: number };
        let path = segment::path(&self.dir, number);
        let file = self.fs.open(&path, OpenHow::CreateNew).map_err(ForwardError::io("make", &path))?;
        let mut bytes = segment::header(place, instance, left, self.clock.now().as_nanos()).to_vec();
        let batch =
            JoinedBatch { source: &self.source, instance, ids: &[], events: &[], losses: &[], lanes: &[] };
        let mut payload = Vec::new();
        if batch.encode_msgpack(&mut payload).is_ok() {
            let (time, before) = (left.segment as i64, left.end);
            let head = Head { kind: Kind::Source, flags: DURABLE, key: 0, time, before };
            record::write(&mut bytes, place, HEADER, &head, &payload);
        }
        if let Err(cut) = append_all(&*file, &bytes) {
            let _nothing_is_in_it = self.fs.unlink(&path);
            return Err(ForwardError::io("write", &path)(cut.source));
        }
        let written = bytes.len() as u64;
        state.bytes += written;
        state.segments.push_back(Segment { number, bytes: written, instance: Some(instance) });
        state.active = Some(Active {
            place,
            instance,
            file: Arc::from(file),
            written,
            last_key: 0,
            named: false,
            unsynced: Vec::new(),
            synced: written,
            torn: false,
            poisoned: false,
        });
        Ok(())
    }
}

/// A write that failed, perhaps after a part.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) written: usize,
    pub(super) source: std::io::Error,
}

/// Appends all of `bytes`, in as many calls as it takes.
pub(super) fn append_all(file: &dyn FsFile, bytes: &[u8]) -> Result<(), Cut> {
    let mut written = 0;
    while written < bytes.len() {
        match file.append(&bytes[written..]) {
            Ok(0) => return Err(Cut { written, source: std::io::ErrorKind::StorageFull.into() }),
            Ok(_) if planted!("take-a-short-write-as-whole") => return Ok(()),
            Ok(more) => written += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Cut { written, source }),
        }
    }
    Ok(())
}
