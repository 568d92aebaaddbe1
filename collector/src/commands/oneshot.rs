//! `veribus oneshot [PATH…|-]`: alerts, reasons and a verified trail from logs that are there already.

use std::io::IsTerminal;
use std::path::PathBuf;

use veribus_sources::Format;

use crate::cli::{CommandError, Exit};
use crate::oneshot::{self, FailOn, Options, Stamps, UtcOffset};
use crate::output::Output;

/// Arguments of `veribus oneshot`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files, folders (everything below them), or - for standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Ends when the report is made, as it always does; accepted for scripts that say it
    #[arg(long, hide = true)]
    exit: bool,
    /// Use the Sigma rules of this folder or file instead of the starter set
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
    /// Exit with 1 if an alert's risk is at least this: 'risk>=70'
    #[arg(long, value_name = "CONDITION")]
    fail_on: Option<FailOn>,
    /// Read every input as this format instead of telling it from the content
    #[arg(long, value_name = "NAME", value_parser = format_named)]
    format: Option<Format>,
    /// Year of the last lines, where stamps have none [default: from the file's last change]
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(u16).range(1970..=2261))]
    year: Option<u16>,
    /// How far the log's clock is ahead of UTC, where stamps have no zone: +02:00
    #[arg(long, value_name = "OFFSET", default_value = "Z", allow_hyphen_values = true)]
    utc_offset: UtcOffset,
    /// Keep the audit trail in this folder, as audit.log [default: verified and removed]
    #[arg(long, value_name = "DIR")]
    audit: Option<PathBuf>,
    /// Alerts, logins and sources that are shown [default: 10; with --json all alerts, 1,000 indicators]
    #[arg(long, value_name = "N")]
    top: Option<usize>,
}

const AFTER_HELP: &str = "\
Examples:
  veribus oneshot /var/log/auth.log
  journalctl -u ssh | veribus oneshot -
  veribus oneshot --json --fail-on 'risk>=70' /var/log/nginx/ > report.json

Exit codes: 0 fine, 1 an input could not be read or --fail-on was met, 2 usage, 4 events were lost.";

fn format_named(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
        format!("expected one of {}", known.join(", "))
    })
}

/// Runs `veribus oneshot`.
///
/// # Errors
/// Exit code 2 where nothing can begin; see [`oneshot::run`].
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let options = Options {
        paths: paths_or_stdin(args.paths)?,
        format: args.format,
        stamps: Stamps { year: args.year, offset: args.utc_offset },
        rules: args.rules,
        audit: args.audit,
        fail_on: args.fail_on,
        top: args.top,
    };
    let report = oneshot::run(&options, out)?;
    report.show(options.top, out)?;
    Ok(report.exit())
}

/// Without a path, what is piped in is read; a person at a terminal is told what to give.
fn paths_or_stdin(paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, CommandError> {
    if !paths.is_empty() {
        return Ok(paths);
    }
    if std::io::stdin().is_terminal() {
        return Err(CommandError::usage("there is nothing to read")
            .help("name files or folders, or pipe a log in: veribus oneshot /var/log/auth.log"));
    }
    Ok(vec![PathBuf::from("-")])
}
