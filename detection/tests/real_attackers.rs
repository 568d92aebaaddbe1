//! On a real log under attack: one brute-force alert for each real attacker, and the one success by its name.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use veribus_detection::{Alert, Band, Detector, RuleSet, Settings};

/// Sources with five attempts or more in ten minutes, counted from the log by a script of its own:
/// attempts in all, repeats expanded.
const ATTACKERS: [(&str, u64); 11] = [
    ("183.62.140.253", 286),
    ("187.141.143.180", 80),
    ("103.99.0.122", 46),
    ("112.95.230.3", 26),
    ("185.190.58.151", 18),
    ("5.188.10.180", 18),
    ("123.235.32.19", 7),
    ("106.5.5.195", 6),
    ("119.4.203.64", 6),
    ("5.36.59.76", 6),
    ("60.2.12.12", 5),
];

fn run(log: &str, copies: usize) -> Detector {
    let attempts = support::attempts(log);
    let mut detector = Detector::new(RuleSet::starter(), Settings::default());
    for _ in 0..copies {
        for (second, source, user, passed) in &attempts {
            detector.observe(&support::login(source, user, *passed, *second), None);
        }
    }
    detector
}

fn of_rule(detector: &Detector, rule: &str) -> Vec<Alert> {
    detector.alerts().into_iter().filter(|alert| alert.rule == rule).collect()
}

/// Sources with `least` attempts or more in some half-open ten minutes, by looking at every pair of ends.
fn attackers(log: &str, least: usize) -> BTreeSet<String> {
    let mut failures: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (second, source, _, passed) in support::attempts(log) {
        if !passed {
            failures.entry(source).or_default().push(second);
        }
    }
    let within = |times: &[i64]| times.windows(least).any(|w| w[least - 1] - w[0] < 600);
    failures.into_iter().filter(|(_, times)| within(times)).map(|(source, _)| source).collect()
}

#[test]
fn each_real_attacker_has_one_alert_and_nobody_else() {
    let Some(log) = support::real_log() else { return };
    let detector = run(&log, 1);
    let alerts = of_rule(&detector, "brute-force");
    let named: BTreeSet<String> = alerts.iter().map(|a| a.entity.value.to_string()).collect();
    assert_eq!(named, attackers(&log, 5));
    assert_eq!(named, ATTACKERS.iter().map(|(ip, _)| (*ip).to_owned()).collect());
    assert_eq!(alerts.len(), ATTACKERS.len(), "one alert for each");
    assert!(alerts.iter().all(|a| a.band == Band::Thread && a.entity.kind == "ip"));
    assert_eq!(alerts[0].entity.value, "183.62.140.253", "the loudest first");
    assert_eq!(alerts[0].events, 286);
    for alert in &alerts {
        let sum: u64 = alert.contributions.iter().map(|c| u64::from(c.points)).sum();
        assert_eq!(u64::from(alert.risk), sum);
        assert!(alert.first_seen < alert.last_seen);
    }
}

#[test]
fn the_one_success_is_named_and_is_no_attack() {
    let Some(log) = support::real_log() else { return };
    let detector = run(&log, 1);
    let named = of_rule(&detector, "first-login");
    assert_eq!(named.len(), 1);
    assert_eq!(
        (&*named[0].entity.value, named[0].actors.as_slice()),
        ("119.137.62.142", &["fztu".to_owned()][..])
    );
    assert_eq!(named[0].band, Band::Quiet);
    assert!(of_rule(&detector, "brute-force-success").is_empty());
}

#[test]
fn copies_of_the_log_joined_end_to_end_raise_no_further_alerts_and_hold_no_more() {
    let Some(log) = support::real_log() else { return };
    let (once, often) = (run(&log, 1), run(&log, 40));
    let keys = |d: &Detector| -> BTreeSet<(String, String)> {
        d.alerts().into_iter().map(|a| (a.rule, a.entity.value.to_string())).collect()
    };
    assert_eq!(keys(&once), keys(&often));
    assert_eq!(once.alerts().len(), often.alerts().len());
    assert_eq!(of_rule(&often, "brute-force")[0].events, 40 * 286);
    assert_eq!(once.indicators().len(), often.indicators().len());
    let (one, many) = (once.stats().engine, often.stats().engine);
    assert_eq!((many.jumps_back, many.groups_evicted), (39, 0));
    assert!(many.groups <= 4 * one.groups.max(60), "{} groups, {} of one copy", many.groups, one.groups);
}

#[test]
fn indicators_count_what_was_seen() {
    let Some(log) = support::real_log() else { return };
    let indicators = run(&log, 1).indicators();
    let of =
        |value: &str| indicators.iter().find(|i| i.value == value).map(|i| (i.kind, i.count, i.failures));
    assert_eq!(of("183.62.140.253"), Some(("ip", 286, 286)));
    assert_eq!(of("119.137.62.142"), Some(("ip", 1, 0)));
    assert_eq!(of("fztu"), Some(("user", 1, 0)));
    assert_eq!(indicators.iter().filter(|i| i.kind == "ip" && i.failures > 0).count(), 23);
}
