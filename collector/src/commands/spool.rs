//! `veribus spool`: looks into, repairs and sends the events that services have left on disk for a collector.

mod check;
mod drain;
mod dump;
mod repair;

use std::path::{Path, PathBuf};

use veribus_core::escape::Escaped;
use veribus_handlers::forward::ForwardError;

use crate::cli::{CommandError, Exit};
use crate::output::Output;

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
    Check(DirArgs),
    /// Show what is in them, record by record, oldest first
    ///
    /// Reads only, and may run while a process writes. With `--json` one document a line. Exits 0, or 1 if something
    /// is damaged or cannot be read.
    Dump(dump::Args),
    /// Make damaged spools of dead processes whole
    ///
    /// What is sound, and what is known to be lost, is written into a new spool; the damaged one is moved into the
    /// folder `quarantine` beside it. Nothing is deleted, and a spool whose process lives is left alone. Exits 0 if
    /// all is sound now, 1 if something is not.
    Repair(repair::Args),
    /// Send what dead processes have left to a collector
    ///
    /// A spool is removed once the collector has stored all of it. Spools whose processes live are left to them. Exits
    /// 0 if everything was sent, 3 if something is left on disk.
    Drain(drain::Args),
}

#[derive(Debug, clap::Args)]
struct DirArgs {
    /// The directory that the forwarders were given; each process has a spool in it
    dir: PathBuf,
}

/// Runs one of them.
///
/// # Errors
/// Exit code 2 where the directory cannot be listed, or an address cannot be used.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    match args.command {
        Command::Check(args) => check::run(&args, out),
        Command::Dump(args) => dump::run(&args, out),
        Command::Repair(args) => repair::run(&args, out),
        Command::Drain(args) => drain::run(&args, out),
    }
}

/// That `dir` is no directory of spools.
fn not_listed(what: &str, dir: &Path, error: ForwardError) -> CommandError {
    let shown = dir.to_string_lossy();
    let told = CommandError::usage(format!("cannot {what} `{}`", Escaped(&shown))).because(error);
    told.help("name the directory that holds the spools, as the forwarder was given it")
}
