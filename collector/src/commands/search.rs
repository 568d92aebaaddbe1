//! `veribus search QUERY`: finds stored events, newest first; works while the collector runs.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use veribus_core::escape::Escaped;

use crate::cli::{CommandError, Exit};
use crate::data_dir::{DEFAULT_DATA_DIR, DataDir};
use crate::output::{Output, counted};
use crate::shown::EventLine;
use crate::store::{Query, Reader, StoreError, When};

/// Arguments of `veribus search`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What must hold, all of it; nothing finds everything
    #[arg(value_name = "QUERY")]
    query: Vec<String>,
    /// Only events at or after this time: 15m, 2d, a date, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Most events to show
    #[arg(long, default_value_t = 100, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Print one JSON object a line
    #[arg(long, conflicts_with = "count")]
    jsonl: bool,
    /// Only say how many there are
    #[arg(long)]
    count: bool,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

const AFTER_HELP: &str = "\
Terms: kind: action: outcome: actor: ip: service: trace: id: severity: severity>=
A value may end in *; a - before a term turns it round (then put -- before the query); other words are looked for in the whole event.

Example: veribus search kind:authentication outcome:failure actor:root severity>=high --since 2h";

/// Finds and shows events.
///
/// # Errors
/// [`CommandError`]: exit code 2 for a query that is not understood or a store that is not there.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    if let Some(option) = args.query.iter().find(|term| term.starts_with("--")) {
        let told = format!("`{}` stands behind the `--`, where everything is a term", Escaped(option));
        return Err(CommandError::usage(told).help("put options before the `--`"));
    }
    let mut query = Query::parse(&args.query.join(" "))
        .map_err(|error| CommandError::usage(error).help("`veribus search --help` lists the terms"))?;
    if let Some(When(time)) = args.since {
        query = query.since(time);
    }
    if let Some(When(time)) = args.until {
        query = query.until(time);
    }
    let store = open(&args.data)?;
    if args.count {
        return count(&store, &query, out);
    }
    if out.is_json() && !args.jsonl {
        document(&store, &query, args.limit, out)
    } else {
        lines(&store, &query, &args, out)
    }
}

/// Opens the store of a data folder to read.
///
/// # Errors
/// Exit code 2 with what is wrong.
pub(super) fn open(data: &Path) -> Result<Reader, CommandError> {
    let dir = folder(data)?;
    let database = dir.database();
    Reader::open(&database).map_err(|error| unreadable(&error, &database))
}

/// The data folder, which has to be there.
///
/// # Errors
/// Exit code 2 with how to get one.
pub(super) fn folder(data: &Path) -> Result<DataDir, CommandError> {
    DataDir::open(data).map_err(|error| CommandError::usage(&error).code(error.code()))
}

/// What is wrong with a store, and where it is.
pub(super) fn unreadable(error: &StoreError, database: &Path) -> CommandError {
    let told = CommandError::usage(format_args!(
        "cannot read the store `{}` [{}]",
        database.display(),
        error.code()
    ));
    told.code(error.code()).because(error.to_string())
}

fn count(store: &Reader, query: &Query, out: &mut Output) -> Result<Exit, CommandError> {
    let count = store.count(query).map_err(|error| unreadable(&error, Path::new("events.db")))?;
    if out.is_json() {
        out.json(&serde_json::json!({ "count": count }))?
    } else {
        out.line(count)?
    }
    Ok(Exit::Fine)
}

fn lines(store: &Reader, query: &Query, args: &Args, out: &mut Output) -> Result<Exit, CommandError> {
    let (mut shown, mut more) = (0_u64, false);
    let style = out.style();
    each(store, query, |stored| {
        if shown == args.limit {
            more = true;
            return Ok(ControlFlow::Break(()));
        }
        shown += 1;
        if args.jsonl {
            out.line(stored.to_json())?;
        } else {
            out.line(EventLine { event: &stored.event, service: &stored.source.service, style })?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if more {
        out.say(format_args!(
            "only the newest are shown ({}), there are more; see --limit and --count",
            counted(shown, "event")
        ));
    } else if shown == 0 {
        out.say("nothing found");
    }
    Ok(Exit::Fine)
}

/// One JSON document, each event on a line of its own.
fn document(store: &Reader, query: &Query, limit: u64, out: &mut Output) -> Result<Exit, CommandError> {
    let (mut shown, mut more) = (0_u64, false);
    out.bytes(b"{\"events\":[")?;
    each(store, query, |stored| {
        if shown == limit {
            more = true;
            return Ok(ControlFlow::Break(()));
        }
        out.bytes(if shown == 0 { b"\n" } else { b",\n" })?;
        out.bytes(stored.to_json().as_bytes())?;
        shown += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    out.line(format_args!("\n],\"truncated\":{more}}}"))?;
    Ok(Exit::Fine)
}

/// Visits what is found until the visitor breaks or fails.
fn each(
    store: &Reader,
    query: &Query,
    mut visit: impl FnMut(&crate::store::StoredEvent) -> Result<ControlFlow<()>, CommandError>,
) -> Result<(), CommandError> {
    let mut failed = None;
    let searched = store.search(query, |stored| match visit(&stored) {
        Ok(flow) => flow,
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    searched.map_err(|error| unreadable(&error, Path::new("events.db")))?;
    failed.map_or(Ok(()), Err)
}
