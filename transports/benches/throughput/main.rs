//! `cargo bench -p veribus-transports --features http,nats,redis --bench throughput`: a forwarder alone into each way,
//! beside the raw client of the same way moving the same bytes.
//!
//! Every case of a way runs in turn, each against an empty broker, and the turns are repeated; figures are medians over
//! the rounds. `--events N` (default 2,000,000), `--rounds N` (default 3), `--only WAY` and `--case NAME` (again for
//! more), `--json PATH`; `--write-docs` puts the table into `docs/transports.md`. The way `disk` is none: there
//! 64 threads wait for the spool.

mod confirmed;
mod docs;
mod far_side;
mod forward;
mod load;
mod raw;
mod report;
mod run;

use std::fs;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use veribus_core::VerificationEvent;
use veribus_core::codec::event_to_msgpack;
use veribus_core::transport::Parcel;

use far_side::{FarSide, Way};
use forward::Handed;
use run::{Row, Run};

const KNOWN: &str =
    "--events N, --rounds N, --only nats|redis|http|disk, --case NAME, --json PATH, --write-docs";
/// Messages of the case that sends one event in each.
const SINGLES: usize = 100_000;

/// What is run, by name; the first is the ceiling of its group.
const CASES: [&str; 5] = [report::RAW, report::TRANSPORT, report::FORWARDER, report::SPOOL, report::SINGLES];

struct Options {
    events: u64,
    rounds: usize,
    only: Vec<String>,
    cases: Vec<String>,
    json: Option<String>,
    write_docs: bool,
}

/// The same events in each form.
struct Load {
    events: Vec<Arc<VerificationEvent>>,
    count: u64,
    compressed: bool,
    parcels: Vec<Parcel>,
    singles: Vec<Bytes>,
}

fn say(text: &str) {
    // Nobody to tell if there is nobody to read.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn main() -> ExitCode {
    match options().and_then(|options| measure(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say(&format!("throughput: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let (only, cases, json, write_docs) = (Vec::new(), Vec::new(), None, false);
    let mut options = Options { events: 2_000_000, rounds: 3, only, cases, json, write_docs };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
        match argument.as_str() {
            "--bench" => {} // cargo bench says so
            "--events" => options.events = number(value()?)?.clamp(10_000, 3_000_000),
            "--rounds" => options.rounds = usize::try_from(number(value()?)?.clamp(1, 99)).unwrap_or(1),
            "--only" => options.only.push(value()?),
            "--case" => options.cases.push(value()?),
            "--json" => options.json = Some(value()?),
            "--write-docs" => options.write_docs = true,
            unknown => return Err(format!("unknown argument `{unknown}`; known: {KNOWN}")),
        }
    }
    if options.write_docs && !(options.only.is_empty() && options.cases.is_empty()) {
        return Err(
            "`--write-docs` writes what a whole run measured: without `--only` and `--case`".to_owned()
        );
    }
    Ok(options)
}

fn measure(options: &Options) -> Result<(), String> {
    let events = load::events()?;
    let mut rows = Vec::new();
    let machine = report::machine();
    say(&report::head(&machine, options.events, options.rounds));
    let is_wanted = |way: &str| options.only.is_empty() || options.only.iter().any(|only| only == way);
    for way in Way::ALL {
        if !is_wanted(way.name()) {
            continue;
        }
        if let Err(reason) = FarSide::start(way) {
            say(&format!("skipped: {}: {reason}", way.name()));
            continue;
        }
        for compressed in [false, true] {
            let load = Load::new(&events, options.events, compressed)?;
            group(way, &load, options, &mut rows)?;
        }
    }
    if is_wanted(report::DISK) {
        waiters(options, &mut rows)?;
    }
    say(&report::goals(&rows));
    if options.write_docs {
        docs::write(&docs::table(&machine, options.events, options.rounds, &rows))?;
    }
    let Some(path) = &options.json else { return Ok(()) };
    fs::write(path, report::json(&rows)).map_err(|error| format!("cannot write `{path}`: {error}"))
}

impl Load {
    fn new(events: &[Arc<VerificationEvent>], count: u64, compressed: bool) -> Result<Load, String> {
        let single = |event: &Arc<VerificationEvent>| {
            let mut bytes = Vec::new();
            event_to_msgpack(event, &mut bytes);
            Bytes::from(bytes)
        };
        let singles = events.iter().cycle().take(SINGLES).map(single).collect();
        let parcels = load::parcels(events, count, compressed)?;
        Ok(Load { events: events.to_vec(), count, compressed, parcels, singles })
    }

    /// One case against an empty far side; `None` where it makes no sense.
    fn run(&self, way: Way, case: &'static str) -> Result<Option<Run>, String> {
        let far = FarSide::start(way)?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let spool = (case == report::SPOOL).then(|| folder.path().to_owned());
        let handed = Handed { events: &self.events, count: self.count, compressed: self.compressed, spool };
        let run = match case {
            report::RAW => raw::raw(&far, &self.parcels)?,
            report::TRANSPORT => forward::transport(&far, &self.parcels)?,
            report::SINGLES if way == Way::Http || self.compressed => return Ok(None),
            report::SINGLES => raw::one_by_one(&far, &self.singles)?,
            _ => forward::forwarder(&far, &handed)?,
        };
        Ok(Some(run))
    }
}

/// Threads that wait for the disk; fewer events, since each has a sync in it.
fn waiters(options: &Options, rows: &mut Vec<Row>) -> Result<(), String> {
    let mut runs = Vec::new();
    for _ in 0..options.rounds {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        runs.push(confirmed::confirmed(options.events / 10, folder.path())?);
    }
    let row = Row::of(report::DISK, "plain", report::WAITERS, &mut runs);
    say(&report::line(&row, rows));
    rows.push(row);
    Ok(())
}

fn group(way: Way, load: &Load, options: &Options, rows: &mut Vec<Row>) -> Result<(), String> {
    let wanted = |case: &&&str| options.cases.is_empty() || options.cases.iter().any(|name| name == **case);
    let mut runs: Vec<Vec<Run>> = CASES.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (case, runs) in CASES.iter().zip(&mut runs).filter(|(case, _)| wanted(case)) {
            runs.extend(load.run(way, case)?);
        }
    }
    let bodies = if load.compressed { "zstd" } else { "plain" };
    for (case, runs) in CASES.iter().zip(&mut runs).filter(|(_, runs)| !runs.is_empty()) {
        let row = Row::of(way.name(), bodies, case, runs);
        say(&report::line(&row, rows));
        rows.push(row);
    }
    Ok(())
}
