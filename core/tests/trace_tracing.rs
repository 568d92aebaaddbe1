//! The current `tracing` span is picked up through `tracing-opentelemetry`.

use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use veribus_core::{TraceContext, trace};

fn in_subscriber(context_activation: bool, work: impl FnOnce()) {
    let tracer = SdkTracerProvider::builder().build().tracer("veribus");
    let layer =
        tracing_opentelemetry::layer().with_tracer(tracer).with_context_activation(context_activation);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
}

fn span_is_current(context_activation: bool) {
    in_subscriber(context_activation, || {
        let ours = TraceContext::new_root();
        let _scope = ours.enter();
        assert_eq!(trace::current(), Some(ours));
        let span = tracing::info_span!("request");
        span.in_scope(|| {
            let expected = span.context().span().span_context().clone();
            let current = trace::current().unwrap();
            assert_eq!(current.trace_id.to_bytes(), expected.trace_id().to_bytes());
            assert_eq!(current.span_id.to_bytes(), expected.span_id().to_bytes());
        });
        assert_eq!(trace::current(), Some(ours));
    });
}

#[test]
fn a_span_that_the_layer_activates_is_the_trace() {
    span_is_current(true);
}

#[test]
fn a_span_that_the_layer_does_not_activate_is_the_trace_too() {
    span_is_current(false);
}

#[test]
fn without_the_layer_our_scope_stands() {
    let ours = TraceContext::new_root();
    tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        let span = tracing::info_span!("request");
        span.in_scope(|| assert_eq!(ours.in_scope(trace::current), Some(ours)));
    });
}
