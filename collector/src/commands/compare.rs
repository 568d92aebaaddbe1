//! `veribus compare LOG`: an old log beside the events of the same service, by name, and what either side lacks.

mod line;
mod pair;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use veribus_core::escape::{Escaped, truncated};
use veribus_core::{Redactor, Timestamp, Value, VerificationEvent};

use super::search::{open, unreadable};
use crate::cli::{CommandError, Exit};
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::output::{Output, counted, grouped};
use crate::store::{Query, Reader, When};
use line::{Level, Line, ordered, shown};
use pair::Pair;

/// Bytes of a line that are read; a longer one is unreadable.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Names that are kept apart; what comes after them is counted together.
const NAMES_MAX: usize = 10_000;
const OTHERS: &str = "(other names)";
/// What a record without a text is shown as.
const NO_TEXT: &str = "(no text)";
/// Characters of a name that are shown.
const NAME_CHARS: usize = 60;
/// What a bridge calls a record that names no action.
const RECORD: &str = "log.record";
/// Where a bridge puts a record's text.
const TEXT: &str = "log.message";

/// Arguments of `veribus compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The old log, one JSON object a line; `-` for standard input
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// Only events of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only lines and events at or after this time: 15m, 2d, a date, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only lines and events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// The least level that the bridge takes: lines below are left out
    #[arg(long, value_enum, value_name = "LEVEL")]
    level: Option<Level>,
    /// Count lines of this text or action against typed events of this action, and of this outcome: success, failure,
    /// unknown; may be repeated
    #[arg(long, value_name = "LINE=ACTION[:OUTCOME]")]
    pair: Vec<Pair>,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

const AFTER_HELP: &str = "\
Reads what pino, winston, structlog and the JSON formatters of `logging` write. A line counts under the action it names, else
under its text; so does the event that a bridge made of it. Exit code 1 if the sides differ, if a line was not understood, and
if there was nothing to compare.

Example: veribus compare app.log --service web --since 1h --level warn --pair 'login failed=login:failure'";

/// One name on both sides.
#[derive(Debug, Default, Serialize)]
struct Both {
    lines: u64,
    events: u64,
}

/// What was found; `names` has all of them.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    /// Lines that were compared.
    lines: u64,
    /// Events that were compared.
    events: u64,
    /// Lines that no event stands for, over all names.
    only_in_log: u64,
    /// Events that no line stands for, over all names.
    only_on_bus: u64,
    /// Lines that are no JSON object, or too long.
    unreadable: u64,
    /// Lines below the level that the bridge takes.
    below_level: u64,
    /// Lines outside of the time.
    outside: u64,
    /// Lines of which nobody knows whether they are of the time: they have none that is understood.
    undated: u64,
    names: BTreeMap<String, Both>,
}

impl Comparison {
    fn name(&mut self, name: &str) -> &mut Both {
        let known = self.names.len() < NAMES_MAX || self.names.contains_key(name);
        self.names.entry(if known { name } else { OTHERS }.to_owned()).or_default()
    }

    fn is_nothing(&self) -> bool {
        self.lines == 0 && self.events == 0
    }

    /// Whether both sides say the same, as far as all of what was asked for could be compared.
    fn is_equal(&self) -> bool {
        let is_whole = self.unreadable == 0 && self.undated == 0 && !self.is_nothing();
        is_whole && self.only_in_log == 0 && self.only_on_bus == 0
    }
}

/// Compares.
///
/// # Errors
/// [`CommandError`]: exit code 2 for a log or a store that cannot be read, and for pairs that take the same events.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    pair::are_apart(&args.pair)?;
    let store = open(&args.data)?;
    let mut found = Comparison::default();
    count_lines(&args, &mut found)?;
    count_events(&args, &store, &mut found)?;
    for both in found.names.values() {
        found.only_in_log += both.lines.saturating_sub(both.events);
        found.only_on_bus += both.events.saturating_sub(both.lines);
    }
    if out.is_json() {
        out.json(&found)?
    } else {
        show(&found, out)?
    }
    Ok(if found.is_equal() { Exit::Fine } else { Exit::Found })
}

