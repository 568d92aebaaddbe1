//! What is there when a log is opened, and what has to be done about it. Damage never stops the start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::chain::Mark;
use super::digest::LogId;
use super::envelope::Envelope;
use super::error::AuditError;
use super::head::{Anchor, Head};
use super::paths::{Paths, SegmentPath};
use super::storage::{create_private, create_private_folder};
use super::walk::{CrashTail, SegmentEnd, Walk, Walked};

/// What [`examine`] found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) head: Option<Head>,
    pub(crate) anchor: Anchor,
}

#[derive(Debug)]
pub(crate) enum State {
    /// Nothing, or an empty file, or a first line that was never finished.
    Fresh { tail: Option<CrashTail> },
    /// A log that can go on behind `mark`.
    Good { log: LogId, mark: Mark, end: Option<SegmentEnd>, tail: Option<CrashTail> },
    /// A log that was altered.
    Altered { why: String },
}

/// Reads the part of the log that the head does not cover, and enough before it to compare the head: the
/// segment that the head names and those after it.
///
/// # Errors
/// [`AuditError::Io`], [`AuditError::NotAFile`]. Damage is a [`State`].
pub(crate) fn examine(paths: &Paths) -> Result<Found, AuditError> {
    let head_path = paths.head();
    let (head, anchor) = Head::read(&head_path).map_err(AuditError::io("read", &head_path))?;
    let all = paths.segments().map_err(AuditError::io("list", paths.folder()))?;
    refuse_what_is_no_file(&all)?;
    let segments = &all[first_to_read(&all, head)..];
    let walked = Walk::new(&paths.log, segments, head).run()?;
    let state = judge(segments, walked);
    Ok(Found { state, head, anchor })
}

fn refuse_what_is_no_file(segments: &[SegmentPath]) -> Result<(), AuditError> {
    for segment in segments {
        let path = &segment.path;
        let kind = fs::symlink_metadata(path).map_err(AuditError::io("open", path))?.file_type();
        if !kind.is_file() {
            return Err(AuditError::NotAFile { path: path.clone() });
        }
    }
    Ok(())
}

fn first_to_read(segments: &[SegmentPath], head: Option<Head>) -> usize {
    let last = segments.len().saturating_sub(1);
    match head {
        Some(head) => segments.iter().position(|s| s.first == Some(head.segment)).unwrap_or(last),
        // Without a head the last closed segment says where the open one begins.
        None => segments.len().saturating_sub(2),
    }
}

fn judge(segments: &[SegmentPath], walked: Walked) -> State {
    if let Some(bad) = walked.first_bad {
        let why = format!("line {} of `{}`: {}", bad.line, bad.segment.display(), bad.problem);
        return State::Altered { why };
    }
    let open_is_there = segments.last().is_some_and(|segment| segment.first.is_none());
    match (walked.log, walked.mark) {
        (Some(log), Some(mark)) => {
            State::Good { log, mark, end: walked.end.filter(|_| open_is_there), tail: walked.tail }
        }
        _ => State::Fresh { tail: walked.tail },
    }
}

/// A crash tail that was moved out of the log.
#[derive(Debug)]
pub(crate) struct Quarantined {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// Hexadecimal SHA-256 of the bytes, as `sha256sum` prints it.
    pub(crate) sha256: String,
}

/// Moves `tail` into `quarantine/`: copied and synced there first, then cut off the log.
///
/// # Errors
/// [`AuditError::Io`].
pub(crate) fn quarantine(paths: &Paths, tail: &CrashTail, index: u64) -> Result<Quarantined, AuditError> {
    let folder = paths.quarantine();
    create_private_folder(&folder).map_err(AuditError::io("create", &folder))?;
    let (bytes, sha256) = hash_tail(tail).map_err(AuditError::io("read", &tail.segment))?;
    let path = paths.quarantined(index, &sha256);
    let copy = || -> io::Result<()> {
        let mut file = create_private(&path)?;
        io::copy(&mut tail_reader(tail)?, &mut file)?;
        file.sync_data()
    };
    copy().map_err(AuditError::io("write", &path))?;
    let cut = || OpenOptions::new().write(true).open(&tail.segment)?.set_len(tail.offset);
    cut().map_err(AuditError::io("cut", &tail.segment))?;
    Ok(Quarantined { path, bytes, sha256 })
}

fn tail_reader(tail: &CrashTail) -> io::Result<io::Take<File>> {
    let mut file = File::open(&tail.segment)?;
    file.seek(SeekFrom::Start(tail.offset))?;
    Ok(file.take(tail.bytes))
}

fn hash_tail(tail: &CrashTail) -> io::Result<(u64, String)> {
    let (mut reader, mut hasher, mut buffer) = (tail_reader(tail)?, Sha256::new(), vec![0; 64 << 10]);
    let mut bytes = 0;
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    let hex = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, hex))
}

/// Moves every file of an altered log, under its own name, into a new folder beside it, where it can still be
/// verified. Answers the folder.
///
/// # Errors
/// [`AuditError::Io`].
pub(crate) fn set_aside(paths: &Paths) -> Result<PathBuf, AuditError> {
    let folder = paths.altered();
    create_private_folder(&folder).map_err(AuditError::io("create", &folder))?;
    let segments = paths.segments().map_err(AuditError::io("list", paths.folder()))?;
    // The head goes last: until then a crash in between finds the log altered once more.
    for path in segments.into_iter().map(|segment| segment.path).chain([paths.head()]) {
        let Some(name) = path.file_name() else { continue };
        match fs::rename(&path, folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(AuditError::io("set aside", &path)(error));
            }
            _ => {}
        }
    }
    Ok(folder)
}

/// The kernel's name for this boot, where it has one.
pub(crate) fn boot_id() -> Option<String> {
    let text = fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).ok()?;
    let id = text.trim();
    let plain = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    plain.then(|| id.to_owned())
}

/// Index of the first line of a segment, and what it says about the line before; `None` if it is no such line.
///
/// # Errors
/// Whatever reading gives.
pub(crate) fn first_mark(path: &Path) -> io::Result<Option<Mark>> {
    // The envelope is within the first 256 bytes; `}` stands for the rest of the line.
    let mut front = Vec::new();
    File::open(path)?.take(256).read_to_end(&mut front)?;
    let line = front.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut line = line.to_vec();
    line.push(b'}');
    Ok(Envelope::parse(&line).ok().map(|e| Mark { next: e.index, head: e.previous }))
}
