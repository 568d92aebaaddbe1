//! What must be on the machine, and what it says about format, lints and documentation.

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};

/// The programs every other step needs. A missing rustup component is added, and said; a missing program is
/// named together with the command that brings it.
pub(crate) fn check() -> Answer {
    let mut found = Vec::new();
    for (program, bring) in [
        ("cc", "the linker and SQLite need a C compiler: `apt-get install gcc libc6-dev`"),
        ("bash", "the scripts need it: `apt-get install bash`"),
    ] {
        version(program, &["--version"]).ok_or_else(|| format!("`{program}` is missing; {bring}"))?;
    }
    found.push(version("rustc", &["--version"]).ok_or("`rustc` is missing; install Rust, see rustup.rs")?);
    for (component, arguments) in [("rustfmt", ["fmt", "--version"]), ("clippy", ["clippy", "--version"])] {
        found.push(component_version(component, &arguments)?);
    }
    match version("cargo", &["nextest", "--version"]) {
        Some(nextest) => found.push(nextest),
        None => found.push("cargo-nextest absent: the tests run under `cargo test`".to_owned()),
    }
    found.extend(BROKERS.map(|(program, package)| broker(program, package)));
    Ok(Outcome::Noted(found.join("\n")))
}

/// Servers that the tests start, and the Debian packages that hold them.
const BROKERS: [(&str, &str); 2] = [("nats-server", "nats-server"), ("redis-server", "redis-server")];

/// The version of a broker; a missing one is installed where that is possible, else its tests skip, and say so.
fn broker(program: &str, package: &str) -> String {
    if let Some(found) = version(program, &["--version"]) {
        return found;
    }
    say(&format!("`{program}` is missing: trying `apt-get install {package}`"));
    let quietly = ["install", "--yes", "--no-install-recommends", package];
    let install = || {
        Run::program("apt-get", &["update"]).env("DEBIAN_FRONTEND", "noninteractive").capture().ok()?;
        Run::program("apt-get", &quietly).env("DEBIAN_FRONTEND", "noninteractive").capture().ok()?;
        version(program, &["--version"])
    };
    install()
        .unwrap_or_else(|| format!("{program} absent: its tests skip; `apt-get install {package}` brings it"))
}

fn component_version(component: &str, arguments: &[&str]) -> Result<String, String> {
    if let Some(version) = version("cargo", arguments) {
        return Ok(version);
    }
    say(&format!("`{component}` is missing: adding it with `rustup component add {component}`"));
    Run::program("rustup", &["component", "add", component])
        .show()
        .map_err(|error| format!("`{component}` is missing and could not be added: {error}"))?;
    version("cargo", arguments).ok_or_else(|| format!("`{component}` was added and still does not run"))
}

/// The first line of what `program` says about its version; `None` if it does not run.
fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let run = if program == "cargo" { Run::cargo(arguments) } else { Run::program(program, arguments) };
    Some(run.capture().ok()?.stdout.lines().next()?.trim().to_owned())
}

/// `cargo fmt --check`.
pub(crate) fn format_is_clean() -> Answer {
    Run::cargo(&["fmt", "--all", "--", "--check"]).show()?;
    Ok(Outcome::Passed)
}

/// Clippy over every target, tests and benches included.
pub(crate) fn lints_are_clean() -> Answer {
    Run::cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]).show()?;
    Ok(Outcome::Passed)
}

/// Every library and binary.
pub(crate) fn workspace_builds() -> Answer {
    Run::cargo(&["build", "--locked", "--workspace"]).show()?;
    Ok(Outcome::Passed)
}

/// rustdoc over every crate of ours; a broken link is an error.
pub(crate) fn documentation_is_clean() -> Answer {
    Run::cargo(&["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").show()?;
    Ok(Outcome::Passed)
}
