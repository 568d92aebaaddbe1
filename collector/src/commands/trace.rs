//! `veribus trace ID`: everything that belongs to one trace, across services, in the order of time.

use std::fmt::{self, Display, Formatter};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use veribus_core::escape::truncated;
use veribus_core::{TraceContext, TraceId, VerificationEvent};

use super::search::{open, unreadable};
use crate::cli::{CommandError, Exit};
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::output::{Output, counted};
use crate::shown::{fields, mark, short_time};
use crate::store::{Query, StoredEvent};

/// Most events of one trace that are shown.
const EVENTS_MAX: usize = 10_000;
/// Widest service name in the lanes.
const LANE_CHARS: usize = 20;

/// Arguments of `veribus trace`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus trace 4bf92f3577b34da6a3ce929d0e0e4736")]
pub struct Args {
    /// Trace id (32 hexadecimal digits) or a whole `traceparent`
    #[arg(value_name = "ID", value_parser = trace_id)]
    id: TraceId,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

fn trace_id(text: &str) -> Result<TraceId, String> {
    let text = text.to_ascii_lowercase();
    if text.len() > 32 {
        return TraceContext::parse(&text).map(|trace| trace.trace_id).map_err(|error| error.to_string());
    }
    text.parse().map_err(|_| "a trace id is 32 hexadecimal digits, not all zero".to_owned())
}

/// Shows the trace, which is empty if nothing of it is stored.
///
/// # Errors
/// [`CommandError`]: exit code 2 for a store that is not there.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let store = open(&args.data)?;
    let (mut events, mut truncated) = (Vec::new(), false);
    let searched = store.search(&Query::default().trace(args.id), |stored| {
        if events.len() == EVENTS_MAX {
            truncated = true;
            return ControlFlow::Break(());
        }
        events.push(stored);
        ControlFlow::Continue(())
    });
    searched.map_err(|error| unreadable(&error, Path::new("events.db")))?;
    events.reverse();
    if out.is_json() {
        document(args.id, &events, truncated, out)?
    } else {
        timeline(args.id, &events, truncated, out)?
    }
    Ok(Exit::Fine)
}

/// Names of the services, each once, in the order of their first event.
fn services(events: &[StoredEvent]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for stored in events {
        let name = stored.source.service.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// From the first event to the end of the last one, in nanoseconds.
fn span_nanos(events: &[StoredEvent]) -> u64 {
    let Some(first) = events.first() else { return 0 };
    let end = |e: &VerificationEvent| e.time.saturating_since(first.event.time).as_nanos();
    events.iter().map(|stored| end(&stored.event)).max().unwrap_or(0).try_into().unwrap_or(u64::MAX)
}

fn document(
    id: TraceId,
    events: &[StoredEvent],
    truncated: bool,
    out: &mut Output,
) -> Result<(), CommandError> {
    let services = serde_json::json!(services(events));
    out.bytes(
        format!(
            "{{\"trace\":\"{id}\",\"services\":{services},\"span_ns\":{},\"events\":[",
            span_nanos(events)
        )
        .as_bytes(),
    )?;
    for (index, stored) in events.iter().enumerate() {
        out.bytes(if index == 0 { b"\n" } else { b",\n" })?;
        out.bytes(stored.to_json().as_bytes())?;
    }
    out.line(format_args!("\n],\"truncated\":{truncated}}}"))
}

fn timeline(id: TraceId, events: &[StoredEvent], cut: bool, out: &mut Output) -> Result<(), CommandError> {
    let Some(first) = events.first() else {
        out.say(format_args!("no event of trace {id} is stored"));
        return Ok(());
    };
    let style = out.style();
    let services = services(events);
    let failures = events.iter().filter(|s| s.event.outcome == veribus_core::Outcome::Failure).count();
    out.line(format_args!(
        "{} {}, {}, {failures} failed, from {}",
        style.bold(id),
        counted(events.len() as u64, "event"),
        counted(services.len() as u64, "service"),
        short_time(first.event.time)
    ))?;
    let width = services
        .iter()
        .map(|name| truncated(name, LANE_CHARS).to_string().chars().count())
        .max()
        .unwrap_or(0);
    for stored in events {
        let offset = stored.event.time.saturating_since(first.event.time);
        let lane = truncated(&stored.source.service, LANE_CHARS).to_string();
        let offset = format!("+{:.3} ms", offset.as_secs_f64() * 1e3);
        out.line(format_args!(
            "{} {} {} {}{}",
            style.dim(format_args!("{offset:>14}")),
            style.cyan(format_args!("{lane:<width$}")),
            mark(stored.event.outcome, style),
            style.bold(truncated(&stored.event.action, 40)),
            Fields(&stored.event),
        ))?;
    }
    if cut {
        out.say(format_args!("the newest {EVENTS_MAX} events are shown, there are more"));
    }
    Ok(())
}

struct Fields<'a>(&'a VerificationEvent);

impl Display for Fields<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        fields(f, self.0)
    }
}
