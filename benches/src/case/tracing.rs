//! tracing with its JSON formatter and the non-blocking appender, into a file, as services log today.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};

use super::{Case, Ledger};
use crate::machine;
use crate::measure::{Figures, Plan, measure};
use crate::sample::Sample;

/// The file, and how many lines the appender wrote into it.
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

struct Log {
    guard: WorkerGuard,
    dropped: ErrorCounter,
    written: Arc<AtomicU64>,
}

/// Measures with the subscriber set for this thread alone, so that other cases in the process do not see it.
pub(super) fn run(plan: &Plan) -> Result<Figures, String> {
    let file = tempfile::tempfile().map_err(|error| format!("cannot make a file to log into: {error}"))?;
    let written = Arc::new(AtomicU64::new(0));
    let counted = Counted(file, written.clone());
    let ((writer, guard), pinned) = machine::apart(|| tracing_appender::non_blocking(counted));
    let log = Log { guard, dropped: writer.error_counter(), written };
    let subscriber = tracing_subscriber::fmt().json().with_writer(writer).finish();
    Ok(tracing::subscriber::with_default(subscriber, || measure(log, plan, pinned)))
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

    fn finish(self, handed: u64) -> Ledger {
        drop(self.guard);
        Ledger {
            handed,
            arrived: self.written.load(Ordering::Relaxed),
            lost: self.dropped.dropped_lines() as u64,
        }
    }
}
