//! Whose code comes in: an allow list of licences, one registry, no banned crate; `deny.toml` says the same.

use std::fs;

use crate::metadata::{packages, text};
use crate::tree::{none, root};

/// Licences that let others use veribus under MIT or Apache-2.0; as `allow` in `deny.toml`.
const LICENCES: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// One TLS provider, ring: with two of them rustls panics at run time. As `bans.deny` in `deny.toml`.
const BANNED: [&str; 5] = ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"];

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn every_dependency_has_a_licence_we_may_pass_on() {
    let findings = packages().filter_map(|package| {
        let name = text(&package["name"]);
        let Some(licence) = package["license"].as_str() else {
            return Some(format!("{name}: states no licence expression"));
        };
        (!is_allowed(licence)).then(|| format!("{name}: {licence}"))
    });
    none("a licence outside of the allow list", findings.collect());
}

/// Evaluates an SPDX expression against the list: `AND` needs both sides, `OR` (and the old `/`) one.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (allowed, used) = either(&words);
    allowed && used == words.len()
}

/// `a OR b OR …`: whether it is allowed, and how many words it took.
fn either(words: &[&str]) -> (bool, usize) {
    let (mut allowed, mut used) = both(words);
    while words.get(used) == Some(&"OR") {
        let (right, more) = both(&words[used + 1..]);
        (allowed, used) = (allowed | right, used + 1 + more);
    }
    (allowed, used)
}

fn both(words: &[&str]) -> (bool, usize) {
    let (mut allowed, mut used) = one(words);
    while words.get(used) == Some(&"AND") {
        let (right, more) = one(&words[used + 1..]);
        (allowed, used) = (allowed & right, used + 1 + more);
    }
    (allowed, used)
}

fn one(words: &[&str]) -> (bool, usize) {
    match words {
        ["(", inner @ ..] => {
            let (allowed, used) = either(inner);
            (allowed && inner.get(used) == Some(&")"), used + 2)
        }
        [licence, "WITH", exception, ..] => {
            (LICENCES.contains(&format!("{licence} WITH {exception}").as_str()), 3)
        }
        [licence, ..] => (LICENCES.contains(licence), 1),
        [] => (false, 0),
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    for allowed in ["MIT", "GPL-3.0 OR MIT", "(MIT OR GPL-2.0) AND ISC", "MIT/Apache-2.0"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in
        ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC", "", "Apache-2.0 WITH Other-exception", "MIT ISC"]
    {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
fn the_lock_file_names_one_registry_and_no_banned_crate() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is in the repository");
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = \"")?.strip_suffix('"'));
    let foreign: Vec<String> = sources.filter(|source| *source != REGISTRY).map(str::to_owned).collect();
    none("a dependency from elsewhere than crates.io", foreign);
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let banned =
        names.filter(|name| BANNED.contains(name)).map(|name| format!("{name}: see `cargo tree -i {name}`"));
    none("a banned crate is in Cargo.lock", banned.collect());
}

#[test]
fn deny_toml_holds_the_same_lists() {
    let deny = fs::read_to_string(root().join("deny.toml")).expect("deny.toml is in the repository");
    let section = |from: &str, to: &str| {
        let after = deny.split_once(from).unwrap_or_else(|| panic!("deny.toml has no `{from}`")).1;
        after.split_once(to).unwrap_or_else(|| panic!("deny.toml has no `{to}` behind `{from}`")).0.to_owned()
    };
    let licences = section("allow = [", "]");
    let licences: Vec<&str> = licences.lines().filter_map(|line| line.trim().split('"').nth(1)).collect();
    assert_eq!(licences, LICENCES, "deny.toml and tests/structure allow different licences");
    let banned = section("deny = [", "\n]");
    let banned: Vec<&str> =
        banned.lines().filter_map(|line| line.split_once("crate = \"")?.1.split('"').next()).collect();
    assert_eq!(banned, BANNED, "deny.toml and tests/structure ban different crates");
}
