//! The first command and the program of the README are run for real, and do what the README says of them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::workspace;

/// Runs the README's first `cargo` line as it stands, then once more with `--json`, and looks into the answer:
/// events were read, a rule fired, the trail verified.
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
    Run::program("bash", &["-c", first]).show()?;
    let run = Run::program("bash", &["-c", &format!("{first} --json")]).capture()?;
    let answer: Value = serde_json::from_str(run.stdout.trim())
        .map_err(|error| format!("`{first} --json` did not print one JSON object: {error}"))?;
    let events = answer["events_total"].as_u64().unwrap_or(0);
    let alerts = answer["alerts"].as_array().map_or(0, Vec::len);
    if events == 0 || alerts == 0 {
        return Err(format!("`{first}` found {events} events and {alerts} alerts in the sample logs"));
    }
    if answer["audit"]["verified"] != true {
        return Err(format!("`{first}` did not verify its audit trail: {}", answer["audit"]));
    }
    Ok(Outcome::Noted(format!("{events} events, {alerts} alerts, trail verified")))
}

/// Runs the README's program, which `tests/structure` compares with `examples/login.rs`, in a folder of its own,
/// and verifies the trail that it leaves.
pub(crate) fn program_runs() -> Answer {
    let folder = fresh_folder("login")?;
    let manifest = workspace::root()?.join("Cargo.toml");
    let manifest = manifest.to_string_lossy();
    let from_here = ["--locked", "--quiet", "--manifest-path", &manifest];
    let login = [&["run"], from_here.as_slice(), &["-p", "veribus", "--example", "login"]].concat();
    Run::cargo(&login).within(&folder).show()?;
    let verify = ["-p", "veribus-collector", "--", "audit", "verify", "audit.log"];
    let verify = [&["run"], from_here.as_slice(), &verify].concat();
    Run::cargo(&verify).within(&folder).show()?;
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot remove `{}`: {error}", folder.display()))?;
    say("its trail verifies");
    Ok(Outcome::Passed)
}

/// An empty folder below the target directory.
fn fresh_folder(name: &str) -> Result<PathBuf, String> {
    let folder = workspace::scratch()?.join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    Ok(folder)
}

/// A command line of the README without the remark behind it.
fn bare(line: &str) -> &str {
    line.split(" # ").next().unwrap_or(line).trim_end()
}
