//! `cargo bench -p veribus-benches --bench publish`: what build + publish costs its caller, beside the peers.
//!
//! All cases run in turn, each turn of a case in a process of its own, and the turns are repeated, so that all meet
//! the same noise. `--rounds N` (default 5), `--quick` (one short round), `--json PATH` writes the table as well.

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use veribus_benches::case::{ENTRIES, Entry};
use veribus_benches::console::say;
use veribus_benches::machine;
use veribus_benches::measure::{Figures, Plan};
use veribus_benches::table::{Row, render};

const NOT_MEASURED: &str = "
how to read it
  typical   median over bursts of a burst's mean: two clock reads for 256 events, nothing subtracted
  p50 ..    single events; each includes one clock read, whose cost is the row `nothing`
  a cell    median over the rounds; compare within this run only
  lost      what the library counts itself; the OpenTelemetry SDK tells nobody, so its losses are the difference
  building the event from borrowed text, ids, clock and hand-over are included in every row but the verifications
not measured
  the far side's own work (encoding, writing, sending) beyond what the row names; more than one producer;
  a far side that falls behind; what publishing adds to a verification whose caches it shares";

struct Options {
    rounds: usize,
    quick: bool,
    json: Option<String>,
    case: Option<String>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say(&format!("publish: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options { rounds: 5, quick: false, json: None, case: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--bench" => {} // cargo bench says so
            "--quick" => options.quick = true,
            "--rounds" => {
                let rounds = value()?;
                let valid = rounds.parse().ok().filter(|rounds| (1..=100).contains(rounds));
                options.rounds = valid.ok_or_else(|| format!("`--rounds {rounds}` is not 1 to 100"))?;
            }
            "--json" => options.json = Some(value()?),
            "--case" => options.case = Some(value()?),
            unknown => {
                return Err(format!("unknown argument `{unknown}`; known: --rounds N, --quick, --json PATH"));
            }
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    let plan = if options.quick { Plan::SHORT } else { Plan::FULL };
    if let Some(name) = &options.case {
        let entry =
            ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| format!("no case `{name}`"))?;
        let figures = entry.run(&plan)?;
        say(&serde_json::to_string(&figures).map_err(|error| error.to_string())?);
        return Ok(());
    }
    let rounds = if options.quick { 1 } else { options.rounds };
    say(&format!(
        "{}; {rounds} rounds of {} bursts and {} paced events",
        machine::describe(),
        plan.bursts,
        plan.paced
    ));
    let mut figures: Vec<Vec<Figures>> = ENTRIES.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (entry, figures) in ENTRIES.iter().zip(&mut figures) {
            figures.push(turn(entry, options.quick)?);
        }
    }
    let rows: Vec<Row> = ENTRIES.iter().zip(&figures).map(|(entry, rounds)| Row::of(entry, rounds)).collect();
    let pinned = rows.iter().all(|row| row.pinned);
    say(if pinned {
        "caller on core 0, its library's threads on core 1"
    } else {
        "threads are not pinned: wider spread"
    });
    say(&render(&rows));
    say(NOT_MEASURED);
    match &options.json {
        Some(path) => write_json(path, rounds, &rows),
        None => Ok(()),
    }
}

/// One turn of one case, in a process of its own.
fn turn(entry: &Entry, quick: bool) -> Result<Figures, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find my own program: {error}"))?;
    let mut command = Command::new(program);
    command
        .args(["--case", entry.name])
        .args(quick.then_some("--quick"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cannot start case `{}`: {error}", entry.name))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("case `{}` ended with {}: {text}", entry.name, output.status));
    }
    serde_json::from_str(&text).map_err(|error| format!("case `{}` answered `{text}`: {error}", entry.name))
}

fn write_json(path: &str, rounds: usize, rows: &[Row]) -> Result<(), String> {
    let table = serde_json::json!({ "machine": machine::describe(), "rounds": rounds, "rows": rows });
    let text = serde_json::to_string_pretty(&table).map_err(|error| error.to_string())?;
    fs::write(path, text + "\n").map_err(|error| format!("cannot write `{path}`: {error}"))
}
