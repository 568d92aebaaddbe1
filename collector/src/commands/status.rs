//! `veribus status`: whether a collector takes events, and what it receives from; exit code 1 where something is wrong.

use std::path::PathBuf;

use veribus_core::escape::truncated;

use crate::api::Status;
use crate::cli::{CommandError, Exit};
use crate::client::CollectorArgs;
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::output::{Output, counted, grouped};
use crate::receive::ReceptionStatus;

/// Arguments of `veribus status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus status --json")]
pub struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

/// Shows how the collector is.
///
/// # Errors
/// [`CommandError`]: exit code 2 if no collector answers.
pub fn run(args: &Args, out: &mut Output) -> Result<Exit, CommandError> {
    let status: Status = args.collector.client(Some(&args.data))?.get("/v1/status")?;
    let exit = if status.is_well() { Exit::Fine } else { Exit::Found };
    if out.is_json() {
        out.json(&status)?;
        return Ok(exit);
    }
    let style = out.style();
    out.line(format_args!(
        "veribus {}, up for {}",
        truncated(&status.version, 40),
        up(status.uptime_seconds)
    ))?;
    out.line(format_args!(
        "{} stored, {} removed as duplicates, {} refused; {} bytes wait of {}",
        counted(status.accepted, "event"),
        grouped(status.duplicates),
        grouped(status.rejected + status.conflicts),
        grouped(status.queue_bytes),
        grouped(status.queue_capacity_bytes),
    ))?;
    for reception in &status.receiving {
        receiving(reception, out)?;
    }
    if status.dead_letters.letters > 0 {
        let letters = counted(status.dead_letters.letters, "dead letter");
        out.line(format_args!("{}: veribus deadletters list", style.yellow(letters)))?;
    }
    if let Some(code) = &status.store_error {
        out.line(format_args!("{}", style.red(format_args!("the store cannot be written: {code}"))))?;
    }
    if status.audit_failing {
        out.line(format_args!("{}", style.red("the audit trail cannot be written")))?;
    }
    Ok(exit)
}

fn receiving(reception: &ReceptionStatus, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    let state = if reception.receiving { style.green("receiving") } else { style.red("not receiving") };
    out.line(format_args!(
        "{state} from {}: {} stored, {} put back, {} dead, {}",
        truncated(&reception.origin, 200),
        counted(reception.stored, "parcel"),
        grouped(reception.again),
        grouped(reception.dead),
        counted(reception.failures, "failure"),
    ))?;
    match &reception.message {
        Some(why) => out.line(format_args!("    {}", truncated(why, 500))),
        None => Ok(()),
    }
}

fn up(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => counted(seconds, "second"),
        (0, 0, minutes) => counted(minutes, "minute"),
        (0, hours, minutes) => format!("{hours}:{minutes:02} hours"),
        (days, ..) => counted(days, "day"),
    }
}
