//! Appends lines to the open segment, and keeps exact what is on the disk: all of a chunk, or none of it.
//!
//! The states in which an error leaves it, and how it gets on from there (each before the next line):
//! - a chunk was written in part: the file is cut back to where the chunk began, and only then written again;
//! - a sync failed: what the kernel did with those pages is unknown, so this file is never synced again; the next
//!   segment's first line states from which line on the old one may be incomplete;
//! - a rotation stopped half-way: the new file, and its first line, are made when they can be.

use std::fs;
use std::io;

use veribus_core::codec::json_string;
use veribus_core::{Timestamp, VerificationEvent};

use super::builder::AuditBuilder;
use super::chain::{Chain, Kind, Mark};
use super::digest::LogId;
use super::error::AuditError;
use super::head::Head;
use super::opening::{boot_id, set_aside};
use super::paths::Paths;
use super::status::AuditWatch;
use super::storage::{SegmentFile, place_of};
use super::walk::SegmentEnd;

/// Lines are written when this many bytes are waiting, and at the end of each batch.
const CHUNK_BYTES: usize = 64 << 10;
/// Room for one typical event more than a chunk, so that the buffer is allocated once.
const BUFFER_BYTES: usize = CHUNK_BYTES + (16 << 10);

/// The open segment; `file` is `None` between two segments.
#[derive(Debug)]
struct Segment {
    file: Option<Box<dyn SegmentFile>>,
    first: u64,
    /// Bytes of whole lines in it.
    bytes: u64,
    started: Timestamp,
    /// More than `bytes` may be there, of a chunk that failed; it is cut off before anything else.
    torn: bool,
    /// A sync failed: it is closed as it is.
    poisoned: bool,
}

#[derive(Debug)]
pub(crate) struct Writer {
    settings: AuditBuilder,
    paths: Paths,
    chain: Chain,
    segment: Segment,
    /// What the first line of the next segment says beyond its kind.
    first_fields: String,
    buffer: Vec<u8>,
    /// Lines on the disk for sure, and in the head.
    synced: u64,
    headed: Option<Mark>,
    events: u64,
    watch: AuditWatch,
}

impl Writer {
    /// A writer that has yet to write the first line of its first segment, or to continue `end`.
    ///
    /// # Errors
    /// [`AuditError::Io`] if the segment to continue cannot be opened.
    pub(crate) fn new(
        settings: AuditBuilder,
        log: LogId,
        mark: Mark,
        end: Option<SegmentEnd>,
    ) -> Result<Writer, AuditError> {
        let paths = Paths::new(&settings.path);
        let mut segment = Segment {
            file: None,
            first: mark.next,
            bytes: 0,
            started: settings.clock.now(),
            torn: false,
            poisoned: false,
        };
        if let Some(end) = end {
            let file =
                settings.storage.open(&paths.log, false).map_err(AuditError::io("open", &paths.log))?;
            segment.torn = file.place().map_err(AuditError::io("open", &paths.log))?.bytes != end.bytes;
            segment.file = Some(file);
            (segment.first, segment.bytes) = (end.first, end.bytes);
            segment.started = end.started.unwrap_or(segment.started);
        }
        let watch = AuditWatch::new(log);
        watch.update(|status| (status.lines, status.head) = (mark.next, mark.head));
        Ok(Writer {
            chain: Chain::new(log, mark),
            paths,
            segment,
            first_fields: String::new(),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            synced: mark.next,
            headed: None,
            events: 0,
            watch,
            settings,
        })
    }

    pub(crate) fn watch(&self) -> AuditWatch {
        self.watch.clone()
    }

    pub(crate) fn log(&self) -> LogId {
        self.chain.log()
    }

    /// Adds to the first line of the next segment; JSON that begins with a comma.
    pub(crate) fn add_first_fields(&mut self, fields: &str) {
        self.first_fields.push_str(fields);
    }

    /// Writes a line about the log itself.
    ///
    /// # Errors
    /// [`AuditError::Io`]; the line is then not there.
    pub(crate) fn line(&mut self, kind: Kind, fields: &str) -> Result<(), AuditError> {
        self.ready()?;
        self.write_line(kind, fields)
    }

