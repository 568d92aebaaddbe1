//! The subject: a draft built from borrowed text and published, with handlers of several kinds on the far side. The
//! ledger of the bus must balance exactly, or the case fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use veribus::{
    BusHealth, EventDraft, EventHandler, Family, HandlerError, Interest, Name, Severity, SpanId,
    TraceContext, TraceId, VerificationEvent, VerificationEventBus, event, event::family::Authentication,
};
use veribus_testkit::{Blocking, Gate};

use super::Case;
use crate::measure::BURST;
use crate::sample::Sample;
use crate::turn::Ledger;

/// How long a bus may take to drain at the end, and to fill up where it shall be full.
pub(crate) const DRAIN: Duration = Duration::from_secs(20);

const ACTION: Name<'static> = Name::new("jwt.signature");
const SESSION: Name<'static> = Name::new("session");
const USER_AGENT: Name<'static> = Name::new("user_agent");
const REGION: Name<'static> = Name::new("region");

/// Takes every event that it is interested in; the bus counts them itself.
pub(crate) struct Counter(pub(crate) Interest);

impl EventHandler for Counter {
    fn name(&self) -> &str {
        "counter"
    }

    fn interest(&self) -> Interest {
        self.0
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        std::hint::black_box(batch);
        Ok(())
    }
}

/// Publishes the sample on a bus; clones publish on the same one.
#[derive(Clone)]
pub(crate) struct Publisher(pub(crate) VerificationEventBus);

impl Publisher {
    /// With constant names, as a program writes its own; whether the event was accepted.
    #[inline(always)]
    pub(crate) fn once(&self, sample: &Sample) -> bool {
        let draft = event::authentication(ACTION)
            .attribute(SESSION, &sample.session)
            .attribute(USER_AGENT, &sample.agent)
            .attribute(REGION, &sample.region);
        self.publish(sample, draft)
    }

    /// With names that are text like any other, which nobody has checked before.
    #[inline(always)]
    fn once_text(&self, sample: &Sample) -> bool {
        let draft = event::authentication(sample.action)
            .attribute("session", &sample.session)
            .attribute("user_agent", &sample.agent)
            .attribute("region", &sample.region);
        self.publish(sample, draft)
    }

    #[inline(always)]
    fn publish<'a>(&self, sample: &'a Sample, draft: EventDraft<'a, Authentication>) -> bool {
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
        std::hint::black_box(self.0.publish(draft)).is_accepted()
    }
}

/// A bus in some state, and what is published on it.
pub(crate) struct Publish {
    publisher: Publisher,
    /// Opened before the bus is closed, where a handler is held.
    gate: Option<Gate>,
    /// Published before anything was measured.
    before: u64,
}

impl Publish {
    /// One handler that counts.
    pub(crate) fn start() -> Result<Self, String> {
        Publish::to_handlers(1)
    }

    /// So many handlers that count.
    pub(crate) fn to_handlers(handlers: usize) -> Result<Self, String> {
        let bus = VerificationEventBus::new(1000);
        for _ in 0..handlers {
            bus.register_handler(Box::new(Counter(Interest::all())));
        }
        Ok(Publish::on(bus))
    }

    /// A handler that is interested in none of the events.
    pub(crate) fn filtered() -> Result<Self, String> {
        let bus = VerificationEventBus::new(1000);
        bus.register_handler(Box::new(Counter(Interest::families(&[Family::Security]))));
        Ok(Publish::on(bus))
    }

    /// A handler that blocks for ever (until the case is over), with its queue full before anything is measured.
    pub(crate) fn blocked() -> Result<Self, String> {
        let bus = VerificationEventBus::new(1000);
        let (handler, gate) = Blocking::new();
        bus.register_handler(Box::new(handler));
        let mut case = Publish { gate: Some(gate), ..Publish::on(bus) };
        case.fill()?;
        Ok(case)
    }

    /// Around a bus that somebody else made.
    pub(crate) fn on(bus: VerificationEventBus) -> Self {
        Publish { publisher: Publisher(bus), gate: None, before: 0 }
    }

