//! Who may import whom: the table of ARCHITECTURE.md.

use std::collections::BTreeMap;

use crate::metadata::{closure, declared, ours, text};
use crate::tree::none;

/// For each crate of ours, the crates of ours that it may depend on. Dev-dependencies may add the testkit, and those of
/// the transports the handlers: their bench drives the forwarder.
const MAY_IMPORT: [(&str, &[&str]); 14] = [
    ("veribus-core", &[]),
    ("veribus-sources", &["veribus-core"]),
    ("veribus-detection", &["veribus-core"]),
    ("veribus-handlers", &["veribus-core"]),
    ("veribus-transports", &["veribus-core"]),
    ("veribus-testkit", &["veribus-core"]),
    ("veribus", &["veribus-core", "veribus-handlers"]),
    (
        "veribus-collector",
        &["veribus-core", "veribus-detection", "veribus-handlers", "veribus-sources", "veribus-transports"],
    ),
    (
        "veribus-faults",
        &["veribus-collector", "veribus-core", "veribus-handlers", "veribus-testkit", "veribus-transports"],
    ),
    ("veribus-benches", &["veribus", "veribus-core", "veribus-handlers", "veribus-testkit"]),
    ("veribus-python", &["veribus-core", "veribus-handlers", "veribus-transports", "veribus-detection"]),
    ("veribus-node", &["veribus-core", "veribus-handlers", "veribus-transports", "veribus-detection"]),
    ("three-services-ledger", &["veribus", "veribus-transports"]),
    ("xtask", &[]),
];

/// What never comes into core, by any way: runtimes and sockets.
const NEVER_IN_CORE: [&str; 10] = [
    "tokio",
    "async-std",
    "smol",
    "async-executor",
    "futures-executor",
    "mio",
    "socket2",
    "hyper",
    "reqwest",
    "ureq",
];

#[test]
fn every_crate_has_its_row_in_the_import_table() {
    let ours: Vec<&str> = ours().into_keys().collect();
    let mut rows: Vec<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();
    rows.sort_unstable();
    assert_eq!(ours, rows, "give a new crate a row here and in ARCHITECTURE.md");
}

#[test]
fn nobody_imports_past_the_table() {
    let allowed = BTreeMap::from(MAY_IMPORT);
    let ours = ours();
    let mut findings = Vec::new();
    for (name, package) in &ours {
        for dependency in declared(package) {
            let found = text(&dependency["name"]);
            let dev = dependency["kind"] == "dev";
            let in_tests = dev
                && (found == "veribus-testkit"
                    || (*name, found) == ("veribus-transports", "veribus-handlers"));
            if ours.contains_key(found) && !in_tests && !allowed[name].contains(&found) {
                findings.push(format!("{name} imports {found}; it may import {:?}", allowed[name]));
            }
        }
    }
    none("the import table is broken", findings);
}

#[test]
fn the_testkit_is_never_a_normal_dependency_of_what_ships() {
    let ships = ours().into_iter().filter(|(_, package)| !package["publish"].is_array());
    let findings = ships.flat_map(|(name, package)| {
        declared(package)
            .filter(|dependency| dependency["name"] == "veribus-testkit" && dependency["kind"] != "dev")
            .map(move |_| format!("{name} depends on veribus-testkit outside [dev-dependencies]"))
    });
    none("the testkit is for tests", findings.collect());
}

#[test]
fn core_has_no_runtime_and_no_socket_with_any_feature() {
    let closure = closure("veribus-core");
    let findings = NEVER_IN_CORE.into_iter().filter(|name| closure.contains(name));
    none("veribus-core builds what it must never build; see `cargo tree -p veribus-core -i NAME`", {
        findings.map(str::to_owned).collect()
    });
    assert!(closure.contains("thiserror"), "the closure is broken: core depends on thiserror");
}

#[test]
fn what_reaches_out_is_off_by_default() {
    for (name, feature) in [("veribus-handlers", "webhook"), ("veribus", "webhook")] {
        let features = ours()[name]["features"].as_object().expect("a package has features");
        assert!(features.contains_key(feature), "{name} has no feature `{feature}`");
        let mut open = vec!["default"];
        while let Some(on) = open.pop() {
            assert_ne!(on, feature, "{name} turns `{feature}` on by default");
            let more = features.get(on).and_then(|more| more.as_array()).into_iter().flatten();
            open.extend(more.filter_map(|more| more.as_str()));
        }
    }
}
