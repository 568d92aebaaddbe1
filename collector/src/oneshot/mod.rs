//! `oneshot`: logs in, alerts with reasons and a verified trail out, in a fixed amount of memory.
//!
//! One thread reads and publishes; behind the bus the trail is written, the rules run and the events are
//! counted, each on a thread of its own. The bus blocks the reader where a handler falls behind, so that
//! nothing is dropped and nothing piles up: lines of 1 MiB, rings of 2 MiB, queues of 8,192 events.

mod fail_on;
mod feed;
mod file_report;
mod highest;
mod inputs;
mod interrupt;
mod lines;
mod remark;
mod report;
mod returning;
pub(crate) mod rule_files;
mod show;
mod stamps;
mod tally;
mod tracked;
mod trail;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use veribus_core::{Source, VerificationEventBus, WhenFull};
use veribus_detection::RuleSet;
use veribus_sources::Format;

pub use fail_on::FailOn;
pub use report::Report;
pub use stamps::{Stamps, UtcOffset};

use crate::cli::CommandError;
use crate::output::Output;
use feed::Feed;
use highest::HighestRisk;
use inputs::Inputs;
use remark::Remark;
use report::LossReport;
use returning::{Owner, lend};
use rule_files::RuleFiles;
use tally::Tally;
use trail::Trail;
use watch::Watch;

/// Typical events in the ring between the reader and the dispatcher.
const RING_EVENTS: usize = 8_192;
/// Events that may wait for one handler.
const HANDLER_QUEUE_EVENTS: usize = 8_192;
/// A handler that is stuck for so long costs the event that waits for it.
const BLOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the handlers may take for what is still in their queues.
const CLOSE_DEADLINE: Duration = Duration::from_secs(120);
/// Indicators in `--json`, unless said.
const INDICATORS_MAX: usize = 1_000;

/// What is asked of a run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files, folders, or `-` for standard input.
    pub paths: Vec<PathBuf>,
    /// The format of every input; told from the content without it.
    pub format: Option<Format>,
    /// Year and zone of stamps that have none.
    pub stamps: Stamps,
    /// Rules to use instead of the starter set.
    pub rules: Option<PathBuf>,
    /// The folder to keep the audit trail in.
    pub audit: Option<PathBuf>,
    /// Which alerts fail the run.
    pub fail_on: Option<FailOn>,
    /// How many indicators the report has.
    pub top: Option<usize>,
}

/// Reads everything that `options` name and reports on it.
///
/// # Errors
/// Exit code 2 where nothing can begin: rules that cannot be used, a trail that cannot be written. Inputs that
/// cannot be read are part of the report.
pub fn run(options: &Options, out: &mut Output) -> Result<Report, CommandError> {
    let began = Instant::now();
    let rules = match &options.rules {
        Some(path) => RuleFiles::rules(std::slice::from_ref(path))?.parse()?,
        None => RuleSet::starter(),
    };
    let inputs = Inputs::find(&options.paths);
    let (trail, logger) = Trail::open(options.audit.as_deref())?;
    if let Some(remark) = &trail.opened {
        out.warn(remark);
    }
    let stop = interrupt::watch(trail.temporary_folder());
    let bus = bus();
    let (tally, tally_back) = lend(Tally::default());
    let (watch, watch_back) = lend(Watch::new(rules));
    for handler in [Box::new(logger), watch, tally] {
        bus.register_handler(handler);
    }

    let progress = out.progress(inputs.bytes);
    let mut feed = Feed::new(&bus, options.format, options.stamps, &progress, &stop);
    feed.read_all(&inputs.list);
    let (files, mut remarks) = (feed.files, [inputs.remarks, feed.remarks].concat());
    progress.finish();

    let closed = bus.close(CLOSE_DEADLINE);
    let health = bus.health();
    let lines_total = files.iter().map(|file| file.lines).sum();
    if lines_total == 0 && !remarks.iter().any(Remark::is_error) {
        remarks.push(
            Remark::error("", "there was nothing to read").help("name a log, or a folder with logs in it"),
        );
    }
    let (errors, notes) = remarks.into_iter().partition(Remark::is_error);
    let mut report = Report {
        veribus: env!("CARGO_PKG_VERSION"),
        lines_total,
        unparsed_total: files.iter().map(|file| file.unparsed).sum(),
        files,
        errors,
        notes,
        audit: trail.verify(health.accepted),
        losses: LossReport::of(&health, &closed),
        ..Report::default()
    };
    learn(&mut report, options, tally_back, watch_back);
    report.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

fn bus() -> VerificationEventBus {
    VerificationEventBus::builder()
        .capacity(RING_EVENTS)
        .handler_queue(HANDLER_QUEUE_EVENTS)
        .when_full(WhenFull::Block { timeout: BLOCK_TIMEOUT })
        .source(Source::new("veribus-oneshot"))
        .build()
}

/// Fills in what the handlers learnt. One that is still busy is in the report as unfinished.
fn learn(report: &mut Report, options: &Options, tally: Owner<Tally>, watch: Owner<Watch>) {
    let soon = Duration::from_secs(1);
    if let Some(tally) = tally.take_back(soon) {
        report.count(&tally);
    }
    if let Some(Watch { detector }) = watch.take_back(soon) {
        report.alerts = detector.alerts();
        report.indicators = detector.indicators();
        report.indicators_total = report.indicators.len();
        HighestRisk::of_all(&report.alerts).sort(&mut report.indicators);
        report.indicators.truncate(options.top.unwrap_or(INDICATORS_MAX));
        report.detection = Some(detector.stats());
    }
    let fails = |fail_on: FailOn| report.alerts.iter().any(|alert| fail_on.is_met(alert.risk));
    report.failed_on = options.fail_on.is_some_and(fails);
}
