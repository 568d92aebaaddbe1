//! The starter set: the rules of the folder `rules/`, compiled in.

use super::{RuleError, RuleSet};

macro_rules! starter {
    ($($name:literal),* $(,)?) => {
        const FILES: &[(&str, &str)] = &[
            $((concat!("rules/", $name, ".yml"), include_str!(concat!("../../rules/", $name, ".yml")))),*
        ];
        const TESTS: &[(&str, &str)] = &[
            $((concat!("rules/tests/", $name, ".jsonl"), include_str!(concat!("../../rules/tests/", $name, ".jsonl")))),*
        ];
    };
}

starter![
    "brute-force",
    "brute-force-success",
    "password-spray",
    "distributed-guessing",
    "invalid-user-probing",
    "signature-failures",
    "permission-probing",
    "protection-disabled",
    "credential-replay",
    "rate-limit-abuse",
    "critical-security-event",
    "first-login",
];

impl RuleSet {
    /// The rules that come with veribus.
    ///
    /// # Panics
    /// Never: a test parses them.
    pub fn starter() -> RuleSet {
        let faults = |errors: Vec<RuleError>| errors.iter().map(|e| format!("\n{e}")).collect::<String>();
        RuleSet::parse(FILES).map_err(faults).expect("the starter rules are tested")
    }

    /// Names and text of the files of [`RuleSet::starter`].
    pub fn starter_files() -> &'static [(&'static str, &'static str)] {
        FILES
    }

    /// Names and text of the test cases of [`RuleSet::starter`], for [`crate::test_rules`].
    pub fn starter_tests() -> &'static [(&'static str, &'static str)] {
        TESTS
    }
}
