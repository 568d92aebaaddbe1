//! The first command of the README is run for real, and does what the README says of it.

use std::fs;

use serde_json::Value;

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};

/// Runs the README's first `cargo run` line as it stands, then once more with `--json`, and looks into the
/// answer: events were read, a rule fired, the trail verified.
pub(crate) fn first_command_runs() -> Answer {
    let readme =
        fs::read_to_string("README.md").map_err(|error| format!("cannot read README.md: {error}"))?;
    let commands: Vec<&str> = readme.lines().filter(|line| line.starts_with("cargo ")).map(bare).collect();
    let [first, second, ..] = commands.as_slice() else {
        return Err("README.md does not begin with its two commands".to_owned());
    };
    if *second != "cargo xtask test" {
        return Err(format!("the README's second command is `{second}`, expected `cargo xtask test`"));
    }
    let words: Vec<&str> = first.split_whitespace().skip(1).collect();
    Run::cargo(&words).show()?;
    let run = Run::cargo(&[words.as_slice(), &["--json"]].concat()).capture()?;
    let answer: Value = serde_json::from_str(run.stdout.trim())
        .map_err(|error| format!("`{first} --json` did not print one JSON object: {error}"))?;
    let events = answer["events_total"].as_u64().unwrap_or(0);
    let alerts = answer["alerts"].as_array().map_or(0, Vec::len);
    say(&format!("{events} events, {alerts} alerts"));
    if events == 0 || alerts == 0 {
        return Err(format!("`{first}` found {events} events and {alerts} alerts in the sample logs"));
    }
    if answer["audit"]["verified"] != true {
        return Err(format!("`{first}` did not verify its audit trail: {}", answer["audit"]));
    }
    Ok(Outcome::Noted(format!("`{first}`: {events} events, {alerts} alerts, trail verified")))
}

/// A command line of the README without the remark behind it.
fn bare(line: &str) -> &str {
    line.split(" # ").next().unwrap_or(line).trim_end()
}
