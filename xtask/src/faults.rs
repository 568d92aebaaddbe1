//! `cargo xtask faults`: the fault tests at a tier of choice, and what they did appended to `tests/LEDGER.md`.

use std::fs::OpenOptions;
use std::io::Write;

use crate::command::Run;
use crate::console::say;

/// Where results accumulate.
const LEDGER: &str = "tests/LEDGER.md";

/// Runs every fault test at `tier`, `0` or `1`; an error if one failed or the ledger cannot be written.
pub(crate) fn run(tier: &str) -> Result<(), String> {
    let test = ["test", "--locked", "--package", "veribus-faults", "--no-fail-fast", "--"];
    // Most of their time is waiting.
    let some_at_once = ["--show-output", "--test-threads=3"];
    let run = Run::cargo(&[test.as_slice(), &some_at_once].concat()).env("VERIBUS_FAULT_TIER", tier);
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    let status = run.lines(|line| {
        say(line);
        if let Some(done) = line.trim().strip_prefix("ledger: ") {
            rows.push(done.to_owned());
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|test| test.strip_suffix(" ... FAILED"))
        {
            failed.push(name.to_owned());
        }
    })?;
    let rows = rows.iter().map(|row| format!("{row} | passed"));
    let failures = failed.iter().map(|name| format!("`{name}` | see the run's output | - | FAILED"));
    append(tier, &rows.chain(failures).collect::<Vec<_>>())?;
    if status.success() { Ok(()) } else { Err(format!("{} fault tests failed", failed.len().max(1))) }
}

/// Appends rows to the ledger, each with the date, the commit and the tier in front.
pub(crate) fn append(tier: &str, rows: &[String]) -> Result<(), String> {
    let told = |program: &str, arguments: &[&str]| {
        Run::program(program, arguments).capture().map(|captured| captured.stdout.trim().to_owned())
    };
    let (date, commit) = (told("date", &["-u", "+%F"])?, told("git", &["rev-parse", "--short=9", "HEAD"])?);
    let text: String = rows.iter().map(|row| format!("| {date} | {commit} | {tier} | {row} |\n")).collect();
    let cannot = |error| format!("cannot write `{LEDGER}`: {error}");
    let mut ledger = OpenOptions::new().append(true).open(LEDGER).map_err(cannot)?;
    ledger.write_all(text.as_bytes()).map_err(cannot)?;
    say(&format!("\n{} rows appended to {LEDGER}", rows.len()));
    Ok(())
}
