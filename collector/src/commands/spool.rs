//! `veribus spool check DIR`: what waits in the spools of a directory, and what is damaged; changes nothing.

use std::path::PathBuf;

use serde::Serialize;
use veribus_core::escape::Escaped;
use veribus_handlers::forward::{Disk, SpoolCheck, check};

use crate::cli::{CommandError, Exit};
use crate::output::{Output, counted};

/// Arguments of `veribus spool`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Count what waits, and name what is damaged
    ///
    /// Reads only, and may run while a process writes. Exits 0 if every spool is sound, 1 if something in one is
    /// damaged or cannot be read, 2 if there is no such directory.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The directory that the forwarders were given; each process has a spool in it
    dir: PathBuf,
}

/// Runs `veribus spool check`.
///
/// # Errors
/// Exit code 2 where the directory cannot be listed.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let Command::Check(CheckArgs { dir }) = args.command;
    let spools = check(&Disk, &dir).map_err(|error| {
        let shown = dir.to_string_lossy();
        let told = CommandError::usage(format!("cannot check `{}`", Escaped(&shown))).because(error);
        told.help("name the directory that holds the spools, as the forwarder was given it")
    })?;
    let sound = spools.iter().all(SpoolCheck::is_sound);
    if out.is_json() {
        let spools = spools.iter().map(Found::of).collect();
        out.json(&Document { path: dir.to_string_lossy().into_owned(), sound, spools })?;
    } else {
        show(&spools, out)?;
    }
    Ok(if sound { Exit::Fine } else { Exit::Found })
}

fn show(spools: &[SpoolCheck], out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    if spools.is_empty() {
        return out.line(format_args!("no spools: nothing waits here"));
    }
    for spool in spools {
        let verdict = if spool.is_sound() { style.green("ok") } else { style.red("DAMAGED") };
        let shown = spool.path.to_string_lossy();
        let (pending, segments) = (counted(spool.pending, "event"), counted(spool.segments, "segment"));
        out.line(format_args!("{verdict}  {}  {pending} pending, {segments}", Escaped(&shown)))?;
        if spool.damaged_bytes > 0 {
            out.line(format_args!("  damaged     {}", counted(spool.damaged_bytes, "byte")))?;
        }
        if spool.tail_bytes > 0 {
            let tail = counted(spool.tail_bytes, "byte");
            out.line(format_args!("  crash tail  {tail} behind the last record, or being written now"))?;
        }
        for why in &spool.unreadable {
            out.line(format_args!("  unreadable  {}", Escaped(why)))?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Document {
    path: String,
    sound: bool,
    spools: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    path: String,
    sound: bool,
    segments: u64,
    bytes: u64,
    pending: u64,
    tail_bytes: u64,
    damaged_bytes: u64,
    unreadable: Vec<String>,
}

impl Found {
    fn of(spool: &SpoolCheck) -> Self {
        Found {
            path: spool.path.to_string_lossy().into_owned(),
            sound: spool.is_sound(),
            segments: spool.segments,
            bytes: spool.bytes,
            pending: spool.pending,
            tail_bytes: spool.tail_bytes,
            damaged_bytes: spool.damaged_bytes,
            unreadable: spool.unreadable.clone(),
        }
    }
}
