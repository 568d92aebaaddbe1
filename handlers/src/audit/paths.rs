//! Which file is what: everything that belongs to a log is derived from its path.
//!
//! For `trail/audit.log`: closed segments `trail/audit.log.000000001234` (named by the index of their first line),
//! `trail/audit.log.head`, `.head.tmp` and `.lock`, `trail/quarantine/`, `trail/audit.log.altered-1/`, and
//! `trail/audit-4711.log` for a forked child.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Digits in the name of a closed segment.
const INDEX_DIGITS: usize = 12;

#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) log: PathBuf,
}

/// A file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentPath {
    pub(crate) path: PathBuf,
    /// Index of its first line as its name says; `None` for the one that is written to.
    pub(crate) first: Option<u64>,
}

impl Paths {
    pub(crate) fn new(log: &Path) -> Paths {
        Paths { log: log.to_owned() }
    }

    fn with(&self, suffix: &str) -> PathBuf {
        let mut name = self.log.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    }

    /// The folder of the log; `.` where the path names none.
    pub(crate) fn folder(&self) -> &Path {
        match self.log.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    fn name(&self) -> OsString {
        self.log.file_name().unwrap_or(OsStr::new("audit.log")).to_owned()
    }

    pub(crate) fn head(&self) -> PathBuf {
        self.with(".head")
    }

    pub(crate) fn head_new(&self) -> PathBuf {
        self.with(".head.tmp")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.with(".lock")
    }

    pub(crate) fn closed(&self, first: u64) -> PathBuf {
        self.with(&format!(".{first:0INDEX_DIGITS$}"))
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.folder().join("quarantine")
    }

    /// A file in [`Paths::quarantine`] for a tail that began at line `index`.
    pub(crate) fn quarantined(&self, index: u64, sha256: &str) -> PathBuf {
        let mut name = self.name();
        name.push(format!(".{index:0INDEX_DIGITS$}-{}", &sha256[..8]));
        self.quarantine().join(name)
    }

    /// The first name of the form `LOG.altered-1` that is not taken.
    pub(crate) fn altered(&self) -> PathBuf {
        self.free("altered")
    }

    /// The first name of the form `LOG.stray-1` that is not taken.
    pub(crate) fn stray(&self) -> PathBuf {
        self.free("stray")
    }

    fn free(&self, what: &str) -> PathBuf {
        let names = (1_u32..).map(|n| self.with(&format!(".{what}-{n}")));
        names.into_iter().find(|path| fs::symlink_metadata(path).is_err()).expect("fewer than 2^32 files")
    }

    /// A free path for the log of the forked child `pid`: `audit-PID.log`, then `audit-PID-2.log` …
    pub(crate) fn child(&self, pid: u32) -> PathBuf {
        let stem = self.log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let extension = self.log.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
        let name = |n: u32| match n {
            1 => format!("{stem}-{pid}{extension}"),
            n => format!("{stem}-{pid}-{n}{extension}"),
        };
        let paths = (1_u32..).map(|n| self.folder().join(name(n)));
        paths.into_iter().find(|path| fs::symlink_metadata(path).is_err()).expect("fewer than 2^32 files")
    }

    /// The files of the log in order: closed segments by index, then the one that is written to, if it is there.
    ///
    /// # Errors
    /// Whatever reading the folder gives; a missing folder holds no segments.
    pub(crate) fn segments(&self) -> io::Result<Vec<SegmentPath>> {
        let entries = match fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let own = self.name();
        let mut segments = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if name == own {
                segments.push(SegmentPath { path: self.log.clone(), first: None });
            } else if let Some(first) = segment_index(&own, &name) {
                segments.push(SegmentPath { path: self.closed(first), first: Some(first) });
            }
        }
        segments.sort_by_key(|segment| segment.first.unwrap_or(u64::MAX));
        Ok(segments)
    }
}

fn segment_index(own: &OsStr, name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix(own.to_str()?)?.strip_prefix('.')?;
    let well_formed = digits.len() >= INDEX_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_twelve_digits_or_more_are_segments() {
        let own = OsStr::new("audit.log");
        assert_eq!(segment_index(own, OsStr::new("audit.log.000000000042")), Some(42));
        for other in
            ["audit.log", "audit.log.1", "audit.log.head", "audit.log.00000000004x", "b.000000000042"]
        {
            assert_eq!(segment_index(own, OsStr::new(other)), None, "{other}");
        }
    }
}
