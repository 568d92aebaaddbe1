//! `cargo bench -p veribus-benches --bench publish`: what publishing costs its caller, beside the peers.
//!
//! All cases run in turn, each turn of a case in a process of its own, and the turns are repeated, so that all meet the
//! same noise. `--rounds N` (default 5), `--quick` (one short round), `--only SECTION` (again for more), `--json PATH`
//! writes the table for programs, `--write-docs` writes `docs/benchmarks.md` and its picture.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use veribus_benches::console::say;
use veribus_benches::machine::{self, Machine};
use veribus_benches::measure::Plan;
use veribus_benches::report::{Report, Row, Rows, page, picture, text};
use veribus_benches::section::{Entry, SECTIONS, Section, entry};
use veribus_benches::turn::Turn;

const KNOWN: &str = "--rounds N, --quick, --only SECTION, --json PATH, --write-docs";

#[derive(Default)]
struct Options {
    rounds: Option<usize>,
    quick: bool,
    only: Vec<String>,
    json: Option<String>,
    write_docs: bool,
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
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--bench" => {} // cargo bench says so
            "--quick" => options.quick = true,
            "--write-docs" => options.write_docs = true,
            "--rounds" => {
                let rounds = value()?;
                let valid = rounds.parse().ok().filter(|rounds| (1..=100).contains(rounds));
                options.rounds = Some(valid.ok_or_else(|| format!("`--rounds {rounds}` is not 1 to 100"))?);
            }
            "--only" => options.only.push(value()?),
            "--json" => options.json = Some(value()?),
            "--case" => options.case = Some(value()?),
            unknown => return Err(format!("unknown argument `{unknown}`; known: {KNOWN}")),
        }
    }
    let names = SECTIONS.map(|section| section.name);
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("no section `{unknown}`; there are {}", names.join(", ")));
    }
    if options.write_docs && !options.only.is_empty() {
        return Err("`--write-docs` writes what the whole run measured: without `--only`".to_owned());
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    if let Some(name) = &options.case {
        let plan = if options.quick { Plan::SHORT } else { Plan::FULL };
        let entry = entry(name).ok_or_else(|| format!("no case `{name}`"))?;
        let turn = entry.run(&plan)?;
        say(&serde_json::to_string(&turn).map_err(|error| error.to_string())?);
        return Ok(());
    }
    let report = measure(options)?;
    say(&text(&report));
    if let Some(path) = &options.json {
        let table = serde_json::to_string_pretty(&report.to_json()).map_err(|error| error.to_string())?;
        write(Path::new(path), &(table + "\n"))?;
    }
    if options.write_docs { write_docs(&report) } else { Ok(()) }
}

/// Runs every case in turn, round by round.
fn measure(options: &Options) -> Result<Report, String> {
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 5 });
    let mut machine = Machine::look();
    say(&format!("{}; {rounds} rounds", machine.line()));
    let begun = Instant::now();
    let wanted =
        |section: &&Section| options.only.is_empty() || options.only.iter().any(|name| name == section.name);
    let cases: Vec<(&Section, &Entry)> = SECTIONS
        .iter()
        .filter(wanted)
        .flat_map(|section| section.entries.iter().map(move |entry| (section, entry)))
        .collect();
    let mut turns: Vec<Vec<Turn>> = cases.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for ((section, entry), turns) in cases.iter().zip(&mut turns) {
            turns.push(turn(section, entry, options.quick)?);
        }
        say(&format!(
            "round {round} of {rounds} done after {} s, load {}",
            begun.elapsed().as_secs(),
            machine::load()
        ));
    }
    machine.load_after = machine::load();
    let rows = cases.iter().zip(&turns).map(|((section, entry), turns)| Row::of(section, entry, turns));
    let rows = Rows(rows.collect());
    Ok(Report { machine, rounds, quick: options.quick, seconds: begun.elapsed().as_secs(), rows })
}

/// One turn of one case, in a process of its own.
fn turn(section: &Section, entry: &Entry, quick: bool) -> Result<Turn, String> {
    let name = format!("{}/{}", section.name, entry.name);
    let program = std::env::current_exe().map_err(|error| format!("cannot find my own program: {error}"))?;
    let mut command = Command::new(program);
    command
        .args(["--case", &name])
        .args(quick.then_some("--quick"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cannot start case `{name}`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("case `{name}` ended with {}: {text}", output.status));
    }
    serde_json::from_str(&text).map_err(|error| format!("case `{name}` answered `{text}`: {error}"))
}

fn write_docs(report: &Report) -> Result<(), String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    if let Some(svg) = picture(&report.rows) {
        write(&docs.join("benchmarks/latency.svg"), &svg)?;
    }
    write(&docs.join("benchmarks.md"), &page(report))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}
