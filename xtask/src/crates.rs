//! Whose code we run: few crates for those who embed us, one TLS provider, allowed licences; and every
//! feature builds alone.

use std::collections::BTreeSet;
use std::fs;

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::workspace;

/// What somebody who adds `veribus` with its default features builds, in crates, itself included.
const EMBEDDED_CRATES_MAX: usize = 60;

/// The crates that applications embed: each of their features must build alone.
const EMBEDDED: [&str; 3] = ["veribus-core", "veribus-handlers", "veribus"];

/// The crate count, the crates that must never come in, and cargo-deny where it is installed. Licences and
/// sources are held by `tests/structure` on every machine.
pub(crate) fn dependencies_are_allowed() -> Answer {
    let tree = ["tree", "--locked", "-p", "veribus", "-e", "normal,build", "--prefix", "none"];
    let tree = Run::cargo(&tree).capture()?.stdout;
    let crates: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split(" (").next()).filter(|line| !line.is_empty()).collect();
    if crates.len() > EMBEDDED_CRATES_MAX {
        return Err(format!(
            "`veribus` with default features builds {} crates, the ceiling is {EMBEDDED_CRATES_MAX}; \
             see `cargo tree -p veribus`",
            crates.len()
        ));
    }
    let mut notes =
        vec![format!("veribus, default features: {} crates of at most {EMBEDDED_CRATES_MAX}", crates.len())];
    notes.push(forbidden_crates_are_absent()?);
    notes.push(cargo_deny()?);
    Ok(Outcome::Noted(notes.join("\n")))
}

/// One TLS provider (ring) and no C TLS library: with two of them rustls panics at run time.
fn forbidden_crates_are_absent() -> Result<String, String> {
    let forbidden = ["aws-lc-rs", "openssl-sys", "native-tls"];
    for name in forbidden {
        let tree = ["tree", "--locked", "--workspace", "--all-features", "-i", name];
        let found = Run::cargo(&tree).output()?;
        match found.code {
            Some(0) if found.stdout.trim().is_empty() => {}
            Some(0) => return Err(format!("`{name}` came in:\n{}", found.stdout.trim_end())),
            _ if found.stderr.contains("did not match any packages") => {}
            _ => return Err(format!("`cargo tree -i {name}` failed: {}", found.stderr.trim_end())),
        }
    }
    Ok(format!("absent: {}", forbidden.join(", ")))
}

fn cargo_deny() -> Result<String, String> {
    if Run::cargo(&["deny", "--version"]).capture().is_err() {
        let reason = "cargo-deny skipped: not installed (`cargo install --locked cargo-deny`); \
                      tests/structure holds licences, sources and bans all the same";
        say(reason);
        return Ok(reason.to_owned());
    }
    Run::cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"]).show()?;
    Ok("cargo-deny: bans, licences, sources".to_owned())
}

/// No feature, each feature alone, and all together, with warnings denied.
pub(crate) fn each_feature_alone() -> Answer {
    let mut builds = 0;
    for package in EMBEDDED {
        let mut sets = vec![String::new()];
        sets.extend(workspace::features(package)?);
        for set in &sets {
            feature_set_builds(package, &["--no-default-features", "--features", set])?;
        }
        feature_set_builds(package, &["--all-features"])?;
        builds += sets.len() + 1;
    }
    // The workspace's run of the tests leaves out those that need a feature which nobody in it turns on.
    let with_spans = ["test", "--locked", "--quiet", "-p", "veribus-core", "--features", "tracing"];
    Run::cargo(&[&with_spans[..], &["--test", "trace_tracing", "--test", "trace_opentelemetry"]].concat())
        .show()?;
    let documented =
        fs::read_to_string("Cargo.toml").map_err(|error| format!("cannot read Cargo.toml: {error}"))?;
    for feature in workspace::features("veribus")? {
        let line = documented.lines().position(|line| line.starts_with(&format!("{feature} = [")));
        let above = line.and_then(|line| documented.lines().nth(line.checked_sub(1)?));
        if !above.is_some_and(|above| above.starts_with("## ")) {
            return Err(format!("feature `{feature}` of veribus has no `## ` line above it in Cargo.toml"));
        }
    }
    Ok(Outcome::Noted(format!("{builds} feature sets of {}", EMBEDDED.join(", "))))
}

fn feature_set_builds(package: &str, set: &[&str]) -> Result<(), String> {
    let arguments =
        [&["clippy", "--locked", "--quiet", "-p", package], set, &["--", "-D", "warnings"]].concat();
    Run::cargo(&arguments).show()
}
