//! The Node package as a user gets it: dependencies from the lock file, the addon, TypeScript, and its tests.

use std::fs;
use std::path::Path;

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::{python, suite};

const FOLDER: &str = "bindings-node";

/// Builds the package in its folder and runs its tests. Skipped, visibly, only where there is no Node or npm.
pub(crate) fn package_works() -> Answer {
    if !is_here() {
        let reason = "skipped: `node` (20 or later, with `npm`) is not on this machine";
        say(reason);
        return Ok(Outcome::Noted(reason.to_owned()));
    }
    let folder = Path::new(FOLDER);
    dependencies(folder)?;
    Run::program("node", &["scripts/build.mjs"]).within(folder).env("VERIBUS_PROFILE", "dev").show()?;
    // A warning of TypeDoc is a failure: `bindings-node/typedoc.json`.
    Run::program("npm", &["run", "--silent", "docs"]).within(folder).show()?;
    let binary = python::collector()?;
    let mut tests = tests(&folder.join("tests"))?;
    tests.sort();
    // Most tests wait: for processes, servers and deadlines.
    let mut arguments = vec!["--test", "--test-concurrency=2", "--test-reporter=spec"];
    arguments.extend(tests.iter().map(String::as_str));
    let run = Run::program("node", &arguments).within(folder);
    suite::count(run.env("VERIBUS_BINARY", &binary.to_string_lossy()), "node")
}

/// Whether there is a Node that the package supports, with npm.
pub(crate) fn is_here() -> bool {
    let supported = "process.exit(Number(process.versions.node.split('.')[0]) >= 20 ? 0 : 1)";
    let node = Run::program("node", &["-e", supported]).capture();
    node.and(Run::program("npm", &["--version"]).capture()).is_ok()
}

/// Installs what the lock file names, when that has changed.
pub(crate) fn dependencies(folder: &Path) -> Result<(), String> {
    let lock = folder.join("package-lock.json");
    let wanted =
        fs::read_to_string(&lock).map_err(|error| format!("cannot read `{}`: {error}", lock.display()))?;
    let stamp = folder.join("node_modules/.veribus-lock.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    Run::program("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        .within(folder)
        .show()?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write `{}`: {error}", stamp.display()))
}

/// The test files, from the package's folder.
fn tests(folder: &Path) -> Result<Vec<String>, String> {
    let files =
        fs::read_dir(folder).map_err(|error| format!("cannot list `{}`: {error}", folder.display()))?;
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.ends_with(".test.mjs")).map(|name| format!("tests/{name}")).collect())
}
