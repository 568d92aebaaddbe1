//! `veribus bench` says what it measured, loses nothing, and leaves nothing behind.

#![allow(clippy::unwrap_used)]

mod support_broker;
mod support_collector;

use std::process::Command;

use support_broker::{Brand, Broker};
use support_collector::VERIBUS;

fn measured(arguments: &[String]) {
    let temp = tempfile::tempdir().unwrap();
    let output = Command::new(VERIBUS)
        .args(["bench", "--seconds", "1", "--batch", "100", "--in-flight", "8", "--json", "--quiet", "--dir"])
        .arg(temp.path())
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| report[name].as_f64().unwrap();
    assert!(number("events") >= 100.0 && number("stored") == number("events"), "{report}");
    assert_eq!((number("lost"), number("unanswered"), number("refused")), (0.0, 0.0, 0.0));
    assert!(number("events_per_second") > 0.0 && number("p50_ms") > 0.0, "{report}");
    assert!(number("p50_ms") <= number("p99_ms") && number("p999_ms") <= number("max_ms"), "{report}");
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0, "the folder of its collector is gone");
}

#[test]
fn a_measurement_over_http_loses_nothing() {
    measured(&[]);
    measured(&["--rate".into(), "500".into(), "--compress".into()]);
}

#[test]
fn a_measurement_through_a_broker_loses_nothing() {
    for brand in [Brand::Nats, Brand::Redis] {
        if let Some(broker) = Broker::start(brand) {
            measured(&broker.arguments());
        }
    }
}
