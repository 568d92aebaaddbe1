//! Each type of correlation does what the Sigma specification says, also for events that come out of order.

mod support;

use proptest::prelude::*;
use veribus_core::{EventId, Timestamp, VerificationEvent, event};
use veribus_detection::{Detector, RuleSet, Settings};

const BASE: &str = "title: Any measurement\nid: a\nname: any\nlogsource:\n  product: veribus\n  category: performance\ndetection:\n  selection:\n    action: check\n  condition: selection\nlevel: low\n---\n";

fn rule(kind: &str, rest: &str) -> RuleSet {
    let text = format!(
        "{BASE}title: It\nid: b\nname: it\nlevel: high\ncorrelation:\n  type: {kind}\n  rules: [any]\n{rest}"
    );
    RuleSet::parse(&[("x.yml", &text)]).expect("a rule")
}

fn measured(value: f64, second: i64, host: &str) -> VerificationEvent {
    let draft = event::performance("check").measured(value, "seconds").source_host(host);
    draft.into_event(EventId::from_bits(1), Timestamp::from_seconds(second)).expect("within limits")
}

/// The seconds at which `values`, one a second, change an alert.
fn fires(rules: RuleSet, values: &[f64]) -> Vec<usize> {
    let mut detector = Detector::new(rules, Settings::default());
    let changed = |(second, value): (usize, &f64)| {
        let event = measured(*value, second as i64, "web1");
        (!detector.observe(&event, None).is_empty()).then_some(second)
    };
    values.iter().enumerate().filter_map(changed).collect()
}

#[test]
fn sums_averages_and_percentiles_are_of_the_window() {
    let numeric = |kind: &str, condition: &str| {
        rule(
            kind,
            &format!(
                "  group-by: [source]\n  timespan: 3s\n  condition:\n    field: value\n    {condition}\n"
            ),
        )
    };
    let values = [1.0, 2.0, 3.0, 4.0, 0.0, 0.0];
    assert_eq!(fires(numeric("value_sum", "gte: 7"), &values), [3, 4], "9 and 7");
    assert_eq!(fires(numeric("value_avg", "gte: 3"), &values), [3]);
    assert_eq!(fires(numeric("value_median", "gte: 3"), &values), [3, 4], "of 2 3 4 and 3 4 0");
    assert_eq!(fires(numeric("value_percentile", "gte: 4\n    percentile: 100"), &values), [3, 4, 5]);
}

#[test]
fn a_range_of_counts_fires_within_it_alone() {
    let range = rule("event_count", "  timespan: 1h\n  condition:\n    gte: 3\n    lte: 4\n");
    assert_eq!(fires(range, &[0.0; 8]), [2, 3]);
}

#[test]
fn the_window_is_half_open() {
    let pair = || rule("event_count", "  timespan: 10s\n  condition:\n    gte: 2\n");
    for (apart, expected) in [(9, 1), (10, 0)] {
        let mut detector = Detector::new(pair(), Settings::default());
        detector.observe(&measured(0.0, 0, "web1"), None);
        assert_eq!(detector.observe(&measured(0.0, apart, "web1"), None).len(), expected, "{apart} s apart");
    }
}

#[test]
fn temporal_rules_fire_when_all_were_seen_and_ordered_ones_in_their_order() {
    let step = |name: &str| {
        format!(
            "title: {name}\nid: {name}-id\nname: {name}\nlogsource:\n  product: veribus\ndetection:\n  selection:\n    action: {name}\n  condition: selection\nlevel: low\n---\n"
        )
    };
    let both = |kind: &str, rest: &str| {
        let text = format!(
            "{}{}title: It\nid: i\nname: it\nlevel: high\ncorrelation:\n  type: {kind}\n  rules: [one, two]\n  group-by: [source]\n  timespan: 1m\n{rest}",
            step("one"),
            step("two")
        );
        RuleSet::parse(&[("x.yml", &text)]).expect("rules")
    };
    let run = |rules: RuleSet, steps: &[(&str, &str, i64)]| {
        let mut detector = Detector::new(rules, Settings::default());
        for (action, host, second) in steps {
            let event = event::security(action).source_host(host);
            let event =
                event.into_event(EventId::from_bits(1), Timestamp::from_seconds(*second)).expect("event");
            detector.observe(&event, None);
        }
        detector.alerts().len()
    };
    let forward = [("one", "h", 0), ("two", "h", 30)];
    let backward = [("two", "h", 0), ("one", "h", 30)];
    let late = [("one", "h", 0), ("two", "h", 60)];
    let apart = [("one", "h", 0), ("two", "g", 30)];
    for (steps, temporal, ordered) in [(forward, 1, 1), (backward, 1, 0), (late, 0, 0), (apart, 0, 0)] {
        assert_eq!(run(both("temporal", ""), &steps), temporal, "{steps:?}");
        assert_eq!(run(both("temporal_ordered", ""), &steps), ordered, "{steps:?}");
    }
    let either = || both("temporal", "  condition: one and not two\n");
    assert_eq!(run(either(), &forward[..1]), 1);
    assert_eq!(run(either(), &backward), 0);
}

#[test]
fn a_filter_takes_away_what_it_names() {
    let filter = "title: Not from the scanner\nid: f\nlogsource:\n  product: veribus\nfilter:\n  rules: [any]\n  selection:\n    source: scanner\n  condition: not selection\n";
    let text = format!("{}{filter}", BASE);
    let mut detector =
        Detector::new(RuleSet::parse(&[("x.yml", &text)]).expect("rules"), Settings::default());
    assert_eq!(detector.observe(&measured(0.0, 0, "scanner"), None).len(), 0);
    assert_eq!(detector.observe(&measured(0.0, 0, "web1"), None).len(), 1);
}

proptest! {
    /// Against the plain definition: fires if and only if five failures of the source lie in the ten minutes
    /// that end with the newest, however the events are spread over sources and time.
    #[test]
    fn brute_force_fires_exactly_where_the_definition_says(
        gaps in proptest::collection::vec((0_i64..400, 0_u8..3), 1..80),
    ) {
        let mut detector = Detector::new(RuleSet::starter(), Settings::default());
        let (mut second, mut seen) = (0, Vec::new());
        for (gap, source) in gaps {
            second += gap;
            seen.push((second, source));
            let event = support::login(&format!("203.0.113.{source}"), "root", false, second);
            let changes = detector.observe(&event, None).to_vec();
            let fired = changes.iter().any(|c| detector.alert(c.id).is_some_and(|a| a.rule == "brute-force"));
            let within = seen.iter().filter(|(t, s)| *s == source && second - t < 600).count();
            prop_assert_eq!(fired, within >= 5, "{} in the window", within);
        }
    }

    /// Out of order by less than a timeline's tolerance, a burst is still a burst.
    #[test]
    fn a_burst_is_found_in_any_order(order in Just((0..5_i64).collect::<Vec<_>>()).prop_shuffle()) {
        let mut detector = Detector::new(RuleSet::starter(), Settings::default());
        for second in order {
            detector.observe(&support::login("203.0.113.9", "root", false, second * 50), None);
        }
        prop_assert_eq!(detector.alerts().iter().filter(|a| a.rule == "brute-force").count(), 1);
    }
}