    /// Publishes until a handler loses events, in bursts that leave the ring room.
    pub(crate) fn fill(&mut self) -> Result<(), String> {
        self.fill_until("a handler's queue was full", |bus| {
            bus.health().handlers.iter().any(|handler| handler.lost.total() > 0)
        })
    }

    /// Publishes until `state` holds, in bursts that leave the ring room; `what` says what is waited for.
    pub(crate) fn fill_until(
        &mut self,
        what: &str,
        state: impl Fn(&VerificationEventBus) -> bool,
    ) -> Result<(), String> {
        let (samples, begun) = (Sample::all(), Instant::now());
        while !state(&self.publisher.0) {
            if begun.elapsed() > DRAIN {
                return Err(format!("waited {DRAIN:?} in vain until {what}"));
            }
            for sample in samples.iter().cycle().take(BURST) {
                self.publisher.once(sample);
            }
            self.before += BURST as u64;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub(crate) fn health(&self) -> BusHealth {
        self.publisher.0.health()
    }
}

impl Case for Publish {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        self.publisher.once(sample);
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        if let Some(gate) = &self.gate {
            gate.open();
        }
        settle(&self.publisher.0, self.before + handed)
    }
}

/// As [`Publish::filtered`], where building is left to the bus.
pub(crate) struct PublishWith(Publish);

impl PublishWith {
    pub(crate) fn filtered() -> Result<Self, String> {
        Publish::filtered().map(PublishWith)
    }
}

impl Case for PublishWith {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let build = || {
            let draft = event::authentication(ACTION)
                .attribute(SESSION, sample.session.as_str())
                .attribute(USER_AGENT, sample.agent.as_str())
                .attribute(REGION, sample.region.as_str())
                .failure();
            draft.actor(&sample.actor).source_ip(sample.ip).target(&sample.resource).method(&sample.method)
        };
        let bus = &self.0.publisher.0;
        std::hint::black_box(bus.publish_with(Family::Authentication, Severity::Informational, build));
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        self.0.finish(handed)
    }
}

/// As [`Publish`], with names given as text.
pub(crate) struct PublishText(Publish);

impl PublishText {
    pub(crate) fn start() -> Result<Self, String> {
        Publish::start().map(PublishText)
    }
}

impl Case for PublishText {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        self.0.publisher.once_text(sample);
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        self.0.finish(handed)
    }
}

/// Closes the bus and answers for `handed` events by the handler that got the fewest.
///
/// # Errors
/// In words, if anything of the ledger does not balance exactly: the publisher's side, or any handler's.
pub(crate) fn settle(bus: &VerificationEventBus, handed: u64) -> Result<Ledger, String> {
    // Everything is handled first; a forwarder whose collector is away would then take all the time that it is given.
    bus.flush(DRAIN);
    bus.close(Duration::from_secs(1));
    let health = bus.health();
    balance(&health)?;
    if health.attempted != handed {
        return Err(format!("{handed} events were published, the bus counts {}", health.attempted));
    }
    let refused = health.dropped.total() + health.rejected + health.returned;
    let mut ledger = Ledger { handed, arrived: health.accepted, lost: refused };
    for handler in &health.handlers {
        if handler.queued > 0 {
            return Err(format!("`{}` has {} events in its queue after close", handler.name, handler.queued));
        }
        let arrived = handler.handled + handler.filtered;
        if arrived < ledger.arrived {
            ledger = Ledger { handed, arrived, lost: refused + handler.lost.total() };
        }
    }
    Ok(ledger)
}

/// Holds a snapshot against the two identities that every snapshot keeps.
///
/// # Errors
/// The identity that is broken, in numbers.
pub(crate) fn balance(health: &BusHealth) -> Result<(), String> {
    let answered = health.accepted + health.dropped.total() + health.rejected + health.returned;
    if health.attempted != answered {
        return Err(format!(
            "the ledger is off: attempted {} != accepted + dropped + rejected + returned {answered}",
            health.attempted
        ));
    }
    for handler in &health.handlers {
        let settled = handler.filtered + handler.handled + handler.lost.total() + handler.queued;
        if handler.accepted != settled {
            return Err(format!(
                "the ledger of `{}` is off: accepted {} != filtered + handled + lost + queued {settled}",
                handler.name, handler.accepted
            ));
        }
    }
    Ok(())
}