fn count_lines(args: &Args, found: &mut Comparison) -> Result<(), CommandError> {
    let cannot = |error: io::Error| {
        let shown = args.log.to_string_lossy();
        CommandError::usage(format_args!("cannot read `{}`", Escaped(&shown))).because(error)
    };
    let input: Box<dyn Read> = if args.log == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&args.log).map_err(cannot)?)
    };
    let (mut lines, mut line, redactor) = (BufReader::new(input), Vec::new(), Redactor::standard());
    loop {
        line.clear();
        if lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(cannot)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            lines.skip_until(b'\n').map_err(cannot)?;
            found.unreadable += 1;
        } else if !line.trim_ascii().is_empty() {
            count_line(args, Line::read(&line, &redactor), found);
        }
    }
}

fn count_line(args: &Args, line: Option<Line>, found: &mut Comparison) {
    let Some(line) = line else {
        found.unreadable += 1;
        return;
    };
    let is_inside = |time: Timestamp| {
        args.since.is_none_or(|When(since)| since <= time)
            && args.until.is_none_or(|When(until)| time < until)
    };
    let is_windowed = args.since.is_some() || args.until.is_some();
    if is_windowed && line.time.is_none() {
        found.undated += 1;
    } else if line.time.is_some_and(|time| !is_inside(time)) {
        found.outside += 1;
    } else if args.level.is_some_and(|least| line.level.is_some_and(|level| level < least)) {
        found.below_level += 1;
    } else {
        found.lines += 1;
        found.name(&line.name).lines += 1;
    }
}

fn count_events(args: &Args, store: &Reader, found: &mut Comparison) -> Result<(), CommandError> {
    let mut query = Query::default();
    if let Some(When(time)) = args.since {
        query = query.since(time);
    }
    if let Some(When(time)) = args.until {
        query = query.until(time);
    }
    let redactor = Redactor::standard();
    let searched = store.search(&query, |stored| {
        let is_asked_for = args.service.as_ref().is_none_or(|name| *name == *stored.source.service);
        if let Some(name) = is_asked_for.then(|| counted_as(&stored.event, &args.pair, &redactor)).flatten() {
            found.events += 1;
            found.name(&name).events += 1;
        }
        ControlFlow::Continue(())
    });
    searched.map_err(|error| unreadable(&error, Path::new("events.db")))
}

/// The name under which an event counts. What came through a bridge counts as its line does; a typed event counts only
/// as what it was paired with, and instead of the bridged ones of that name.
fn counted_as(event: &VerificationEvent, pairs: &[Pair], redactor: &Redactor) -> Option<String> {
    let text = match event.attributes.get(TEXT) {
        Some(Value::String(text)) => text,
        _ => {
            let pair = pairs.iter().find(|pair| pair.takes(&event.action, event.outcome));
            return pair.map(|pair| pair.line.clone());
        }
    };
    let name = if event.action == RECORD { ordered(text) } else { shown(&event.action, redactor) };
    pairs.iter().all(|pair| pair.line != name).then_some(name)
}

fn show(found: &Comparison, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    out.line(format_args!("{:<NAME_CHARS$} {:>10} {:>10}", "name", "lines", "events"))?;
    for (name, Both { lines, events }) in found.names.iter().filter(|(_, both)| both.lines != both.events) {
        let name = if name.is_empty() { NO_TEXT } else { name };
        let name = truncated(name, NAME_CHARS).to_string();
        let events = style.red(format!("{:>10}", grouped(*events)));
        out.line(format_args!("{name:<NAME_CHARS$} {:>10} {events}", grouped(*lines)))?;
    }
    let equal = found.names.values().filter(|both| both.lines == both.events).count() as u64;
    let equal = format!("{} with the same count", counted(equal, "name"));
    out.line(format_args!("{equal:<NAME_CHARS$}"))?;
    let (lines, events) = (grouped(found.lines), grouped(found.events));
    out.line(format_args!("{:<NAME_CHARS$} {lines:>10} {events:>10}", "all"))?;
    for (count, why) in [
        (found.only_in_log, "only in the log"),
        (found.only_on_bus, "only on the bus"),
        (found.below_level, "of the log left out: below the level"),
        (found.outside, "of the log left out: not of that time"),
        (found.undated, "of the log not compared: without a time that is understood"),
        (found.unreadable, "of the log not compared: no JSON object, or longer than 1 MiB"),
    ] {
        if count > 0 {
            out.say(format_args!("{} {why}", grouped(count)));
        }
    }
    if found.is_nothing() {
        out.say("nothing was compared: no line and no event is of this service, time and level");
    }
    Ok(())
}
