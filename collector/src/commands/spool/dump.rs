//! `veribus spool dump DIR`: every event, loss and damage in the spools of a directory, one line each.

use serde::Serialize;
use serde_json::Value;
use veribus_core::codec::event_to_json;
use veribus_core::escape::Escaped;
use veribus_core::{LossRecord, VerificationEvent};
use veribus_handlers::forward::{Disk, SpoolEntry, SpoolFound, dump};

use super::{DirArgs, not_listed};
use crate::cli::{CommandError, Exit};
use crate::output::Output;
use crate::shown::EventLine;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: DirArgs,
    /// Also what the collector has already, and only waits to be removed
    #[arg(long)]
    all: bool,
}

/// Runs `veribus spool dump`.
///
/// # Errors
/// Exit code 2 where the directory cannot be listed.
pub(super) fn run(args: &Args, out: &mut Output) -> Result<Exit, CommandError> {
    let (dir, mut exit, mut shown) = (&args.dir.dir, Exit::Fine, Ok(()));
    let listed = dump(&Disk, dir, &mut |entry| {
        if matches!(entry.found, SpoolFound::Damage { .. } | SpoolFound::Unreadable(_)) {
            exit = Exit::Found;
        } else if !entry.waits && !args.all {
            return true;
        }
        shown = show(&entry, out);
        shown.is_ok()
    });
    listed.map_err(|error| not_listed("show", dir, error))?;
    shown.map(|()| exit)
}

#[derive(Serialize)]
struct Line {
    spool: String,
    segment: u64,
    offset: u64,
    waits: bool,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
enum Found {
    Event { spooled: String, event: Value },
    Account { instance: String, losses: Vec<Loss>, lanes: usize },
    Damage { bytes: u64, event: Option<String> },
    Unreadable { why: String },
}

#[derive(Serialize)]
struct Loss {
    lane: u16,
    first: u64,
    last: u64,
    count: u64,
    reason: &'static str,
}

fn show(entry: &SpoolEntry<'_>, out: &mut Output) -> Result<(), CommandError> {
    if out.is_json() {
        return out.json_line(&Line {
            spool: entry.spool.to_string_lossy().into_owned(),
            segment: entry.segment,
            offset: entry.offset,
            waits: entry.waits,
            found: found(&entry.found),
        });
    }
    let style = out.style();
    match &entry.found {
        SpoolFound::Event { event, .. } => {
            out.line(EventLine { event, service: &event.id.to_string(), style })
        }
        SpoolFound::Account { instance, losses, lanes } => {
            let lost: u64 = losses.iter().map(|loss| loss.count).sum();
            let lanes = lanes.len();
            out.line(format_args!("account of {instance}: {lost} lost, {lanes} lanes marked"))
        }
        SpoolFound::Damage { bytes, event } => {
            let named = event.map_or_else(String::new, |id| format!(", the event {id} among them"));
            let (place, offset) = (entry.segment, entry.offset);
            let damaged = style.red("DAMAGED");
            out.line(format_args!("{damaged}  {bytes} bytes at {offset} of segment {place}{named}"))
        }
        SpoolFound::Unreadable(why) => {
            let (unreadable, shown) = (style.red("UNREADABLE"), entry.spool.to_string_lossy());
            out.line(format_args!("{unreadable}  {}: {}", Escaped(&shown), Escaped(why)))
        }
        _ => Ok(()),
    }
}

fn found(found: &SpoolFound) -> Found {
    match found {
        SpoolFound::Event { at, event } => Found::Event { spooled: at.to_string(), event: json(event) },
        SpoolFound::Account { instance, losses, lanes } => Found::Account {
            instance: instance.to_string(),
            losses: losses.iter().map(Loss::of).collect(),
            lanes: lanes.len(),
        },
        SpoolFound::Damage { bytes, event } => {
            Found::Damage { bytes: *bytes, event: event.map(|id| id.to_string()) }
        }
        SpoolFound::Unreadable(why) => Found::Unreadable { why: why.clone() },
        _ => Found::Unreadable { why: "this program does not know what it is".to_owned() },
    }
}

impl Loss {
    fn of(loss: &LossRecord) -> Self {
        let LossRecord { lane, reason, first_seq, last_seq, count, .. } = *loss;
        Loss { lane, first: first_seq, last: last_seq, count, reason: reason.as_str() }
    }
}

fn json(event: &VerificationEvent) -> Value {
    let mut bytes = Vec::new();
    event_to_json(event, &mut bytes);
    serde_json::from_slice(&bytes).unwrap_or_default()
}
