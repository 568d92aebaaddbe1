//! Reads a spool from its cursor on, into what one parcel takes; what is damaged or expired goes along as losses.

use veribus_core::codec::Batch;
use veribus_core::event::limits::BATCH_LOSSES_MAX;
use veribus_core::fs::{FsFile, OpenHow};
use veribus_core::{EventId, InstanceId, LaneMark, LossReason, LossRecord, Source, Timestamp, planted};

use super::cursor::Position;
use super::error::ForwardError;
use super::record::{DURABLE, Head, Kind, Place};
use super::segment::{self, BEGIN_BYTES, HEADER, Header, Step, Walk};
use super::spool::Spool;

/// Bytes read ahead, at most; more are read when less than half is left.
const WINDOW: u64 = 1 << 20;
/// What is tried until something whole is there: so many bytes from here on, of which so many read ahead are enough. The
/// second try is for a record that the end of what was read ahead cuts off, the third for one record, or damage, that is
/// longer than a window.
const TRIES: [(u64, u64); 3] = [(WINDOW, WINDOW / 2), (WINDOW, WINDOW), (u64::MAX, u64::MAX)];

/// What one parcel takes.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) instance: InstanceId,
    pub(crate) source: Source,
    pub(crate) ids: Vec<EventId>,
    pub(crate) events: Vec<u8>,
    /// Where each event ends in `events`.
    pub(crate) ends: Vec<usize>,
    pub(crate) losses: Vec<LossRecord>,
    pub(crate) lanes: Vec<LaneMark>,
    /// The cursor once it is receipted.
    pub(crate) end: Position,
    /// Events that then leave the spool.
    pub(crate) covered: u64,
}

impl Chunk {
    pub(crate) fn empty(instance: InstanceId, source: Source) -> Self {
        Chunk {
            instance,
            source,
            ids: Vec::new(),
            events: Vec::new(),
            ends: Vec::new(),
            losses: Vec::new(),
            lanes: Vec::new(),
            end: Position::default(),
            covered: 0,
        }
    }

    /// Its two halves; the second frees what both held.
    pub(crate) fn halves(self) -> (Chunk, Chunk) {
        let Chunk { instance, source, mut ids, mut events, mut ends, losses, lanes, end, covered } = self;
        let middle = ids.len() / 2;
        let cut = middle.checked_sub(1).map_or(0, |last| ends[last]);
        let mut second = Chunk::empty(instance, source.clone());
        (second.ids, second.events) = (ids.split_off(middle), events.split_off(cut));
        second.ends = ends.split_off(middle).into_iter().map(|end| end - cut).collect();
        (second.end, second.covered) = (end, covered);
        let first = Chunk { ids, events, ends, losses, lanes, ..Chunk::empty(instance, source) };
        (first, second)
    }

    /// Adds the events of `more`, of the same instance, behind these.
    pub(crate) fn join(&mut self, more: Chunk) {
        let begin = self.events.len();
        self.ids.extend(more.ids);
        self.events.extend(more.events);
        self.ends.extend(more.ends.into_iter().map(|end| end + begin));
        self.covered += more.covered;
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.losses.is_empty() && self.lanes.is_empty()
    }
}

/// Bytes of a segment that were read and not all handed out; what stands in a segment below its end never changes.
#[derive(Debug, Default)]
struct Ahead {
    /// Where `bytes` begin in the segment.
    begin: u64,
    bytes: Vec<u8>,
}

impl Ahead {
    /// The bytes from `offset` on.
    fn from(&self, offset: u64) -> &[u8] {
        let skip = offset.checked_sub(self.begin).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.bytes.get(skip..)).unwrap_or_default()
    }

    /// Reads on, so that `offset` to `to` is there, or as much as `file` has; what is before goes.
    fn read(&mut self, file: &dyn FsFile, offset: u64, to: u64) -> std::io::Result<()> {
        let kept = self.from(offset).len();
        self.bytes.drain(..self.bytes.len() - kept);
        self.begin = offset;
        segment::read_on(file, offset, to, &mut self.bytes)
    }
}

/// Where a reader stands in a spool.
#[derive(Debug)]
pub(crate) struct Reader {
    at: Position,
    last_key: u64,
    instance: Option<InstanceId>,
    source: Source,
    file: Option<(u64, Box<dyn FsFile>)>,
    ahead: Ahead,
    /// Whether `ahead` stays between two calls. Spools left behind may be many, and wait long for their receipts.
    keeps_ahead: bool,
    /// Whether accounts are passed on; a live spool's go ahead of its events.
    with_accounts: bool,
    /// Bytes that were no record.
    pub(crate) damaged_bytes: u64,
}

