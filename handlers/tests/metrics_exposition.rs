//! The exposition is what a strict reader of text format 0.0.4 accepts, and its numbers are right.

#![cfg(feature = "metrics")]

mod common;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use veribus_core::{
    EventHandler, EventId, HandlerError, InstanceId, Timestamp, VerificationEvent, VerificationEventBus,
    event,
};
use veribus_handlers::MetricsCollector;

/// Reads an exposition strictly; answers each sample by its name and sorted labels.
fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line ends with a newline");
    let (mut samples, mut families, mut seen) = (BTreeMap::new(), BTreeMap::new(), HashSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a text");
            assert!(help.len() > 10 && seen.insert(name), "{name} is described once");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(seen.contains(name), "HELP comes before TYPE");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
            assert!(!["_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end)), "{name}");
            assert!(name.starts_with("veribus_"), "{name}");
            families.insert(name, kind);
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let suffixes = ["_bucket", "_sum", "_count"];
            let base = suffixes.iter().find_map(|s| name.strip_suffix(s)).unwrap_or(name);
            assert!(families.contains_key(name) || families.contains_key(base), "{name} has a type");
            let mut labels = read_labels(labels);
            labels.sort();
            let value = value.parse().expect("a number");
            assert!(samples.insert(format!("{name}{labels:?}"), value).is_none(), "{series} stands once");
        }
    }
    samples
}

/// Reads `a="b",c="d"}` with its escapes.
fn read_labels(text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let mut rest = text;
    while rest != "}" {
        rest = rest.strip_prefix(',').unwrap_or(rest);
        let (name, after) = rest.split_once("=\"").expect("a label");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().expect("the value ends") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    other => panic!("unknown escape {other}"),
                }),
                (_, c) => {
                    assert!(c != '\n');
                    value.push(c);
                }
            }
        };
        labels.push((name.to_owned(), value));
        rest = &after[end + 1..];
    }
    labels
}

fn timed(n: u64, action: &str, duration: Duration) -> Arc<VerificationEvent> {
    let draft = event::authentication(action).success().duration(duration).actor("alice");
    Arc::new(draft.into_event(EventId::new(InstanceId(1), 1, n), Timestamp::default()).expect("valid"))
}

/// `MetricsCollector::handle` is the reader's handle; this is the bus's `handle`.
fn give(collector: &mut MetricsCollector, batch: &[Arc<VerificationEvent>]) {
    EventHandler::handle(collector, batch).expect("taken");
}

#[test]
fn events_are_counted_by_category_name_and_outcome() {
    let mut collector = MetricsCollector::new();
    let handle = collector.handle();
    give(&mut collector, &common::logins(1, 3));
    give(&mut collector, &[timed(4, "login", Duration::from_micros(30))]);
    let samples = parse(&handle.render(None));
    let labels = |outcome| {
        format!("[(\"category\", \"authentication\"), (\"outcome\", \"{outcome}\"), (\"type\", \"login\")]")
    };
    assert_eq!(samples[&format!("veribus_events_total{}", labels("failure"))], 3.0);
    assert_eq!(samples[&format!("veribus_events_total{}", labels("success"))], 1.0);
    let category = "(\"category\", \"authentication\")";
    let bucket = |le| {
        samples[&format!("veribus_verification_duration_seconds_bucket[{category}, (\"le\", \"{le}\")]")]
    };
    assert_eq!((bucket("0.000025"), bucket("0.00005"), bucket("+Inf")), (0.0, 1.0, 1.0));
    assert_eq!(samples[&format!("veribus_verification_duration_seconds_count[{category}]")], 1.0);
}

#[test]
fn names_beyond_the_ceiling_share_one_label() {
    let mut collector = MetricsCollector::with_types_max(10);
    for n in 0..1000 {
        give(&mut collector, &[timed(n, &format!("attack-{n}"), Duration::ZERO)]);
    }
    let samples = parse(&collector.handle().render(None));
    let series = samples.keys().filter(|key| key.starts_with("veribus_events_total"));
    assert_eq!(series.count(), 11 * 3);
    assert_eq!(samples["veribus_event_types_folded_total[]"], 990.0);
    let other = "[(\"category\", \"authentication\"), (\"outcome\", \"success\"), (\"type\", \"other\")]";
    assert_eq!(samples[&format!("veribus_events_total{other}")], 990.0);
}

struct Odd;

impl EventHandler for Odd {
    fn name(&self) -> &str {
        "o\"d\\d\n"
    }

    fn handle(&mut self, _: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        Err(HandlerError::permanent("never"))
    }
}

#[test]
fn the_ledger_of_a_bus_is_rendered_with_its_losses_and_odd_names() {
    let bus = VerificationEventBus::new(1000);
    let collector = MetricsCollector::new();
    let handle = collector.handle();
    bus.register_handler(Box::new(collector));
    bus.register_handler(Box::new(Odd));
    for _ in 0..20 {
        bus.publish(event::authentication("login").failure().actor("alice"));
    }
    bus.publish(event::authentication(""));
    assert!(bus.flush(Duration::from_secs(10)));
    let samples = parse(&handle.render(Some(&bus.health())));
    assert_eq!(samples["veribus_events_attempted_total[]"], 21.0);
    assert_eq!(samples["veribus_events_rejected_total[]"], 1.0);
    assert_eq!(samples["veribus_events_dropped_total[(\"reason\", \"queue_full\")]"], 0.0);
    assert_eq!(
        samples["veribus_handler_events_total[(\"handler\", \"metrics\"), (\"result\", \"handled\")]"],
        20.0
    );
    assert_eq!(samples["veribus_queue_depth[(\"handler\", \"metrics\")]"], 0.0);
    assert_eq!(samples["veribus_handler_duration_seconds_count[(\"handler\", \"metrics\")]"], 20.0);
    let odd = format!("veribus_handler_errors_total{:?}", [("handler", "o\"d\\d\n"), ("kind", "error")]);
    assert!(samples[&odd] >= 1.0, "{samples:?}");
    assert!(!handle.render(Some(&bus.health())).contains("alice"), "no event text but action names");
    bus.close(Duration::from_secs(5));
}
