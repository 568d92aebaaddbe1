//! `cargo xtask faults --planted`: each bug that is planted in the sources is turned on, and the fault tests must find it.
//!
//! One build carries them all (`--cfg veribus_planted`, in a target directory of its own); `VERIBUS_PLANTED` names the
//! one that is on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::command::Run;
use crate::console::say;
use crate::faults::append;
use crate::workspace;

/// Where bugs are planted.
const SOURCES: [&str; 3] = ["core/src", "handlers/src", "collector/src"];
/// The fault tests that look for them, the quickest first.
const TESTS: [&str; 5] =
    ["spool_simulated", "spool_damage", "publisher_process", "collector_process", "collector_crash_points"];

/// How long one of them may take; a bug that makes it hang is found too.
const WITHIN_SECONDS: &str = "600";
/// How `timeout` says that it ended the program.
const TIMED_OUT: i32 = 124;

/// Turns on one bug after the other; an error if one is not found, or if something is found where none is.
pub(crate) fn run() -> Result<(), String> {
    let bugs = planted()?;
    say(&format!("{} bugs are planted", bugs.len()));
    if let Some(found) = look_for("")? {
        return Err(format!("without a bug the tests fail already: {}", found.how));
    }
    let (mut rows, mut missed) = (Vec::new(), Vec::new());
    for bug in &bugs {
        let row = match look_for(bug)? {
            Some(Found { test, how, seed }) => format!("planted `{bug}` | {test}: {how} | {seed} | found"),
            None => {
                missed.push(bug.as_str());
                format!("planted `{bug}` | all fault tests were silent | - | NOT FOUND")
            }
        };
        say(&row);
        rows.push(row);
    }
    append("planted", &rows)?;
    if missed.is_empty() { Ok(()) } else { Err(format!("not found: {}", missed.join(", "))) }
}

/// The names of all bugs in the sources.
fn planted() -> Result<BTreeSet<String>, String> {
    let mut bugs = BTreeSet::new();
    for source in SOURCES {
        collect(Path::new(source), &mut bugs)?;
    }
    if bugs.is_empty() { Err("no bug is planted".to_owned()) } else { Ok(bugs) }
}

fn collect(folder: &Path, bugs: &mut BTreeSet<String>) -> Result<(), String> {
    let cannot = |error| format!("cannot read `{}`: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            collect(&path, bugs)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).map_err(cannot)?;
            let named = text.split("planted!(\"").skip(1).filter_map(|rest| rest.split_once("\")"));
            bugs.extend(named.map(|(bug, _)| bug.to_owned()));
        }
    }
    Ok(())
}

/// What a bug gave away.
struct Found {
    test: String,
    how: String,
    seed: String,
}

/// Runs the tests with `bug` on until one fails.
fn look_for(bug: &str) -> Result<Option<Found>, String> {
    for test in TESTS {
        let cargo = ["--kill-after=5", WITHIN_SECONDS, "cargo", "test", "--locked"];
        let arguments = ["--package", "veribus-faults", "--test", test, "--"];
        let one_by_one = ["--show-output", "--test-threads=1"];
        let run = Run::program("timeout", &[cargo.as_slice(), &arguments, &one_by_one].concat())
            .env("RUSTFLAGS", "--cfg veribus_planted")
            .env("CARGO_TARGET_DIR", &workspace::target_of("planted")?)
            .env("VERIBUS_PLANTED", bug);
        let mut lines = Vec::new();
        let status = run.lines(|line| lines.push(line.trim().to_owned()))?;
        if status.success() {
            continue;
        }
        if status.code() == Some(TIMED_OUT) {
            let (test, how) = (format!("`{test}`"), format!("it did not end within {WITHIN_SECONDS} s"));
            return Ok(Some(Found { test, how, seed: seed(&lines) }));
        }
        let failed = lines.iter().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
        let Some(name) = failed else {
            return Err(format!("the tests did not run:\n{}", lines.join("\n")));
        };
        return Ok(Some(Found { test: format!("`{name}`"), how: how(&lines), seed: seed(&lines) }));
    }
    Ok(None)
}

/// The first breach of a rule and how soon it came, or what the first panic said.
fn how(lines: &[String]) -> String {
    let breach = lines.iter().find(|line| line.starts_with('(') && line.chars().nth(2) == Some(')'));
    let soon = lines.iter().find_map(|line| Some(line.split_once(", after ")?.1.split_once(':')?.0));
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let said = breach.or_else(|| lines.get(panic? + 1));
    let said = said.map_or("it failed", String::as_str).replace('|', "/");
    let soon = soon.map_or_else(String::new, |soon| format!("after {soon}, "));
    format!("{soon}{said}").chars().take(160).collect()
}

/// The seed of the run that failed, or that all runs follow from.
fn seed(lines: &[String]) -> String {
    let mut seeds = lines.iter().filter(|line| line.starts_with("VERIBUS_SEED="));
    let one = seeds.clone().find_map(|line| line.split_once(", after ").map(|(seed, _)| seed));
    one.or_else(|| seeds.next().map(String::as_str)).unwrap_or("-").to_owned()
}