impl Reader {
    pub(crate) fn new(spool: &Spool, with_accounts: bool) -> Self {
        Reader {
            at: spool.cursor(),
            last_key: 0,
            instance: None,
            source: spool.source().clone(),
            file: None,
            ahead: Ahead::default(),
            keeps_ahead: !with_accounts,
            with_accounts: with_accounts && !planted!("forget-old-losses"),
            damaged_bytes: 0,
        }
    }

    /// How far it has read.
    pub(crate) fn position(&self) -> Position {
        self.at
    }

    /// Whether everything in the spool was handed out.
    pub(crate) fn is_at_end(&self, spool: &Spool) -> bool {
        let state = spool.state();
        let is_read =
            |last: &super::spool::Segment| self.at >= Position { segment: last.number, offset: last.bytes };
        state.segments.back().is_none_or(is_read)
    }

    /// The next chunk of at most so many events and about so many bytes; `None` if nothing new is there.
    ///
    /// # Errors
    /// [`ForwardError::Io`]; the same chunk is tried again by the next call.
    pub(crate) fn next(
        &mut self,
        spool: &Spool,
        events_max: usize,
        bytes_max: usize,
    ) -> Result<Option<Chunk>, ForwardError> {
        loop {
            let Some(limit) = self.limit(spool) else { return Ok(None) };
            if self.file.as_ref().is_none_or(|(open, _)| *open != self.at.segment) {
                self.open(spool)?;
                continue;
            }
            let before = self.at;
            let mut chunk = None;
            for (window, enough) in TRIES {
                let ahead = self.read_ahead(spool, limit, window, enough)?;
                chunk = self.window(spool, limit, ahead, events_max, bytes_max);
                if chunk.is_some() || self.at != before {
                    break;
                }
            }
            if let Some(chunk) = chunk.filter(|chunk| !chunk.is_empty() || chunk.covered > 0) {
                return Ok(Some(chunk));
            }
            if self.at == before {
                return Ok(None);
            }
        }
    }

    /// To where the segment that this stands in can be read; goes to the next one where it is read to its end.
    fn limit(&mut self, spool: &Spool) -> Option<u64> {
        let state = spool.state();
        loop {
            let at = state.segments.iter().position(|segment| segment.number >= self.at.segment)?;
            let found = &state.segments[at];
            if found.number > self.at.segment {
                self.go_to(found);
            }
            self.instance = self.instance.or(found.instance);
            if self.at.offset < found.bytes {
                return Some(found.bytes);
            }
            self.go_to(state.segments.get(at + 1)?);
        }
    }

    /// Whose events a segment holds it says itself, or nobody knows.
    fn go_to(&mut self, segment: &super::spool::Segment) {
        self.at = Position { segment: segment.number, offset: 0 };
        (self.last_key, self.instance) = (0, segment.instance);
    }

    fn open(&mut self, spool: &Spool) -> Result<(), ForwardError> {
        let place = Place { spool: spool.id, segment: self.at.segment };
        let path = spool.segment_path(place.segment);
        let file = spool.fs.open(&path, OpenHow::Read).map_err(ForwardError::io("open", &path))?;
        let begin = segment::read_range(&*file, 0, BEGIN_BYTES).map_err(ForwardError::io("read", &path))?;
        if let Header::Sound(instance, _) = segment::read_header(&begin, place) {
            self.instance = Some(instance);
        }
        // A cursor may point behind the record that says whose events these are.
        if let Some((_, payload)) = segment::source(&begin, place) {
            self.source_record(payload);
        }
        self.at.offset = self.at.offset.max(HEADER);
        (self.file, self.ahead) = (Some((place.segment, file)), Ahead::default());
        Ok(())
    }

    /// The bytes from here on, and to where they should be: `window` of them, or up to `limit`, or as many as were read
    /// ahead if that are `enough`.
    fn read_ahead(
        &mut self,
        spool: &Spool,
        limit: u64,
        window: u64,
        enough: u64,
    ) -> Result<(Ahead, u64), ForwardError> {
        let mut ahead = std::mem::take(&mut self.ahead);
        let from = self.at.offset;
        let (there, to) = (ahead.from(from).len() as u64, from.saturating_add(window).min(limit));
        if there >= enough {
            return Ok((ahead, to.min(from + there)));
        }
        let Some((_, file)) = &self.file else { return Ok((ahead, to)) };
        let path = spool.segment_path(self.at.segment);
        ahead.read(&**file, from, to).map_err(ForwardError::io("read", &path))?;
        Ok((ahead, to))
    }

