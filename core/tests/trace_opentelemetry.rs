//! OpenTelemetry's current span is picked up; it wins over our own scope.

use std::sync::mpsc;
use std::thread;

use opentelemetry::Context;
use opentelemetry::trace::{Span, SpanContext, TraceContextExt, TraceState, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use veribus_core::{TraceContext, trace};

fn tracer() -> impl Tracer<Span: Send + Sync + 'static> {
    SdkTracerProvider::builder().build().tracer("veribus")
}

#[test]
fn the_current_span_is_the_trace_and_wins_over_our_scope() {
    let ours = TraceContext::new_root();
    let _scope = ours.enter();
    assert_eq!(trace::current(), Some(ours));

    let tracer = tracer();
    tracer.in_span("request", |context| {
        let span = context.span().span_context().clone();
        let current = trace::current().unwrap();
        assert_eq!(current.trace_id.to_string(), span.trace_id().to_string());
        assert_eq!(current.span_id.to_string(), span.span_id().to_string());
        assert!(current.is_sampled());
    });
    assert_eq!(trace::current(), Some(ours));
}

#[test]
fn a_span_that_is_not_sampled_is_a_trace_too() {
    let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    provider.tracer("veribus").in_span("request", |_| {
        assert_eq!(trace::current().map(TraceContext::is_sampled), Some(false));
    });
}

#[test]
fn a_span_that_is_not_valid_counts_as_absent() {
    let ours = TraceContext::new_root();
    let _scope = ours.enter();
    let _attached = Context::new().with_remote_span_context(SpanContext::empty_context()).attach();
    assert_eq!(trace::current(), Some(ours));
}

#[test]
fn a_remote_parent_is_the_trace_until_there_is_a_span() {
    let parent = TraceContext::new_root();
    let remote = SpanContext::new(
        opentelemetry::TraceId::from_bytes(parent.trace_id.to_bytes()),
        opentelemetry::SpanId::from_bytes(parent.span_id.to_bytes()),
        opentelemetry::TraceFlags::new(parent.flags()),
        true,
        TraceState::NONE,
    );
    let _attached = Context::new().with_remote_span_context(remote).attach();
    assert_eq!(trace::current(), Some(parent));
    let mut span = tracer().start("child");
    span.end();
    assert_eq!(span.span_context().trace_id().to_bytes(), parent.trace_id.to_bytes());
}

#[test]
fn a_thread_that_is_torn_down_may_still_ask() {
    struct AsksOnDrop(mpsc::Sender<Option<TraceContext>>);
    impl Drop for AsksOnDrop {
        fn drop(&mut self) {
            self.0.send(trace::current()).unwrap();
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<AsksOnDrop>> = const { std::cell::RefCell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        LAST.with(|last| *last.borrow_mut() = Some(AsksOnDrop(sender)));
        tracer().in_span("request", |_| assert!(trace::current().is_some()));
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv(), Ok(None));
}
