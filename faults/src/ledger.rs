//! How much a run does, what it says for the ledger, and the verdict of the oracle on it.

use std::fmt::Display;
use std::path::Path;

use veribus_testkit::Seed;
use veribus_testkit::oracle::{Found, Record, Rules, judge, read_store};

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// In every test run.
    Zero,
    /// Before a milestone.
    One,
}

impl Tier {
    /// From `VERIBUS_FAULT_TIER`: 0 unless it says 1.
    pub fn from_env() -> Self {
        if std::env::var("VERIBUS_FAULT_TIER").is_ok_and(|tier| tier == "1") { Tier::One } else { Tier::Zero }
    }

    /// The count of this tier.
    pub const fn of<T: Copy>(self, zero: T, one: T) -> T {
        match self {
            Tier::Zero => zero,
            Tier::One => one,
        }
    }
}

/// The line of one test that `cargo xtask faults` puts into the ledger.
pub fn ledger_line(fault: &str, done: impl Display, seed: Seed) -> String {
    format!("ledger: {fault} | {done} | {seed}")
}

/// What is stored in `data`, held to all rules.
///
/// # Panics
/// If the store cannot be read or a rule is broken; names the first violations.
pub fn held_to(rules: &Rules, record: &Record, data: &Path, fresh: Option<std::time::Duration>) -> Found {
    let mut found = read_store(data).expect("the store can be read and is whole");
    found.fresh = fresh;
    let violations = judge(record, &found, rules);
    let shown: Vec<String> = violations.iter().take(10).map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} violations, the first:\n{}", violations.len(), shown.join("\n"));
    found
}
