//! `examples/three-services` with the packages that the steps before have built: one trace through Node, Python, Rust.

use std::path::Path;

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::{node, python, suite};

const FOLDER: &str = "examples/three-services";

/// Starts the services, a collector and both brokers, and lets them fail. Skipped, visibly, only where there is no
/// Python or no Node.
pub(crate) fn work_together() -> Answer {
    if !python::is_here() || !node::is_here() {
        let reason = "skipped: `python3` (3.10 or later) or `node` (20 or later) is not on this machine";
        say(reason);
        return Ok(Outcome::Noted(reason.to_owned()));
    }
    let python = python::installed()?;
    let (Some(python), true) = (python, Path::new("bindings-node/dist/index.mjs").exists()) else {
        return Err("run `cargo xtask python` and `cargo xtask node` first".to_owned());
    };
    node::dependencies(&Path::new(FOLDER).join("web"))?;
    let tests = ["--test", "--test-reporter=spec", "examples/three-services/shop.test.mjs"];
    suite::count(Run::program("node", &tests).env("SHOP_PYTHON", &python), "three-services")
}
