//! The subject: a draft built from borrowed text and published; the far side is a handler that counts.

use std::sync::Arc;
use std::time::Duration;

use veribus::{
    EventHandler, HandlerError, SpanId, TraceContext, TraceId, VerificationEvent, VerificationEventBus, event,
};

use super::{Case, Ledger};
use crate::sample::Sample;

/// How long the bus may take to drain at the end.
const DRAIN: Duration = Duration::from_secs(10);

pub(super) struct Publish(VerificationEventBus);

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
        let ids =
            (TraceId::from_bytes(sample.trace.to_be_bytes()), SpanId::from_bytes(sample.span.to_be_bytes()));
        let mut draft = event::authentication(sample.action)
            .failure()
            .actor(&sample.actor)
            .source_ip(sample.ip)
            .target(&sample.resource)
            .method(&sample.method)
            .reason(&sample.reason)
            .duration(sample.latency)
            .attribute("session", &sample.session)
            .attribute("user_agent", &sample.agent)
            .attribute("region", &sample.region);
        if let (Ok(trace), Ok(span)) = ids {
            draft = draft.trace(TraceContext::new(trace, span, 1));
        }
        std::hint::black_box(self.0.publish(draft));
    }

    fn finish(self, handed: u64) -> Ledger {
        self.0.close(DRAIN);
        let health = self.0.health();
        let arrived = health.handlers.iter().map(|handler| handler.handled).sum();
        let lost_by_handlers: u64 = health.handlers.iter().map(|handler| handler.lost.total()).sum();
        Ledger { handed, arrived, lost: health.dropped.total() + health.rejected + lost_by_handlers }
    }
}