    /// Writes a batch. The error tells how many events from its front are in the file.
    pub(crate) fn events(
        &mut self,
        batch: &[impl AsRef<VerificationEvent>],
    ) -> Result<(), (usize, AuditError)> {
        let mut done = 0;
        while done < batch.len() {
            self.ready().map_err(|error| (done, error))?;
            let mark = self.begin();
            let mut end = done;
            while end < batch.len() && self.buffer.len() < CHUNK_BYTES {
                self.chain.push_event(batch[end].as_ref(), &mut self.buffer);
                end += 1;
            }
            self.write(mark).map_err(|error| (done, error))?;
            self.events += (end - done) as u64;
            done = end;
        }
        let (mark, events) = (self.chain.mark(), self.events);
        self.watch.update(|status| {
            (status.lines, status.head, status.events) = (mark.next, mark.head, events);
        });
        Ok(())
    }

    /// Brings what was written to the disk (if the policy says so) and rewrites the head.
    ///
    /// # Errors
    /// [`AuditError::Io`]. After a failed sync of the segment, the lines since the last good sync are in doubt; the
    /// first line of the next segment says so.
    pub(crate) fn sync(&mut self) -> Result<(), AuditError> {
        self.ready()?;
        if self.headed != Some(self.chain.mark()) {
            self.sync_segment()?;
        }
        let synced = self.chain.mark();
        self.notice_outsiders()?;
        if self.chain.mark() != synced {
            self.sync_segment()?;
        }
        if self.headed != Some(self.chain.mark()) { self.write_head() } else { Ok(()) }
    }

    /// The last line, and the last sync.
    pub(crate) fn close(&mut self) -> Result<(), AuditError> {
        self.line(Kind::Close, "")?;
        self.sync()
    }

    fn sync_segment(&mut self) -> Result<(), AuditError> {
        let Some(file) = self.segment.file.as_mut().filter(|_| self.settings.sync.syncs()) else {
            self.synced = self.chain.mark().next;
            return Ok(());
        };
        if let Err(source) = file.sync() {
            self.segment.poisoned = true;
            let from = self.synced;
            self.incident(&format!("a sync failed; lines from {from} on are in doubt"));
            self.add_first_fields(&format!(",\"cause\":\"sync_failed\",\"unsynced_from\":{from}"));
            return Err(AuditError::io("sync", &self.paths.log)(source));
        }
        self.synced = self.chain.mark().next;
        Ok(())
    }

    fn write_head(&mut self) -> Result<(), AuditError> {
        let mark = self.chain.mark();
        let head = Head {
            log: self.chain.log(),
            lines: mark.next,
            head: mark.head,
            segment: self.segment.first,
            bytes: self.segment.bytes,
        };
        let text = head.to_json(self.settings.clock.now());
        let (path, through) = (self.paths.head(), self.paths.head_new());
        let sync = self.settings.sync.syncs();
        let written = self.settings.storage.replace(&path, &through, text.as_bytes(), sync);
        written.map_err(AuditError::io("write", &path))?;
        self.headed = Some(mark);
        self.watch.update(|status| {
            (status.lines, status.head, status.synced_lines) = (mark.next, mark.head, mark.next);
        });
        Ok(())
    }

    /// Makes the open segment one that a line can be appended to.
    fn ready(&mut self) -> Result<(), AuditError> {
        if self.segment.torn {
            self.cut_back()?;
        }
        if self.segment.file.is_some() && (self.segment.poisoned || self.is_rotation_due()) {
            self.close_segment()?;
        }
        if self.segment.file.is_none() {
            self.create_segment()?;
        }
        if self.segment.bytes == 0 {
            self.write_first_line()?;
        }
        Ok(())
    }

    fn cut_back(&mut self) -> Result<(), AuditError> {
        let Segment { file, bytes, torn, .. } = &mut self.segment;
        if let Some(file) = file {
            file.cut(*bytes).map_err(AuditError::io("cut", &self.paths.log))?;
        }
        *torn = false;
        Ok(())
    }

