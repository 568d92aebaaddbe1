//! A publishing service as a process of its own: started on a spool, killed, or asked to stop; what it wrote down is read.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use veribus_testkit::oracle::{JournalReader, Record};

/// Streams of tags that one life uses, and more.
const STREAMS: u32 = 10;
/// How soon a life publishes, however the one before it ended.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How long a stop may take: the close, and a moment.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A service and all its lives on one spool.
#[derive(Debug)]
pub struct Publisher {
    program: String,
    spool: PathBuf,
    journals: PathBuf,
    lives: u32,
    child: Option<Child>,
    /// Where it sends to.
    pub url: String,
    /// Settings of the way, `NAME=VALUE`.
    pub options: Vec<String>,
    /// How long an accepted parcel waits for its receipt.
    pub receipt_timeout: Duration,
}

impl Publisher {
    /// One that runs `program`, with its files in `folder`.
    ///
    /// # Panics
    /// If the folder cannot be written to.
    pub fn new(program: &str, folder: &Path, url: impl Into<String>) -> Self {
        let (spool, journals) = (folder.join("spool"), folder.join("journals"));
        std::fs::create_dir_all(&journals).expect("a folder");
        let (program, url, options) = (program.to_owned(), url.into(), Vec::new());
        let receipt_timeout = Duration::from_secs(1);
        Publisher { program, spool, journals, lives: 0, child: None, url, options, receipt_timeout }
    }

    /// Begins a life, and waits until it publishes.
    ///
    /// # Panics
    /// If that takes more than two seconds.
    pub fn start(&mut self) {
        self.lives += 1;
        let begun = Instant::now();
        let mut command = Command::new(&self.program);
        command.arg(&self.spool).arg(&self.url).arg(self.journals.join(self.lives.to_string()));
        command.arg((self.lives * STREAMS).to_string());
        command.arg(self.receipt_timeout.as_millis().to_string()).args(&self.options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let mut line = String::new();
        let read = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
        self.child = Some(child);
        assert!(read.is_ok() && line == "ready\n", "the publisher does not start");
        assert!(begun.elapsed() <= READY_WITHIN, "a start took {:?}", begun.elapsed());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that is gone already is what we want.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop publishing and to close; its exit code and how long that took.
    ///
    /// # Panics
    /// If it does not stop in time, or does not run.
    pub fn stop(&mut self) -> (Option<i32>, Duration) {
        let mut child = self.child.take().expect("it runs");
        let begun = Instant::now();
        drop(child.stdin.take());
        while begun.elapsed() < STOP_WITHIN {
            if let Some(status) = child.try_wait().expect("a child") {
                return (status.code(), begun.elapsed());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child = Some(child);
        panic!("the publisher does not stop");
    }

    /// What it tried and was told in all its lives.
    ///
    /// # Panics
    /// If a journal cannot be read.
    pub fn record(&self) -> Record {
        let mut record = Record::default();
        for life in 1..=self.lives {
            let text = std::fs::read_to_string(self.journals.join(life.to_string())).expect("a journal");
            record.merge(JournalReader::read(&text).expect("its lines"));
        }
        record
    }

    /// Files in its spools that hold something: spool, name and bytes of each.
    ///
    /// # Panics
    /// If the spools cannot be listed.
    pub fn segments(&self) -> Vec<String> {
        let spools = std::fs::read_dir(&self.spool).expect("its spools").flatten();
        let files =
            spools.filter_map(|spool| std::fs::read_dir(spool.path()).ok()).flat_map(Iterator::flatten);
        let named = |file: std::fs::DirEntry| {
            let (path, bytes) = (file.path(), file.metadata().map_or(0, |found| found.len()));
            let is_segment = path.extension().is_some_and(|ending| ending == "seg");
            is_segment.then(|| format!("{} of {bytes} bytes", path.display()))
        };
        files.filter_map(named).collect()
    }

    /// Where its spools are.
    pub fn spool(&self) -> &Path {
        &self.spool
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.kill();
    }
}
