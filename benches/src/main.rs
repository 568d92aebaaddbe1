//! `veribus-bench`: what publishing costs its caller, beside the peers. Started by `cargo bench --bench publish`.
//!
//! `--rounds N` (default 5), `--quick` (one short round), `--only SECTION` (again for more), `--json PATH` writes the
//! table for programs, `--write-docs` writes `docs/benchmarks.md` and its picture. `--case NAME` is one turn of one case,
//! answered as JSON: what the run starts for each. Files are written at the end of a whole run and at no other time.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use veribus_benches::console::say;
use veribus_benches::report::{Report, page, picture, text};
use veribus_benches::run::{Ended, Run, Size, answer};
use veribus_benches::section::SECTIONS;

const KNOWN: &str =
    "--rounds N, --quick, --only SECTION, --json PATH, --write-docs, --case NAME, --size SIZE";

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(Default)]
struct Options {
    rounds: Option<usize>,
    size: Size,
    only: Vec<String>,
    json: Option<String>,
    write_docs: bool,
    case: Option<String>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(code) => code,
        Err(reason) => {
            say(&format!("veribus-bench: {reason}"));
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
            "--quick" => options.size = Size::Short,
            "--size" => options.size = Size::named(&value()?)?,
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
    if options.write_docs && (!options.only.is_empty() || options.size != Size::Full) {
        return Err(
            "`--write-docs` writes what a whole run measured: without `--only` and `--quick`".to_owned()
        );
    }
    Ok(options)
}

fn run(options: &Options) -> Result<ExitCode, String> {
    if let Some(name) = &options.case {
        say(&answer(name, options.size)?);
        return Ok(ExitCode::SUCCESS);
    }
    let rounds = options.rounds.unwrap_or(if options.size == Size::Full { 5 } else { 1 });
    match Run::new(rounds, options.size, &options.only)?.measure()? {
        Ended::Whole(report) => {
            say(&text(&report));
            if let Some(path) = &options.json {
                let table = serde_json::to_string_pretty(&report.to_json());
                write(Path::new(path), &(table.map_err(|error| error.to_string())? + "\n"))?;
            }
            if options.write_docs {
                write_docs(&report)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Ended::Interrupted(report) => {
            if let Some(report) = report {
                say(&text(&report));
            }
            say("interrupted: no file was written");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

fn write_docs(report: &Report) -> Result<(), String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    if let Some(svg) = picture(&report.rows) {
        write(&docs.join("benchmarks/latency.svg"), &svg)?;
    }
    write(&docs.join("benchmarks.md"), &page(report))
}

/// All of a file or nothing of it: what was there stays until the new one is whole.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let new = path.with_extension("new");
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&new, text))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}
