//! What detection costs an event, beside rsigma's correlation engine on the same rules and events, in one run.
//!
//! `cargo run --release -p veribus-detection --example cost [COPIES]`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a measurement prints")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use rsigma_eval::{CorrelationConfig, CorrelationEngine};
use rsigma_parser::SigmaCollection;
use veribus_core::VerificationEvent;
use veribus_detection::{Detector, EventView, RuleSet, Seen, Settings};

fn main() {
    let copies: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(500);
    let Some(log) = support::real_log() else { return };
    let attempts = support::attempts(&log);
    let events: Vec<VerificationEvent> = attempts
        .iter()
        .map(|(second, source, user, passed)| support::login(source, user, *passed, *second))
        .collect();
    let total = events.len() * copies;

    let mut detector = Detector::new(RuleSet::starter(), Settings::default());
    let started = Instant::now();
    for _ in 0..copies {
        for event in &events {
            detector.observe(event, Some("sshd"));
        }
    }
    report("veribus: memory, rules, alerts, score", started, total);
    let stats = detector.stats();
    println!(
        "  {} alerts, {} groups held, {} jumps back",
        stats.alerts, stats.engine.groups, stats.engine.jumps_back
    );
    for rule in stats.engine.rules.iter().filter(|rule| rule.evaluated > 0) {
        println!(
            "  {:24} evaluated {:8} matched {:8} fired {:8}",
            rule.rule, rule.evaluated, rule.matched, rule.fired
        );
    }

    let mut theirs =
        CorrelationEngine::new(CorrelationConfig { emit_detections: false, ..CorrelationConfig::default() });
    let mut collection = SigmaCollection::new();
    for (_, text) in RuleSet::starter_files() {
        let file = rsigma_parser::parse_sigma_yaml(text).expect("the starter rules parse");
        collection.rules.extend(file.rules);
        collection.correlations.extend(file.correlations);
    }
    theirs.add_collection(&collection).expect("the starter rules compile");
    let few = copies.clamp(1, 20);
    let (started, mut fired) = (Instant::now(), 0);
    for _ in 0..few {
        for event in &events {
            let view = EventView::new(event, Some("sshd"), Seen::default());
            fired += theirs.process_event_at(&view, event.time.as_nanos() / 1_000_000_000).len();
        }
    }
    report("rsigma: rules and correlations alone", started, events.len() * few);
    println!("  {fired} results, {} states held", theirs.state_count());
}

fn report(what: &str, started: Instant, events: usize) {
    let elapsed = started.elapsed();
    println!(
        "{what}: {:.3} µs/event, {events} events in {:.3} s",
        elapsed.as_secs_f64() * 1e6 / events as f64,
        elapsed.as_secs_f64()
    );
}
