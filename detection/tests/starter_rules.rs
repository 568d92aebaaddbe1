//! The starter rules pass their own tests, both ways, without a remark from lint.

use veribus_detection::{Code, RuleSet, test_rules};

#[test]
fn every_case_passes_and_every_rule_is_tested_both_ways() {
    let report = test_rules(&RuleSet::starter(), RuleSet::starter_tests());
    let failures: Vec<_> = report.failures().collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert_eq!(report.untested, []);
    assert!(report.passed() && report.cases.len() >= 40, "{} cases", report.cases.len());
}

#[test]
fn lint_has_nothing_to_say() {
    let remarks = RuleSet::lint(RuleSet::starter_files());
    assert!(remarks.is_empty(), "{remarks:#?}");
}

#[test]
fn every_rule_file_of_the_folder_is_compiled_in_and_has_its_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules");
    let names = |folder: &str, ending: &str| {
        let entries =
            std::fs::read_dir(folder).expect("the folder of rules").map(|e| e.expect("an entry").file_name());
        let mut names: Vec<String> =
            entries.filter_map(|n| Some(n.to_str()?.strip_suffix(ending)?.to_owned())).collect();
        names.sort();
        names
    };
    let stem = |(name, _): &(&str, &str)| {
        name.rsplit_once('/')
            .and_then(|(_, n)| n.split_once('.'))
            .map(|(n, _)| n.to_owned())
            .expect("rules/x.yml")
    };
    let mut compiled: Vec<String> = RuleSet::starter_files().iter().map(stem).collect();
    compiled.sort();
    assert_eq!(names(folder, ".yml"), compiled);
    assert_eq!(names(&format!("{folder}/tests"), ".jsonl"), compiled);
    assert!(RuleSet::starter().infos().filter(|r| r.alerts).count() >= 8);
}

#[test]
fn every_rule_that_alerts_names_a_technique_or_tactic() {
    for (file, text) in RuleSet::starter_files() {
        let documents = text.split("\n---\n").count();
        assert_eq!(text.matches("\ntags: [attack.").count(), documents, "{file}");
    }
}

#[test]
fn a_failing_case_says_why() {
    let rules = RuleSet::starter();
    let case = |text: &str| {
        let report = test_rules(&rules, &[("tests/brute-force.jsonl", text)]);
        report.cases[0].failure.clone().expect("fails")
    };
    let attempt = |actor: &str, outcome: &str| {
        format!(
            r#"{{"repeat":4,"every_s":1,"event":{{"time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login","outcome":"{outcome}","actor":{{{actor}}}}}}}"#
        )
    };
    let four = format!("{}\n{}", r#"{"case":"a","alerts":1}"#, attempt(r#""ip":"203.0.113.9""#, "failure"));
    assert_eq!(case(&four), "expected 1 alert, got 0: condition `count >= 5 in 10 m` saw 4");
    let nameless = format!("{}\n{}", r#"{"case":"a","alerts":1}"#, attempt(r#""name":"root""#, "failure"));
    assert_eq!(
        case(&nameless),
        "expected 1 alert, got 0: condition `count >= 5 in 10 m` saw 0; event 1 (line 2) matches `login-failed` \
         but has no `source`, so it was not counted"
    );
    let passing =
        format!("{}\n{}", r#"{"case":"a","alerts":1}"#, attempt(r#""ip":"203.0.113.9""#, "success"));
    assert!(
        case(&passing).ends_with(
            "event 1 (line 2) does not match `login-failed`: its `outcome` is `success`, asked for failure"
        ),
        "{}",
        case(&passing)
    );
    let wrong =
        format!("{}\n{1}\n{1}", r#"{"case":"a","alerts":0}"#, attempt(r#""ip":"203.0.113.9""#, "failure"));
    assert_eq!(case(&wrong), "expected 0 alerts, got 1: event 5 (line 3) about ip `203.0.113.9`");
    assert!(case("{\"case\":\"a\",\"alerts\":0").contains("not JSON"));
    assert!(case("").contains("no case"));
    assert!(Code::Yaml.as_str().starts_with("RULE_"));
}