    fn window(
        &mut self,
        spool: &Spool,
        limit: u64,
        (ahead, to): (Ahead, u64),
        events_max: usize,
        bytes_max: usize,
    ) -> Option<Chunk> {
        let bytes = ahead.from(self.at.offset);
        let bytes = &bytes[..bytes.len().min(usize::try_from(to - self.at.offset).unwrap_or(usize::MAX))];
        let place = Place { spool: spool.id, segment: self.at.segment };
        let mut chunk: Option<Chunk> = None;
        let mut walk = Walk::new(bytes, place, self.at.offset, self.last_key);
        while let Some(step) = walk.next() {
            // A record that the window cuts off is read whole by the next.
            if to < limit && matches!(step, Step::Damage { to: end, .. } if end == to) {
                break;
            }
            // What an account says comes after nothing: together they may be more than a batch can say.
            let is_account = matches!(&step, Step::Record { head, .. } if head.kind == Kind::Account);
            let says = |chunk: &Chunk| !chunk.losses.is_empty() || !chunk.lanes.is_empty();
            if is_account && self.with_accounts && chunk.as_ref().is_some_and(says) {
                break;
            }
            self.at.offset = walk.offset();
            self.last_key = walk.last_key();
            if let Step::Record { head, payload } = &step
                && head.kind == Kind::Source
            {
                self.source_record(payload);
                continue;
            }
            let Some(instance) = self.instance else {
                self.count_damage(&step);
                continue;
            };
            let chunk = chunk.get_or_insert_with(|| self.chunk(instance));
            match step {
                Step::Record { head, payload } => self.record(spool, chunk, &head, payload),
                Step::Damage { from, to, named } => {
                    self.damaged_bytes += to - from;
                    chunk.covered += u64::from(named.is_some());
                    let now = spool.now();
                    chunk.losses.extend(named.map(|key| loss(key, LossReason::SpoolCorrupt, now)));
                }
            }
            chunk.end = self.at;
            if chunk.ids.len() >= events_max
                || chunk.events.len() >= bytes_max
                || chunk.losses.len() + chunk.lanes.len() >= BATCH_LOSSES_MAX / 2
            {
                break;
            }
        }
        if self.at.offset < to && bytes.len() as u64 + self.at.offset < to {
            // The file is shorter than it was: what is gone is gone.
            self.at.offset = self.at.offset.max(limit);
        }
        if self.keeps_ahead && ahead.bytes.capacity() as u64 <= 2 * WINDOW {
            self.ahead = ahead;
        }
        chunk
    }

    fn count_damage(&mut self, step: &Step<'_>) {
        self.damaged_bytes += match step {
            Step::Damage { from, to, .. } => to - from,
            Step::Record { payload, .. } => payload.len() as u64,
        };
    }

    fn chunk(&self, instance: InstanceId) -> Chunk {
        let source = self.source.clone();
        Chunk { end: self.at, ..Chunk::empty(instance, source) }
    }

    fn source_record(&mut self, payload: &[u8]) {
        if let Ok(batch) = Batch::decode_msgpack(payload) {
            self.source = batch.source;
            self.instance = batch.instance.or(self.instance);
        }
        if planted!("send-as-somebody-else") {
            self.instance =
                self.instance.map(|instance| InstanceId(instance.0 ^ u64::from(self.with_accounts)));
        }
    }

    fn record(&mut self, spool: &Spool, chunk: &mut Chunk, head: &Head, payload: &[u8]) {
        match head.kind {
            Kind::Event if head.flags & DURABLE == 0 && spool.is_expired(head.time) => {
                let at = Timestamp::from_nanos(head.time);
                chunk.losses.push(loss(head.key, LossReason::Expired, at));
                chunk.covered += 1;
            }
            Kind::Event => {
                chunk.ids.push(id(chunk.instance, head.key));
                chunk.events.extend_from_slice(payload);
                chunk.ends.push(chunk.events.len());
                chunk.covered += 1;
            }
            Kind::Account if self.with_accounts => {
                if let Ok(batch) = Batch::decode_msgpack(payload) {
                    chunk.losses.extend(batch.losses);
                    chunk.lanes.extend(batch.lanes);
                }
            }
            Kind::Account | Kind::Source => {}
        }
    }
}

