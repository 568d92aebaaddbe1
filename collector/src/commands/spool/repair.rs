//! `veribus spool repair DIR`: damaged spools of dead processes are made whole; the old ones are kept in `quarantine`.

use std::sync::Arc;

use serde::Serialize;
use veribus_core::escape::Escaped;
use veribus_core::fs::Fs;
use veribus_core::{Clock, SystemClock, SystemRng};
use veribus_handlers::forward::{Disk, Repair, RepairOutcome, repair};

use super::{DirArgs, not_listed};
use crate::cli::{CommandError, Exit};
use crate::output::{Output, counted};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: DirArgs,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs `veribus spool repair`.
///
/// # Errors
/// Exit code 2 where the directory cannot be listed.
pub(super) fn run(args: &Args, out: &mut Output) -> Result<Exit, CommandError> {
    let dir = &args.dir.dir;
    let (fs, clock): (Arc<dyn Fs>, Arc<dyn Clock>) = (Arc::new(Disk), Arc::new(SystemClock));
    let repairs = repair(&fs, &clock, &SystemRng, dir, args.dry_run)
        .map_err(|error| not_listed("repair", dir, error))?;
    let is_whole =
        |one: &Repair| matches!(one.outcome, RepairOutcome::Sound | RepairOutcome::Repaired { .. });
    let sound = repairs.iter().all(is_whole);
    if out.is_json() {
        let spools = repairs.iter().map(Done::of).collect();
        out.json(&Document { path: dir.to_string_lossy().into_owned(), sound, spools })?;
    } else {
        if repairs.is_empty() {
            out.line(format_args!("no spools: nothing waits here"))?;
        }
        repairs.iter().try_for_each(|one| show(one, out))?;
    }
    Ok(if sound { Exit::Fine } else { Exit::Found })
}

#[derive(Serialize)]
struct Document {
    path: String,
    sound: bool,
    spools: Vec<Done>,
}

#[derive(Serialize)]
struct Done {
    path: String,
    outcome: &'static str,
    damaged_bytes: u64,
    unreadable: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Repaired>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Serialize)]
struct Repaired {
    to: Option<String>,
    events: u64,
    lost: u64,
    quarantine: String,
}

impl Done {
    fn of(one: &Repair) -> Self {
        let (outcome, repaired, why) = match &one.outcome {
            RepairOutcome::Sound => ("sound", None, None),
            RepairOutcome::InUse(pid) => {
                ("in_use", None, pid.map(|pid| format!("process {pid} writes to it")))
            }
            RepairOutcome::WouldRepair => ("would_repair", None, None),
            RepairOutcome::Repaired { to, events, losses, kept } => {
                let to = to.as_ref().map(|path| path.to_string_lossy().into_owned());
                let quarantine = kept.to_string_lossy().into_owned();
                ("repaired", Some(Repaired { to, events: *events, lost: *losses, quarantine }), None)
            }
            RepairOutcome::Failed(why) => ("failed", None, Some(why.clone())),
            _ => ("failed", None, None),
        };
        Done {
            path: one.before.path.to_string_lossy().into_owned(),
            outcome,
            damaged_bytes: one.before.damaged_bytes,
            unreadable: one.before.unreadable.clone(),
            repaired,
            why,
        }
    }
}

fn show(one: &Repair, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    let (path, done) = (one.before.path.to_string_lossy(), Done::of(one));
    let path = Escaped(&path);
    match (&done.repaired, done.outcome) {
        (Some(Repaired { events, lost, quarantine, .. }), _) => {
            let (events, quarantine) = (counted(*events, "event"), Escaped(quarantine));
            let repaired = style.green("repaired");
            out.line(format_args!("{repaired}  {path}  {events} kept, {lost} lost; as it was: {quarantine}"))
        }
        (None, "sound") => out.line(format_args!("{}  {path}", style.green("ok"))),
        (None, "would_repair") => {
            let damaged = counted(one.before.damaged_bytes, "damaged byte");
            out.line(format_args!("{}  {path}  {damaged}", style.yellow("would repair")))
        }
        (None, outcome) => {
            let why = done.why.unwrap_or_default();
            out.line(format_args!("{}  {path}  {}", style.red(outcome), Escaped(&why)))
        }
    }
}
