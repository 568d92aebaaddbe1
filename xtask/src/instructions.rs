//! What the hot paths cost in instructions, counted under callgrind and held against what is recorded.
//!
//! Counts do not depend on the load of the machine, so they can fail a build where times cannot. They do depend on the
//! compiler, which `rust-toolchain.toml` pins; and valgrind hides some abilities of the processor, so that SHA-256 costs
//! more in these counts than in life.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::workspace;

/// The counts that are held, by task.
const RECORD: &str = "xtask/instructions/counts.json";
/// How much more than recorded a task may cost.
const TOLERANCE_PERCENT: u64 = 5;
/// How often each task is done in its two runs.
const TIMES: [u64; 2] = [4_000, 12_000];

/// Counts every recorded task; fails if one costs over 5 % more than recorded.
pub(crate) fn stay_within_their_record() -> Answer {
    if Run::program("valgrind", &["--version"]).capture().is_err() {
        return Ok(Outcome::Noted("skipped: valgrind is not installed".to_owned()));
    }
    let record = fs::read_to_string(RECORD).map_err(|error| format!("cannot read `{RECORD}`: {error}"))?;
    let record: Map<String, Value> =
        serde_json::from_str(&record).map_err(|error| format!("`{RECORD}` is not a JSON object: {error}"))?;
    let program = build()?;
    let mut grown = Vec::new();
    let mut counts = Vec::new();
    for (task, recorded) in &record {
        let recorded = recorded.as_u64().ok_or(format!("`{RECORD}`: `{task}` is not a number"))?;
        let each = each(&program, task)?;
        say(&format!("{each:>6} instructions, {recorded:>6} recorded: {task}"));
        counts.push(format!("{task} {each}"));
        if each * 100 > recorded * (100 + TOLERANCE_PERCENT) {
            grown.push(format!("`{task}` takes {each} instructions, {recorded} are recorded"));
        } else if each * (100 + TOLERANCE_PERCENT) < recorded * 100 {
            say(&format!("        cheaper than recorded: write {each} into {RECORD}"));
        }
    }
    if grown.is_empty() {
        Ok(Outcome::Noted(counts.join(", ")))
    } else {
        Err(format!("{}; make it cheaper, or say in the commit why it is worth it", grown.join("; ")))
    }
}

fn build() -> Result<PathBuf, String> {
    let arguments = ["build", "--locked", "--release", "-p", "veribus", "--bench", "instructions"];
    let build = [arguments.as_slice(), &["--message-format", "json"]].concat();
    let built = Run::cargo(&build).capture()?;
    let messages = built.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut program = messages.filter(|message| message["target"]["name"] == "instructions");
    let path = program.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    path.ok_or("cargo built no program `instructions`".to_owned())
}

/// The thread, in the order in which they start, that does a task, and how often it is counted: how the dispatcher's
/// work falls into passes is for the scheduler to say, so that the least of some counts is the one to hold on to.
fn thread_of(task: &str) -> (u32, usize) {
    if task.starts_with("drain") { (2, 4) } else { (1, 1) }
}

/// Instructions that `task` takes each time.
fn each(program: &Path, task: &str) -> Result<u64, String> {
    let (thread, counts) = thread_of(task);
    let mut least = u64::MAX;
    for _ in 0..counts {
        let [few, many] = TIMES.map(|times| count(program, task, times, thread));
        least = least.min(many?.saturating_sub(few?) / (TIMES[1] - TIMES[0]));
    }
    Ok(least)
}

/// Instructions of the thread that does `task` so many times.
fn count(program: &Path, task: &str, times: u64, thread: u32) -> Result<u64, String> {
    let out = workspace::scratch()?.join(format!("callgrind-{}", std::process::id()));
    let file = format!("--callgrind-out-file={}", out.display());
    let times = times.to_string();
    let program = program.to_string_lossy();
    let arguments = ["--tool=callgrind", "--separate-threads=yes", &file, &program, task, &times];
    Run::program("valgrind", &arguments).capture()?;
    let counted = PathBuf::from(format!("{}-{thread:02}", out.display()));
    let text = fs::read_to_string(&counted)
        .map_err(|error| format!("cannot read `{}`: {error}", counted.display()))?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    for thread in 1..100 {
        if fs::remove_file(format!("{}-{thread:02}", out.display())).is_err() {
            break;
        }
    }
    let _ = fs::remove_file(&out);
    totals.and_then(|count| count.trim().parse().ok()).ok_or("callgrind wrote no totals".to_owned())
}