    fn is_rotation_due(&self) -> bool {
        let segment = &self.segment;
        let old = |age| self.settings.clock.now().saturating_since(segment.started) >= age;
        // A segment that holds nothing but its first line is never closed.
        let has_lines = self.chain.mark().next > segment.first + 1;
        has_lines
            && (segment.bytes >= self.settings.segment_bytes || self.settings.segment_age.is_some_and(old))
    }

    /// Gives the open segment its final name. A poisoned one is left as it is.
    fn close_segment(&mut self) -> Result<(), AuditError> {
        if !self.segment.poisoned {
            self.sync_segment()?;
            self.write_head()?;
        }
        let closed = self.paths.closed(self.segment.first);
        self.clear(&closed)?;
        fs::rename(&self.paths.log, &closed).map_err(AuditError::io("rename", &self.paths.log))?;
        self.segment.file = None;
        self.watch.update(|status| status.rotations += 1);
        Ok(())
    }

    fn create_segment(&mut self) -> Result<(), AuditError> {
        self.clear(&self.paths.log)?;
        let storage = &self.settings.storage;
        let file = storage.open(&self.paths.log, true).map_err(AuditError::io("create", &self.paths.log))?;
        if self.settings.sync.syncs() {
            let folder = self.paths.folder();
            storage.sync_folder(folder).map_err(AuditError::io("sync", folder))?;
        }
        self.segment = Segment {
            file: Some(file),
            first: self.chain.mark().next,
            bytes: 0,
            started: self.settings.clock.now(),
            torn: false,
            poisoned: false,
        };
        Ok(())
    }

    /// Moves away what stands where a segment belongs and is none of ours.
    fn clear(&self, path: &std::path::Path) -> Result<(), AuditError> {
        match place_of(path).map_err(AuditError::io("look at", path))? {
            Some(place) if place.bytes > 0 || path != self.paths.log => {
                fs::rename(path, self.paths.stray()).map_err(AuditError::io("set aside", path))
            }
            Some(_) => fs::remove_file(path).map_err(AuditError::io("replace", path)),
            None => Ok(()),
        }
    }

    fn write_first_line(&mut self) -> Result<(), AuditError> {
        let kind = if self.chain.mark().next == 0 { Kind::Genesis } else { Kind::Rotate };
        let fields = format!("{}{}", self.process_fields(), self.first_fields);
        self.write_line(kind, &fields)?;
        self.first_fields.clear();
        if kind == Kind::Rotate { self.retain() } else { Ok(()) }
    }

    /// Deletes closed segments beyond the number to keep, after a line that says so is on the disk.
    fn retain(&mut self) -> Result<(), AuditError> {
        let Some(keep) = self.settings.keep_segments else { return Ok(()) };
        let mut segments = self.paths.segments().map_err(AuditError::io("list", self.paths.folder()))?;
        segments.retain(|segment| segment.first.is_some());
        let excess = segments.len().saturating_sub(keep);
        if excess == 0 {
            return Ok(());
        }
        let boundary = match segments.get(excess) {
            Some(segment) => super::opening::first_mark(&segment.path),
            None => super::opening::first_mark(&self.paths.log),
        };
        // A segment that does not say where it begins is no boundary: keep it all and let `verify` name it.
        let Some(boundary) = boundary.map_err(AuditError::io("read", &self.paths.log))? else {
            return Ok(());
        };
        let fields =
            format!(",\"removed_before\":{},\"head\":\"{}\",\"keep\":{keep}", boundary.next, boundary.head);
        self.write_line(Kind::Retention, &fields)?;
        self.sync_segment()?;
        self.write_head()?;
        for segment in &segments[..excess] {
            fs::remove_file(&segment.path).map_err(AuditError::io("remove", &segment.path))?;
        }
        Ok(())
    }

    /// Which process writes.
    pub(crate) fn process_fields(&self) -> String {
        let boot = boot_id().map(|id| format!(",\"boot\":\"{id}\"")).unwrap_or_default();
        format!(",\"pid\":{}{boot}", std::process::id())
    }

