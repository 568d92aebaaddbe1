//! The command line: what can be asked, and the one way in and out of every command.

mod error;
mod exit;
mod panic;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use error::CommandError;
pub use exit::Exit;

use crate::commands;
use crate::output::Output;

/// Know that every security check in your services happened, and prove it.
#[derive(Debug, Parser)]
#[command(name = "veribus", bin_name = "veribus", version, max_term_width = 100, after_help = AFTER_HELP)]
#[command(disable_help_subcommand = true, infer_long_args = false, arg_required_else_help = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 fine, 1 found something (or an input could not be read), 2 usage, 3 unsent data kept,
4 data lost, 70 a fault in veribus.

Try it: veribus oneshot /var/log/auth.log";

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalArgs {
    /// Print JSON on standard output: one document (`tail`: one a line)
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing on standard error but errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on standard error
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// auto (on a terminal), always or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub color: ColorWhen,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands, in the order in which a newcomer needs them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read logs that are there already: alerts, reasons, and a trail that can be checked
    Oneshot(commands::oneshot::Args),
    /// Run the collector: take events in, store, detect, answer questions
    #[command(aliases = ["serve", "server"])]
    Collector(commands::collector::Args),
    /// Send one event to a collector
    Emit(commands::emit::Args),
    /// Follow events as they arrive
    Tail(commands::tail::Args),
    /// Find stored events
    Search(commands::search::Args),
    /// Show everything that belongs to one trace
    Trace(commands::trace::Args),
    /// List what was alerted
    Alerts(commands::alerts::Args),
    /// Show what became of everything each service published
    Accounting(commands::accounting::Args),
    /// Compare an old log with the events that stand for its lines
    Compare(commands::compare::Args),
    /// Show whether a collector takes events, and what it receives from
    Status(commands::status::Args),
    /// Show and try again what could not be read
    Deadletters(commands::deadletters::Args),
    /// Test and lint detection rules
    Rules(commands::rules::Args),
    /// Check an audit trail
    Audit(commands::audit::Args),
    /// Check the spools of events that wait for a collector
    Spool(commands::spool::Args),
    /// Remove what is older than it need be
    Prune(commands::prune::Args),
    /// Check that everything needed is there and reachable
    Doctor(commands::doctor::Args),
    /// Measure how many events a second a collector stores
    Bench(commands::bench::Args),
    /// Print a completion script for a shell
    Completions(commands::completions::Args),
}

/// Runs the command line `args` (the program's name first) from end to end: the whole of `main`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    panic::install_hook();
    panic::fence(|| run(args)).into()
}

fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return answer_parse_error(&error, wants_json(&args)),
    };
    let mut out = Output::standard(&cli.global);
    let result = commands::run(cli.command, &mut out);
    let flushed = out.flush();
    let exit = result.and_then(|exit| flushed.map(|()| exit));
    exit.unwrap_or_else(|error| {
        out.error(&error);
        error.exit()
    })
}

/// Shows help, version or what is wrong with the arguments; a closed pipe is nobody's fault.
fn answer_parse_error(error: &clap::Error, json: bool) -> Exit {
    let _nobody_reads = error.print();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Exit::Fine;
    }
    if json {
        let mut out = Output::standard(&GlobalArgs { json, ..GlobalArgs::default() });
        let _nobody_reads = out.json_line(&CommandError::arguments(error).document());
    }
    Exit::Usage
}

/// Whether `--json` is among arguments that could not be understood as a whole.
fn wants_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
