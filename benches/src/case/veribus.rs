//! The subject: a draft built from borrowed text and published; the far side is a handler that counts. Once with
//! constant names, as a program writes its own, and once with names that are text like any other.

use std::sync::Arc;
use std::time::Duration;

use veribus::{
    EventDraft, EventHandler, HandlerError, Name, SpanId, TraceContext, TraceId, VerificationEvent,
    VerificationEventBus, event, event::family::Authentication,
};

use super::{Case, Ledger};
use crate::sample::Sample;

/// How long the bus may take to drain at the end.
const DRAIN: Duration = Duration::from_secs(10);

const ACTION: Name<'static> = Name::new("jwt.signature");
const SESSION: Name<'static> = Name::new("session");
const USER_AGENT: Name<'static> = Name::new("user_agent");
const REGION: Name<'static> = Name::new("region");

pub(super) struct Publish(VerificationEventBus);

/// As [`Publish`], with names that nobody has checked before.
pub(super) struct PublishText(Publish);

/// Takes every event; the bus counts them itself.
struct Counter;

impl EventHandler for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        std::hint::black_box(batch);
        Ok(())
    }
}

impl Publish {
    pub(super) fn start() -> Result<Self, String> {
        let bus = VerificationEventBus::new(1000);
        bus.register_handler(Box::new(Counter));
        Ok(Publish(bus))
    }
}

impl Case for Publish {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let attributes = [
            (SESSION, sample.session.as_str().into()),
            (USER_AGENT, sample.agent.as_str().into()),
            (REGION, sample.region.as_str().into()),
        ];
        self.publish(sample, event::authentication(ACTION).attributes(&attributes));
    }

    fn finish(self, handed: u64) -> Ledger {
        self.0.close(DRAIN);
        let health = self.0.health();
        let arrived = health.handlers.iter().map(|handler| handler.handled).sum();
        let lost_by_handlers: u64 = health.handlers.iter().map(|handler| handler.lost.total()).sum();
        Ledger { handed, arrived, lost: health.dropped.total() + health.rejected + lost_by_handlers }
    }
}

impl Publish {
    #[inline(always)]
    fn publish<'a>(&self, sample: &'a Sample, draft: EventDraft<'a, Authentication>) {
        let ids =
            (TraceId::from_bytes(sample.trace.to_be_bytes()), SpanId::from_bytes(sample.span.to_be_bytes()));
        let mut draft = draft
            .failure()
            .actor(&sample.actor)
            .source_ip(sample.ip)
            .target(&sample.resource)
            .method(&sample.method)
            .reason(&sample.reason)
            .duration(sample.latency);
        if let (Ok(trace), Ok(span)) = ids {
            draft = draft.trace(TraceContext::new(trace, span, 1));
        }
        std::hint::black_box(self.0.publish(draft));
    }
}

impl PublishText {
    pub(super) fn start() -> Result<Self, String> {
        Publish::start().map(PublishText)
    }
}

impl Case for PublishText {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let attributes = [
            ("session".into(), sample.session.as_str().into()),
            ("user_agent".into(), sample.agent.as_str().into()),
            ("region".into(), sample.region.as_str().into()),
        ];
        self.0.publish(sample, event::authentication(sample.action).attributes(&attributes));
    }

    fn finish(self, handed: u64) -> Ledger {
        self.0.finish(handed)
    }
}
