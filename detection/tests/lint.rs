//! A rule author reads what is wrong, where, and what to write instead.

use veribus_detection::{Code, RuleSet};

const GOOD: &str = "title: Failed\nid: a\nname: failed\nlogsource:\n  product: veribus\n  category: authentication\ndetection:\n  selection:\n    outcome: failure\n  condition: selection\nlevel: low\n";

fn correlation(body: &str) -> String {
    format!(
        "title: Many\nid: b\nlevel: high\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: [source]\n{body}"
    )
}

fn remarks(files: &[(&str, &str)]) -> Vec<(Code, usize)> {
    RuleSet::lint(files).into_iter().map(|e| (e.code, e.line)).collect()
}

/// What lint says of a correlation over `GOOD` that ends with `body`.
fn of_correlation(body: &str) -> Vec<(Code, usize)> {
    remarks(&[("good.yml", GOOD), ("many.yml", &correlation(body))])
}

#[test]
fn good_rules_pass() {
    assert_eq!(of_correlation("  timespan: 10m\n  condition:\n    gte: 5\n"), []);
}

#[test]
fn what_a_rule_forgot_is_named() {
    let without = |line: &str| GOOD.lines().filter(|l| !l.starts_with(line)).collect::<Vec<_>>().join("\n");
    assert_eq!(remarks(&[("x.yml", &without("title"))]), [(Code::Title, 1)]);
    assert_eq!(remarks(&[("x.yml", &without("id"))]), [(Code::IdMissing, 1)]);
    assert_eq!(remarks(&[("x.yml", &without("level"))]), [(Code::Level, 1)]);
    let sourceless = GOOD.replace("logsource:\n  product: veribus\n  category: authentication\n", "");
    assert_eq!(remarks(&[("x.yml", &sourceless)]), [(Code::LogsourceMissing, 1)]);
    assert_eq!(
        remarks(&[("x.yml", &GOOD.replace("authentication", "proces_creation"))]),
        [(Code::LogsourceUnknown, 4)]
    );
}

#[test]
fn a_field_from_elsewhere_is_answered_with_ours() {
    let theirs = GOOD.replace(
        "    outcome: failure",
        "    user: root\n    src_ip|cidr: 10.0.0.0/8\n    acton: login\n    http.status: 401",
    );
    let errors = RuleSet::lint(&[("x.yml", &theirs)]);
    let said: Vec<_> = errors.iter().map(|e| (e.code, e.line)).collect();
    assert_eq!(said, [(Code::FieldUnknown, 9), (Code::FieldUnknown, 10), (Code::FieldUnknown, 11)]);
    for (error, ours) in errors.iter().zip(["`actor`", "`source_ip`", "`action`"]) {
        assert!(error.to_string().contains(ours), "{error}");
    }
    assert!(RuleSet::parse(&[("x.yml", &theirs)]).is_ok(), "attributes are open: a warning");
}

#[test]
fn names_stand_once_in_all_files() {
    let errors = RuleSet::lint(&[("x.yml", GOOD), ("y.yml", GOOD)]);
    assert_eq!(
        errors.iter().map(|e| (e.code, e.file.as_str(), e.line)).collect::<Vec<_>>(),
        [(Code::Duplicate, "y.yml", 2), (Code::Duplicate, "y.yml", 3)]
    );
    assert!(errors[0].message.contains("x.yml:1"), "{}", errors[0]);
}

#[test]
fn windows_and_thresholds_must_make_sense() {
    let condition = |text: &str| of_correlation(&format!("  timespan: 10m\n  condition:\n    {text}\n"));
    assert_eq!(of_correlation("  timespan: 0s\n  condition:\n    gte: 5\n"), [(Code::WindowZero, 8)]);
    assert_eq!(of_correlation("  timespan: 31d\n  condition:\n    gte: 5\n"), [(Code::WindowLong, 8)]);
    assert_eq!(of_correlation("  timespan: 30d\n  condition:\n    gte: 5\n"), []);
    assert_eq!(condition("gt: 5\n    lt: 6"), [(Code::ConditionContradictory, 9)]);
    assert_eq!(condition("gte: 5\n    lte: 5"), []);
    assert_eq!(condition("lt: 1"), [(Code::ConditionContradictory, 9)]);
    assert_eq!(condition("gte: 10001"), [(Code::ThresholdLarge, 9)]);
    assert_eq!(of_correlation("  timespan: soon\n  condition:\n    gte: 5\n"), [(Code::ConditionInvalid, 8)]);
}

#[test]
fn references_must_lead_somewhere_and_not_in_circles() {
    let lost = correlation("  timespan: 1m\n  condition:\n    gte: 5\n");
    assert_eq!(remarks(&[("x.yml", &lost)]), [(Code::ReferenceMissing, 6)]);
    let circle = |name: &str, other: &str| {
        format!(
            "title: T\nid: {name}-id\nname: {name}\nlevel: low\ncorrelation:\n  type: event_count\n  rules: [{other}]\n  timespan: 1m\n  condition:\n    gte: 2\n"
        )
    };
    let found = remarks(&[("x.yml", &circle("one", "two")), ("y.yml", &circle("two", "one"))]);
    assert_eq!(found, [(Code::ReferenceCycle, 7), (Code::ReferenceCycle, 7)]);
}

#[test]
fn what_is_not_sigma_is_refused_with_its_place_and_the_rest_is_read() {
    for (text, code) in [
        ("a: [", Code::Yaml),
        ("just words", Code::Yaml),
        ("action: global\ntitle: x\n", Code::Unsupported),
        (&*GOOD.replace("condition: selection", "condition: selection and and"), Code::ConditionInvalid),
        (&*GOOD.replace("outcome: failure", "outcome|nonsense: failure"), Code::Yaml),
    ] {
        let files = [("bad.yml", text), ("good.yml", GOOD)];
        let errors = RuleSet::parse(&files).expect_err(text);
        assert_eq!(
            errors.iter().map(|e| (e.code, &*e.file)).collect::<Vec<_>>(),
            [(code, "bad.yml")],
            "{text}"
        );
    }
    let huge = "#".repeat(300_000);
    assert_eq!(remarks(&[("huge.yml", &huge)]), [(Code::TooLarge, 1)]);
}

#[test]
fn window_modes_that_are_not_done_are_said_so() {
    let found = of_correlation("  timespan: 1m\n  window: tumbling\n  condition:\n    gte: 5\n");
    assert_eq!(found, [(Code::Unsupported, 9)]);
}
