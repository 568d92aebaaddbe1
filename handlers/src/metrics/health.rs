//! The loss ledger of a bus as metrics.

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType, Summary};
use veribus_core::{BusHealth, HandlerHealth, HandlerState, LossReason};

const STATES: [HandlerState; 3] = [HandlerState::Running, HandlerState::Quarantined, HandlerState::Stopped];

pub(super) fn families(health: &BusHealth) -> Vec<MetricFamily> {
    let mut families = of_the_bus(health);
    families.extend(of_the_handlers(&health.handlers));
    families
}

fn of_the_bus(health: &BusHealth) -> Vec<MetricFamily> {
    let instance = health.instance.to_string();
    let info = gauge(&[("version", env!("CARGO_PKG_VERSION")), ("instance", &instance)], 1.0);
    let dropped = LossReason::ALL.map(|r| counter(&[("reason", r.as_str())], health.dropped.get(r)));
    let total = |name, help, value| family(name, help, MetricType::COUNTER, vec![counter(&[], value)]);
    let level =
        |name, help, value: usize| family(name, help, MetricType::GAUGE, vec![gauge(&[], value as f64)]);
    vec![
        family("veribus_bus_info", "The running bus.", MetricType::GAUGE, vec![info]),
        family(
            "veribus_events_dropped_total",
            "Events refused at publish after they had a number, by reason.",
            MetricType::COUNTER,
            dropped.to_vec(),
        ),
        total("veribus_events_attempted_total", "Publishes begun and answered.", health.attempted),
        total("veribus_events_accepted_total", "Events taken into a ring.", health.accepted),
        total("veribus_events_rejected_total", "Events that broke a limit.", health.rejected),
        total("veribus_events_returned_total", "Events handed back by try_publish.", health.returned),
        total("veribus_redacted_fields_total", "Fields replaced by the redaction.", health.redacted),
        level("veribus_lanes", "Rings in use by publishing threads.", health.lanes),
        level("veribus_ring_bytes", "Memory held by rings.", health.ring_bytes),
    ]
}

fn of_the_handlers(handlers: &[HandlerHealth]) -> Vec<MetricFamily> {
    let each = |metrics: fn(&HandlerHealth) -> Vec<Metric>| handlers.iter().flat_map(metrics).collect();
    vec![
        family(
            "veribus_handler_events_total",
            "Events that a handler was done with, by result.",
            MetricType::COUNTER,
            each(|h| {
                let result = |result, n| counter(&[("handler", &h.name), ("result", result)], n);
                vec![
                    result("handled", h.handled),
                    result("filtered", h.filtered),
                    result("lost", h.lost.total()),
                ]
            }),
        ),
        family(
            "veribus_handler_lost_events_total",
            "Events that a handler will never take, by reason.",
            MetricType::COUNTER,
            each(|h| {
                let lost = h.lost.iter();
                lost.map(|(r, n)| counter(&[("handler", &h.name), ("reason", r.as_str())], n)).collect()
            }),
        ),
        family(
            "veribus_queue_depth",
            "Events on their way to a handler.",
            MetricType::GAUGE,
            each(|h| vec![gauge(&[("handler", &h.name)], h.queued as f64)]),
        ),
        family(
            "veribus_handler_errors_total",
            "Calls of a handler that failed, by kind.",
            MetricType::COUNTER,
            each(|h| {
                let kind = |kind, n| counter(&[("handler", &h.name), ("kind", kind)], n);
                vec![kind("error", h.failures.saturating_sub(h.panics)), kind("panic", h.panics)]
            }),
        ),
        family(
            "veribus_handler_duration_seconds",
            "Time spent in a handler, over the events it handled.",
            MetricType::SUMMARY,
            each(|h| vec![summary(&[("handler", &h.name)], h.handled, h.busy_seconds)]),
        ),
        family(
            "veribus_handler_state",
            "1 for the state that a handler is in.",
            MetricType::GAUGE,
            each(|h| {
                let is = |state: HandlerState| f64::from(u8::from(state == h.state));
                STATES.map(|s| gauge(&[("handler", &h.name), ("state", s.as_str())], is(s))).to_vec()
            }),
        ),
    ]
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn metric(labels: &[(&str, &str)]) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

fn counter(labels: &[(&str, &str)], value: u64) -> Metric {
    let (mut metric, mut counter) = (metric(labels), Counter::default());
    counter.set_value(value as f64);
    metric.set_counter(counter);
    metric
}

fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let (mut metric, mut gauge) = (metric(labels), Gauge::default());
    gauge.set_value(value);
    metric.set_gauge(gauge);
    metric
}

fn summary(labels: &[(&str, &str)], count: u64, sum: f64) -> Metric {
    let (mut metric, mut summary) = (metric(labels), Summary::default());
    summary.set_sample_count(count);
    summary.set_sample_sum(sum);
    metric.set_summary(summary);
    metric
}
