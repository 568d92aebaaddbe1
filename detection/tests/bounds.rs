//! Everything is bounded, and what is given up is counted.

mod support;

use veribus_core::{EventId, Severity, Timestamp, event};
use veribus_detection::{ChangeKind, Context, Detector, EngineLimits, Enrichment, RuleSet, Settings};

#[test]
fn groups_indicators_and_alerts_stay_within_their_bounds() {
    let mut settings = Settings::default();
    settings.engine = EngineLimits { groups_max: 100, entries_max: 10_000 };
    (settings.indicators_max, settings.alerts_max) = (50, 20);
    let mut detector = Detector::new(RuleSet::starter(), settings);
    for n in 0..2_000_u32 {
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + n / 6).to_string();
        detector.observe(&support::login(&ip, &format!("user{n}"), false, i64::from(n) / 100), None);
    }
    let stats = detector.stats();
    assert!(stats.engine.groups <= 110, "{} groups", stats.engine.groups);
    assert!(stats.engine.groups_evicted > 0);
    assert_eq!((stats.alerts, stats.indicators), (20, 100));
    assert_eq!(stats.indicators_evicted, 2_000 + 334 - 100);
    assert_eq!(stats.alerts_evicted, 2_000 / 6 - 20);
}

#[test]
fn windows_that_are_over_are_let_go() {
    let mut detector = Detector::new(RuleSet::starter(), Settings::default());
    for n in 0..500_i64 {
        detector.observe(&support::login(&format!("203.0.{}.{}", n / 250, n % 250), "root", false, n), None);
    }
    let busy = detector.stats().engine.groups;
    detector.observe(&support::login("203.0.113.9", "root", false, 2_000), None);
    let after = detector.stats().engine;
    assert!(busy > 500 && after.groups <= 3, "{busy}, then {}", after.groups);
    assert_eq!(after.groups_evicted, 0, "over, not given up");
}

#[test]
fn rules_that_cannot_match_are_never_looked_at() {
    let mut detector = Detector::new(RuleSet::starter(), Settings::default());
    let event = event::performance("latency").measured(1.0, "seconds");
    detector
        .observe(&event.into_event(EventId::from_bits(1), Timestamp::from_seconds(1)).expect("event"), None);
    let none = detector.stats().engine;
    assert_eq!((none.evaluated, none.skipped > 0), (0, true));
    detector.observe(&support::login("203.0.113.9", "root", true, 2), None);
    let stats = detector.stats().engine;
    let looked: Vec<&str> = stats.rules.iter().filter(|r| r.evaluated > 0).map(|r| r.rule.as_str()).collect();
    assert!(looked.contains(&"first-login") && !looked.contains(&"login-failed"), "{looked:?}");
    assert_eq!(stats.evaluated + stats.skipped, 2 * none.skipped);
}

#[test]
fn a_quiet_period_ends_an_alert_and_an_older_event_does_not() {
    let mut detector = Detector::new(RuleSet::starter(), Settings::default());
    let critical = |second: i64| {
        let event = event::security("intrusion").severity(Severity::Critical).target("web1");
        event.into_event(EventId::from_bits(1), Timestamp::from_seconds(second)).expect("event")
    };
    const DAY: i64 = 86_400;
    let mut kinds = Vec::new();
    for second in [0, DAY, 2 * DAY + 1, 0] {
        kinds.extend(detector.observe(&critical(second), None).iter().map(|c| (c.id.0, c.kind)));
    }
    use ChangeKind::{Created, Grew};
    assert_eq!(kinds, [(1, Created), (1, Grew), (2, Created), (2, Grew)]);
    assert_eq!(detector.alerts().iter().map(|a| a.events).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_risk_may_grow_into_a_higher_band_and_lists_the_context() {
    #[derive(Debug)]
    struct Abroad;
    impl Enrichment for Abroad {
        fn about(&self, _: std::net::IpAddr) -> Option<Context> {
            Some(Context { country: Some("ZZ".into()), reputation: Some(50), provider: "list".into() })
        }
    }
    let mut settings = Settings::default();
    settings.countries = vec!["DE".into()];
    settings.weights.reputation = 10;
    let mut detector = Detector::new(RuleSet::starter(), settings).with_enrichment(Box::new(Abroad));
    let mut raised = 0;
    for n in 0..60 {
        let changes = detector.observe(&support::login("203.0.113.9", "root", false, n), None);
        raised += changes.iter().filter(|c| c.kind == ChangeKind::Raised).count();
    }
    let alert = detector.alerts().remove(0);
    let signals: Vec<_> = alert.contributions.iter().map(|c| (c.signal, c.points)).collect();
    let expected = [
        ("rule_level", 40),
        ("repeat_activity", 10),
        ("first_seen", 5),
        ("geography", 15),
        ("reputation", 5),
    ];
    assert_eq!(signals, expected);
    assert_eq!((alert.risk, raised), (75, 1), "from thread to escalate once");
    let json = serde_json::to_value(&alert).expect("an alert is JSON");
    for name in
        ["rule", "title", "risk", "band", "entity", "events", "first_seen", "last_seen", "contributions"]
    {
        assert!(json.get(name).is_some(), "{name}");
    }
    assert_eq!((&json["band"], &json["entity"]["kind"]), (&"escalate".into(), &"ip".into()));
    assert_eq!(json["contributions"][1]["detail"], "60 events in 59 s");
    let indicator = serde_json::to_value(&detector.indicators()[0]).expect("an indicator is JSON");
    for name in ["value", "kind", "first_seen", "last_seen", "count", "last_score"] {
        assert!(indicator.get(name).is_some(), "{name}");
    }
    assert_eq!(indicator["last_score"], 75);
}

#[test]
fn a_success_after_brute_force_is_escalated_and_says_why() {
    let mut detector = Detector::new(RuleSet::starter(), Settings::default());
    for n in 0..50 {
        detector.observe(&support::login("203.0.113.9", "root", false, n), None);
    }
    detector.observe(&support::login("203.0.113.9", "root", true, 60), None);
    let top = detector.alerts().remove(0);
    assert_eq!((top.rule.as_str(), top.band.as_str()), ("brute-force-success", "escalate"));
    let parts: Vec<_> = top.contributions.iter().map(|c| c.detail.as_str()).collect();
    assert!(parts.contains(&"success after 50 failures in 7 d"), "{parts:?}");
}

#[test]
fn an_earlier_alert_counts_from_another_visit_on() {
    let offended = |pause: i64| {
        let mut detector = Detector::new(RuleSet::starter(), Settings::default());
        for n in 0..5 {
            detector.observe(&support::login("203.0.113.9", "root", false, n), None);
        }
        for n in 0..10 {
            detector.observe(&support::login("203.0.113.9", &format!("user{n}"), false, pause + n), None);
        }
        let spray = detector.alerts().into_iter().find(|a| a.rule == "password-spray").expect("a spray");
        spray.contributions.iter().any(|c| c.signal == "repeat_offender")
    };
    assert_eq!([1_800, 7_200, 6 * 86_400, 8 * 86_400].map(offended), [false, true, true, false]);
}
