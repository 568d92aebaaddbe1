//! `veribus accounting`: for each bus start what was stored, lost and why, what is on its way, and what is missing.

use std::path::{Path, PathBuf};

use veribus_core::InstanceId;
use veribus_core::escape::truncated;

use super::search::{open, unreadable};
use crate::cli::{CommandError, Exit};
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::output::{Output, counted, grouped};
use crate::store::ProducerAccount;

/// Characters of a service's name that are shown.
const SERVICE_CHARS: usize = 24;

/// Arguments of `veribus accounting`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus accounting --instance 0123456789abcdef")]
pub struct Args {
    /// Only this bus start, with its holes: 16 hexadecimal digits
    #[arg(long, value_name = "ID")]
    instance: Option<InstanceId>,
    /// Most bus starts to show, those that sent last
    #[arg(long, default_value_t = 100, value_name = "STARTS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

/// Shows the books.
///
/// # Errors
/// [`CommandError`]: exit code 2 for a store that is not there.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let accounting = open(&args.data)?
        .accounting(args.instance, args.limit)
        .map_err(|error| unreadable(&error, Path::new("events.db")))?;
    let missing: u64 = accounting.producers.iter().map(|producer| producer.missing).sum();
    let exit = if missing > 0 { Exit::Found } else { Exit::Fine };
    if out.is_json() {
        out.json(&accounting)?;
        return Ok(exit);
    }
    let letters = accounting.dead_letters.letters;
    if letters > 0 {
        let letters = counted(letters, "dead letter");
        out.say(format_args!("{letters}, with events of senders unknown: veribus deadletters list"));
    }
    if accounting.producers.is_empty() {
        out.say("nobody has sent anything");
        return Ok(exit);
    }
    out.line(format_args!(
        "{:<16}  {:<SERVICE_CHARS$} {:>12} {:>12} {:>10} {:>10} {:>9} {:>9}",
        "instance", "service", "received", "stored", "duplicates", "lost", "pending", "missing"
    ))?;
    for producer in &accounting.producers {
        row(producer, out)?;
        if args.instance.is_some() {
            holes(producer, out)?;
        }
    }
    if missing > 0 {
        out.say(format_args!("{} without an explanation", counted(missing, "event")));
    }
    Ok(exit)
}

fn row(producer: &ProducerAccount, out: &mut Output) -> Result<(), CommandError> {
    let service = producer.service.as_deref().unwrap_or("(numbered here)");
    let style = out.style();
    let lost: u64 = producer.lost.values().sum();
    let missing = format!("{:>9}", grouped(producer.missing));
    let missing = if producer.missing > 0 { style.red(missing) } else { style.dim(missing) };
    out.line(format_args!(
        "{}  {:<SERVICE_CHARS$} {:>12} {:>12} {:>10} {:>10} {:>9} {missing}",
        producer.instance,
        truncated(service, SERVICE_CHARS).to_string(),
        grouped(producer.received),
        grouped(producer.stored),
        grouped(producer.duplicates),
        grouped(lost),
        grouped(producer.pending),
    ))?;
    for (reason, count) in &producer.lost {
        out.line(format_args!("    lost {reason}: {}", grouped(*count)))?;
    }
    if producer.suspicious > 0 {
        let records = counted(producer.suspicious, "suspicious loss record");
        out.line(format_args!("    {records}: of numbers that are stored or were never given"))?;
    }
    if producer.conflicts > 0 {
        let events = counted(producer.conflicts, "event");
        out.line(format_args!("    {events} refused: the id is stored with another content"))?;
    }
    Ok(())
}

fn holes(producer: &ProducerAccount, out: &mut Output) -> Result<(), CommandError> {
    for hole in &producer.holes {
        let why = hole.reason.as_deref().unwrap_or("unexplained");
        out.line(format_args!("    lane {}: {} to {}: {why}", hole.lane, hole.first_seq, hole.last_seq))?;
    }
    Ok(())
}
