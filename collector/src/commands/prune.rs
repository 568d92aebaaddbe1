//! `veribus prune`: retention. Through the running collector, which is the one writer; where none runs, by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use veribus_core::{Source, Timestamp};

use super::search::{folder, unreadable};
use crate::api::PruneRequest;
use crate::cli::{CommandError, Exit};
use crate::client::{ClientError, CollectorArgs};
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::ingest;
use crate::output::{Output, counted};
use crate::pipeline::Identity;
use crate::store::{
    IncomingBatch, IncomingEvent, PruneLimit, PruneReport, PruneWhat, Reader, SqliteStore, Store, StoreError,
};

const SECONDS_PER_DAY: u64 = 86_400;

/// Arguments of `veribus prune`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus prune --alerts --days=30 --dry-run")]
#[command(group(clap::ArgGroup::new("what").required(true).args(["alerts", "events", "dead_letters"])))]
pub struct Args {
    /// Alerts whose last event is older
    #[arg(long)]
    alerts: bool,
    /// Events that are older; what proves that they were seen stays, and so does the audit trail
    #[arg(long)]
    events: bool,
    /// Dead letters that came last before that
    #[arg(long)]
    dead_letters: bool,
    /// How old, in days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Only say how many would go
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    collector: CollectorArgs,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

/// Deletes what is old, or counts it.
///
/// # Errors
/// [`CommandError`]: exit code 2 if neither a collector answers nor the folder is free.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let what = match (args.alerts, args.events) {
        (true, _) => PruneWhat::Alerts,
        (_, true) => PruneWhat::Events,
        _ => PruneWhat::DeadLetters,
    };
    let age = Duration::from_secs(u64::from(args.days) * SECONDS_PER_DAY);
    let limit = PruneLimit { what, before: Timestamp::now().saturating_sub(age) };
    let report = match through_collector(&args, limit) {
        Err(ClientError::Unreachable { .. }) => {
            out.say("no collector runs; working on the data folder directly");
            directly(&args.data, limit, args.dry_run)?
        }
        asked => asked?,
    };
    if out.is_json() {
        out.json(&report)?;
    } else {
        let verb = if report.dry_run { "would be removed" } else { "removed" };
        out.line(format_args!(
            "{} {verb}, older than {}",
            counted(report.rows, &what.as_str().trim_end_matches('s').replace('-', " ")),
            report.before
        ))?;
    }
    Ok(Exit::Fine)
}

fn through_collector(args: &Args, limit: PruneLimit) -> Result<PruneReport, ClientError> {
    let client = args.collector.client(Some(&args.data))?;
    let request = PruneRequest { what: limit.what, before: limit.before.to_string(), dry_run: args.dry_run };
    let body = serde_json::to_vec(&request).expect("text and a flag are JSON");
    client.post("/v1/prune", "application/json", &body)
}

/// As the one writer, which the lock makes sure of.
fn directly(data: &Path, limit: PruneLimit, dry_run: bool) -> Result<PruneReport, CommandError> {
    let dir = folder(data)?;
    let database = dir.database();
    let failed = |error: StoreError| unreadable(&error, &database);
    let report = |rows| PruneReport { what: limit.what, before: limit.before.to_string(), rows, dry_run };
    if dry_run {
        return Reader::open(&database).and_then(|store| store.count_old(&limit)).map(report).map_err(failed);
    }
    let _lock = dir.lock().map_err(|error| {
        CommandError::usage(&error)
            .code(error.code())
            .help("the collector that holds it listens elsewhere; name it with --url")
    })?;
    // Opening would make a new store where there is none.
    Reader::open(&database).map_err(failed)?;
    let mut store = SqliteStore::open(&database).map_err(failed)?;
    work(&mut store, &limit).map_err(failed)
}

/// Deletes, and stores an event that says so; the next collector puts it into the trail.
fn work(store: &mut dyn Store, limit: &PruneLimit) -> Result<PruneReport, StoreError> {
    let report = ingest::prune(store, limit)?;
    let received = Timestamp::now();
    let events = vec![IncomingEvent::new(ingest::pruned_event(&report, received))];
    let mut said = IncomingBatch::new(Source::new("veribus-cli"), received, events);
    Identity::new().assign(std::slice::from_mut(&mut said));
    let mut transaction = store.begin()?;
    transaction.insert(&said)?;
    transaction.commit()?;
    Ok(report)
}
