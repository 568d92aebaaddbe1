//! The packages of the build as `cargo metadata` tells them, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::tree;

/// Every package of the build for this machine, with every feature of ours turned on.
pub(crate) fn metadata() -> &'static Value {
    static METADATA: OnceLock<Value> = OnceLock::new();
    METADATA.get_or_init(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let host = host(&cargo);
        let output = Command::new(cargo)
            .args(["metadata", "--locked", "--format-version", "1", "--all-features"])
            .args(["--filter-platform", &host])
            .current_dir(tree::root())
            .output()
            .expect("cargo runs, for it runs this test");
        assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
    })
}

/// This machine's target triple. Crates for other platforms are not on the disk; `Cargo.lock` names them.
fn host(cargo: &str) -> String {
    let version = Command::new(cargo).arg("-vV").output().expect("cargo runs, for it runs this test");
    let version = String::from_utf8_lossy(&version.stdout);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("`cargo -vV` names its host").to_owned()
}

/// The packages in the workspace, by name.
pub(crate) fn ours() -> BTreeMap<&'static str, &'static Value> {
    let members = metadata()["workspace_members"].as_array().expect("a workspace has members");
    let packages = packages().filter(|package| members.contains(&package["id"]));
    packages.map(|package| (text(&package["name"]), package)).collect()
}

/// All packages, ours and others'.
pub(crate) fn packages() -> impl Iterator<Item = &'static Value> {
    metadata()["packages"].as_array().expect("a build has packages").iter()
}

/// The dependencies that `package` declares, of every kind.
pub(crate) fn declared(package: &'static Value) -> impl Iterator<Item = &'static Value> {
    package["dependencies"].as_array().expect("a package lists its dependencies").iter()
}

/// Names of everything that is built into `name` when somebody depends on it; dev-dependencies are not.
pub(crate) fn closure(name: &str) -> BTreeSet<&'static str> {
    let nodes = metadata()["resolve"]["nodes"].as_array().expect("the build is resolved");
    let node = |id: &str| nodes.iter().find(|node| node["id"] == id).expect("every package is resolved");
    let names: BTreeMap<&str, &'static str> =
        packages().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let mut open = vec![text(&ours()[name]["id"])];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in node(id)["deps"].as_array().expect("a node lists its dependencies") {
            let kinds = dependency["dep_kinds"].as_array().expect("a dependency has kinds");
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    seen.into_iter().map(|id| names[id]).filter(|found| *found != name).collect()
}

/// A JSON string.
pub(crate) fn text(value: &'static Value) -> &'static str {
    value.as_str().expect("cargo metadata gives a string here")
}
