//! The conditions walked here say what rsigma's own evaluator says, for any event and any rule we know.

use std::sync::LazyLock;

use proptest::prelude::*;
use rsigma_eval::{CompiledRule, compile_rule, evaluate_rule};
use veribus_core::{EventId, Outcome, Severity, Timestamp, VerificationEvent, event};
use veribus_detection::{Detector, EventView, RuleSet, Seen, Settings};

/// Rules of every shape: lists, negation, wildcards, numbers, networks, regular expressions, keywords, null.
const SHAPES: &str = r#"
actor: [root, Admin, 'Ärger']
---
actor|cased: root
---
actor: 'ro*'
---
actor|contains|all: [r, o]
---
actor: null
---
actor|exists: false
---
source_ip|cidr: 203.0.113.0/24
---
source_ip: 203.0.113.7
---
source_port|gte: 1024
---
source_port: [22, 80]
---
reason|re: '^bad_.*'
---
outcome: Failure
severity: [high, critical]
---
status: 401
---
http.status|lt: 500
---
tags: beta
---
flag: true
---
method|startswith: pub
"#;

fn rules() -> Vec<String> {
    let body = |shape: &str| {
        let lines: String = shape.trim().lines().map(|l| format!("    {l}\n")).collect();
        format!("  it:\n{lines}")
    };
    let document = |n: usize, detection: String, condition: &str| {
        format!(
            "title: R{n}\nid: r{n}\nlogsource:\n  product: veribus\ndetection:\n{detection}  condition: {condition}\nlevel: low\n"
        )
    };
    let shapes: Vec<String> = SHAPES.split("---").map(body).collect();
    let mut all = Vec::new();
    for (n, shape) in shapes.iter().enumerate() {
        all.push(document(2 * n, shape.clone(), "it"));
        all.push(document(2 * n + 1, shape.clone(), "not it"));
    }
    let n = all.len();
    all.push(document(n, "  words:\n    - root\n    - bad_key\n".to_owned(), "words"));
    let two = "  a_one:\n    actor: root\n  a_two:\n    outcome: failure\n  b:\n    severity: high\n";
    for (i, condition) in
        ["1 of a_*", "all of a_*", "2 of them", "(a_one or b) and not a_two"].iter().enumerate()
    {
        all.push(document(n + 1 + i, two.to_owned(), condition));
    }
    all
}

/// The rules, loaded here and by rsigma.
static LOADED: LazyLock<(RuleSet, Vec<CompiledRule>)> = LazyLock::new(|| {
    let texts = rules();
    let named: Vec<(String, &str)> =
        texts.iter().enumerate().map(|(n, t)| (format!("r{n}.yml"), t.as_str())).collect();
    let files: Vec<(&str, &str)> = named.iter().map(|(n, t)| (n.as_str(), *t)).collect();
    let compiled = |text: &String| {
        let rule = rsigma_parser::parse_sigma_yaml(text).expect("parsed").rules.remove(0);
        compile_rule(&rule).expect("compiled")
    };
    (RuleSet::parse(&files).expect("rules"), texts.iter().map(compiled).collect())
});

prop_compose! {
    fn any_event()(
        actor in proptest::option::of(prop_oneof!["root", "ROOT", "admin", "ärger", "ÄRGER", "x", ""]),
        last in 0_u8..20, port in prop_oneof![Just(22_u16), Just(80), Just(50_000)],
        outcome in 0_u8..3, severity in 1_u8..7,
        reason in proptest::option::of(prop_oneof!["bad_password", "bad_key", "none"]),
        method in proptest::option::of(prop_oneof!["password", "publickey"]),
        status in proptest::option::of(400_i64..503), flag in proptest::option::of(any::<bool>()),
        tag in prop_oneof!["alpha", "Beta"],
    ) -> VerificationEvent {
        let mut draft = event::authentication("login")
            .outcome(Outcome::from_id(outcome).expect("0 to 2"))
            .severity(Severity::from_id(severity).expect("1 to 6"))
            .source_ip([203, 0, 113 + last / 10, last % 10].into())
            .source_port(port);
        if let Some(actor) = &actor { draft = draft.actor(actor); }
        if let Some(reason) = &reason { draft = draft.reason(reason); }
        if let Some(method) = &method { draft = draft.method(method); }
        if let Some(flag) = flag { draft = draft.attribute("flag", flag); }
        let mut event = draft.into_event(EventId::from_bits(1), Timestamp::from_seconds(0)).expect("an event");
        if let Some(status) = status {
            event.attributes.insert("status", status);
            event.attributes.insert("http", [("status", status)].into_iter().collect::<veribus_core::Attributes>());
        }
        event.attributes.insert("tags", vec![veribus_core::Value::from(tag.as_str())]);
        event
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_rule_fires_here_exactly_where_rsigma_says(event in any_event()) {
        let mut detector = Detector::new(LOADED.0.clone(), Settings::default());
        detector.observe(&event, None);
        let mut ours: Vec<String> = detector.alerts().into_iter().map(|a| a.title).collect();
        ours.sort();
        let view = EventView::new(&event, None, Seen::default());
        let mut theirs: Vec<String> =
            LOADED.1.iter().filter(|rule| evaluate_rule(rule, &view).is_some()).map(|r| r.title.clone()).collect();
        theirs.sort();
        prop_assert_eq!(ours, theirs);
    }
}