fn id(instance: InstanceId, key: u64) -> EventId {
    EventId::new(instance, (key >> 48) as u16, key & EventId::SEQ_MAX)
}

/// One event that was lost.
pub(crate) fn loss(key: u64, reason: LossReason, at: Timestamp) -> LossRecord {
    LossRecord::of((key >> 48) as u16, key & EventId::SEQ_MAX, reason, at)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use veribus_core::{SystemClock, SystemRng};

    use super::super::disk::Disk;
    use super::super::settings::SpoolSettings;
    use super::super::spool::Encoded;
    use super::*;

    /// A file that remembers the most that was asked of it at once.
    #[derive(Debug)]
    struct Asked(Box<dyn FsFile>, Arc<AtomicUsize>);

    impl FsFile for Asked {
        fn append(&self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.append(bytes)
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
            self.1.fetch_max(into.len(), Ordering::SeqCst);
            self.0.read_at(offset, into)
        }
        fn sync_data(&self) -> std::io::Result<()> {
            self.0.sync_data()
        }
        fn truncate(&self, bytes: u64) -> std::io::Result<()> {
            self.0.truncate(bytes)
        }
        fn allocate(&self, bytes: u64) -> std::io::Result<()> {
            self.0.allocate(bytes)
        }
        fn bytes(&self) -> std::io::Result<u64> {
            self.0.bytes()
        }
    }

    /// One segment with an event of each of these sizes, in KiB.
    fn spool(root: &Path, sizes: &[usize]) -> Spool {
        let settings = SpoolSettings { reserve_bytes: 4096, ..SpoolSettings::new(root) };
        let (fs, clock) = (Arc::new(Disk), Arc::new(SystemClock));
        let spool = Spool::create(settings, Source::new("orders"), fs, clock, &SystemRng).expect("a spool");
        for (size, seq) in sizes.iter().zip(1..) {
            let bytes = vec![seq as u8; size * 1024];
            let (ids, ends) = (vec![EventId::new(InstanceId(42), 1, seq)], vec![bytes.len()]);
            spool.append(&Encoded { ids, durable: vec![true], ends, bytes }).expect("appends");
        }
        assert_eq!(spool.state().segments.len(), 1);
        spool
    }

    fn sizes(mut reader: Reader, spool: &Spool) -> Vec<usize> {
        let mut next = || reader.next(spool, 1, 1 << 20).expect("readable");
        std::iter::from_fn(&mut next).map(|chunk| chunk.events.len() / 1024).collect()
    }

    #[test]
    fn a_record_that_a_window_cuts_off_takes_one_window_more() {
        let root = tempfile::tempdir().expect("a folder");
        let all = [400, 700, 600, 450, 1000, 300, 700, 100];
        let spool = spool(root.path(), &all);
        for with_accounts in [false, true] {
            let asked = Arc::new(AtomicUsize::new(0));
            let mut reader = Reader::new(&spool, with_accounts);
            reader.limit(&spool).expect("something to read");
            reader.open(&spool).expect("opens");
            let (segment, file) = reader.file.take().expect("a file");
            reader.file = Some((segment, Box::new(Asked(file, asked.clone()))));
            assert_eq!(sizes(reader, &spool), all);
            assert!(asked.load(Ordering::SeqCst) as u64 <= WINDOW, "{asked:?}");
        }
    }

    #[test]
    fn a_record_longer_than_a_window_is_read_whole() {
        let root = tempfile::tempdir().expect("a folder");
        let all = [100, 1024, 50, 1060, 10];
        let spool = spool(root.path(), &all);
        for with_accounts in [false, true] {
            assert_eq!(sizes(Reader::new(&spool, with_accounts), &spool), all);
        }
    }

    #[test]
    fn nothing_stays_in_memory_of_a_spool_left_behind() {
        let root = tempfile::tempdir().expect("a folder");
        let spool = spool(root.path(), &[10; 200]);
        for (with_accounts, kept) in [(true, false), (false, true)] {
            let mut reader = Reader::new(&spool, with_accounts);
            reader.next(&spool, 1, 1 << 20).expect("readable").expect("a chunk");
            assert_eq!(reader.ahead.bytes.capacity() > 0, kept);
        }
    }
}
