//! `veribus alerts list`: what was found, highest risk first.

use std::path::{Path, PathBuf};

use serde::Serialize;
use veribus_core::escape::truncated;

use super::search::{open, unreadable};
use crate::cli::{CommandError, Exit};
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::output::{Output, grouped};
use crate::shown::short_time;
use crate::store::StoredAlert;

/// Arguments of `veribus alerts`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show stored alerts, highest risk first
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus alerts list --min-risk 70")]
struct ListArgs {
    /// Only alerts of this risk and above, 0 to 100
    #[arg(long, default_value_t = 0, value_name = "RISK", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_risk: u8,
    /// Most alerts to show
    #[arg(long, default_value_t = 100, value_name = "ALERTS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

#[derive(Serialize)]
struct Document {
    alerts: Vec<serde_json::Value>,
}

/// Lists alerts.
///
/// # Errors
/// [`CommandError`]: exit code 2 for a store that is not there.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let Action::List(args) = args.action;
    let alerts = open(&args.data)?
        .alerts(args.min_risk, args.limit)
        .map_err(|error| unreadable(&error, Path::new("events.db")))?;
    if out.is_json() {
        out.json(&Document { alerts: alerts.iter().map(StoredAlert::document).collect() })?;
        return Ok(Exit::Fine);
    }
    for alert in &alerts {
        line(alert, out)?;
    }
    if alerts.is_empty() {
        out.say("no alerts");
    }
    Ok(Exit::Fine)
}

fn line(alert: &StoredAlert, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    let risk = match alert.risk {
        70.. => style.red(alert.risk),
        40.. => style.yellow(alert.risk),
        _ => style.dim(alert.risk),
    };
    let document = alert.document();
    let text = |name: &str| document[name].as_str().unwrap_or_default();
    let events = document["events"].as_u64().unwrap_or(0);
    out.line(format_args!(
        "{risk:>3} {} {} ({}, {} to {})",
        style.bold(truncated(text("title"), 80)),
        style.cyan(truncated(&alert.entity, 80)),
        if events == 1 { "1 event".to_owned() } else { format!("{} events", grouped(events)) },
        short_time(alert.first_seen),
        short_time(alert.last_seen),
    ))?;
    let reasons = document["contributions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let reasons: Vec<String> = reasons.iter().map(reason).collect();
    if reasons.is_empty() {
        Ok(())
    } else {
        out.line(format_args!("    {}", style.dim(reasons.join(" · "))))
    }
}

/// `+40 rule of level medium`: a number is never without its reason.
fn reason(contribution: &serde_json::Value) -> String {
    let points = contribution["points"].as_i64().unwrap_or(0);
    let detail = contribution["detail"].as_str().unwrap_or_default();
    format!("{points:+} {}", truncated(detail, 120))
}