    /// Looks whether the path still leads to the open file, and whether somebody else changed its length.
    fn notice_outsiders(&mut self) -> Result<(), AuditError> {
        let Some(file) = &self.segment.file else { return Ok(()) };
        let ours = file.place().map_err(AuditError::io("look at", &self.paths.log))?;
        if ours.bytes != self.segment.bytes {
            let (found, expected) = (ours.bytes, self.segment.bytes);
            return self.start_over(&format!("{found} bytes long where {expected} were written"));
        }
        let there = place_of(&self.paths.log).map_err(AuditError::io("look at", &self.paths.log))?;
        if there.is_some_and(|there| (there.device, there.inode) == (ours.device, ours.inode)) {
            return Ok(());
        }
        let what = if there.is_some() { "replaced" } else { "moved or deleted" };
        self.incident(&format!("the open segment was {what} by somebody else"));
        self.segment.file = None;
        self.add_first_fields(",\"cause\":\"moved\"");
        self.ready()
    }

    /// Sets the altered log aside and begins a new one that names its head.
    fn start_over(&mut self, why: &str) -> Result<(), AuditError> {
        let kept = set_aside(&self.paths)?;
        self.incident(&format!(
            "the log was altered while it was open ({why}); kept in `{}`",
            kept.display()
        ));
        let mark = self.chain.mark();
        let fields = replaces_fields(why, &kept, Some((self.chain.log(), mark)));
        self.chain = Chain::new(LogId::random(), Mark::START);
        self.segment.file = None;
        (self.synced, self.headed) = (0, None);
        self.first_fields = fields;
        let log = self.chain.log();
        self.watch.update(|status| status.log = log);
        self.ready()
    }

    fn incident(&self, what: &str) {
        self.watch.update(|status| {
            status.incidents += 1;
            status.last_incident = Some(what.to_owned());
        });
    }

    fn begin(&mut self) -> Mark {
        self.buffer.clear();
        self.chain.stamp(&*self.settings.clock);
        self.chain.mark()
    }

    fn write_line(&mut self, kind: Kind, fields: &str) -> Result<(), AuditError> {
        let mark = self.begin();
        self.chain.push_kind(kind, fields, &mut self.buffer);
        self.write(mark)
    }

    /// Writes the buffer, or takes its lines back to `mark`.
    fn write(&mut self, mark: Mark) -> Result<(), AuditError> {
        let written = append_all(&mut self.segment, &self.buffer);
        if self.buffer.capacity() > 4 * BUFFER_BYTES {
            self.buffer = Vec::with_capacity(BUFFER_BYTES);
        }
        written.map_err(|source| {
            self.chain.rewind(mark);
            // Now if it can be, else before the next line.
            let _later = self.cut_back();
            AuditError::io("append to", &self.paths.log)(source)
        })
    }
}

fn append_all(segment: &mut Segment, mut bytes: &[u8]) -> io::Result<()> {
    let file = segment.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
    let total = bytes.len() as u64;
    while !bytes.is_empty() {
        match file.append(bytes) {
            Ok(0) => {
                segment.torn = true;
                return Err(io::ErrorKind::WriteZero.into());
            }
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                segment.torn = true;
                return Err(error);
            }
        }
    }
    segment.bytes += total;
    Ok(())
}

/// What the first line of a new log says about the one that it stands in for.
pub(crate) fn replaces_fields(why: &str, kept: &std::path::Path, old: Option<(LogId, Mark)>) -> String {
    let mut fields = b",\"replaces\":{\"why\":".to_vec();
    json_string(why, &mut fields);
    fields.extend_from_slice(b",\"kept\":");
    json_string(&kept.to_string_lossy(), &mut fields);
    if let Some((log, Mark { next, head })) = old {
        let old = format!(",\"log\":\"{log}\",\"lines\":{next},\"head\":\"{head}\"");
        fields.extend_from_slice(old.as_bytes());
    }
    fields.push(b'}');
    String::from_utf8(fields).expect("made of text alone")
}
