//! tracing with its JSON formatter and the non-blocking appender, into a file, as services log today.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Level;
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};

use super::Case;
use crate::sample::Sample;
use crate::turn::Ledger;

/// A file, and how many lines the appender wrote into it.
struct Counted(File, Arc<AtomicU64>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        let lines = bytes[..written].iter().filter(|byte| **byte == b'\n').count();
        self.1.fetch_add(lines as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The subscriber is set for the thread that starts it alone, so that other cases of the process do not see it.
pub(crate) struct Log {
    subscribed: DefaultGuard,
    guard: WorkerGuard,
    dropped: ErrorCounter,
    written: Arc<AtomicU64>,
}

impl Log {
    /// Into a file that goes when it is closed, with the appender's own defaults: it drops when it is behind.
    pub(crate) fn start() -> Result<Self, String> {
        let file =
            tempfile::tempfile().map_err(|error| format!("cannot make a file to log into: {error}"))?;
        Ok(Log::into_file(file, true))
    }

    /// Into `file`; one that is not `lossy` waits for room.
    pub(crate) fn into_file(file: File, lossy: bool) -> Self {
        let written = Arc::<AtomicU64>::default();
        let (writer, guard) =
            NonBlockingBuilder::default().lossy(lossy).finish(Counted(file, written.clone()));
        let dropped = writer.error_counter();
        let subscriber = tracing_subscriber::fmt().json().with_writer(writer).finish();
        Log { subscribed: set_default(subscriber), guard, dropped, written }
    }
}

impl Case for Log {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        tracing::info!(
            category = "authentication",
            outcome = "failure",
            actor = sample.actor,
            source_ip = %sample.ip,
            resource = sample.resource,
            method = sample.method,
            reason = sample.reason,
            session = sample.session,
            user_agent = sample.agent,
            region = sample.region,
            trace_id = format_args!("{:032x}", sample.trace),
            span_id = format_args!("{:016x}", sample.span),
            duration_ns = sample.latency.as_nanos() as u64,
            "{}",
            sample.action
        );
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        drop(self.subscribed);
        drop(self.guard); // waits for the worker
        let arrived = self.written.load(Ordering::Relaxed);
        Ok(Ledger { handed, arrived, lost: self.dropped.dropped_lines() as u64 })
    }
}

/// The same event at a level that nobody asked for.
pub(crate) struct Disabled {
    _subscribed: DefaultGuard,
}

impl Disabled {
    pub(crate) fn start() -> Result<Self, String> {
        let subscriber =
            tracing_subscriber::fmt().json().with_max_level(Level::INFO).with_writer(io::sink).finish();
        Ok(Disabled { _subscribed: set_default(subscriber) })
    }
}

impl Case for Disabled {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        tracing::debug!(
            outcome = "failure",
            actor = sample.actor,
            resource = sample.resource,
            session = sample.session,
            "{}",
            sample.action
        );
        std::hint::black_box(sample);
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        Ok(Ledger::local(handed))
    }
}
