//! The event as a channel carries it: built with texts of its own, or finished before it is moved.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::sample::Sample;

/// An event as somebody would write it who has only a channel.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) time: SystemTime,
    pub(crate) action: &'static str,
    pub(crate) actor: String,
    pub(crate) ip: IpAddr,
    pub(crate) resource: String,
    pub(crate) method: String,
    pub(crate) reason: String,
    pub(crate) attributes: [(&'static str, String); 3],
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) latency: Duration,
}

impl Owned {
    #[inline]
    pub(crate) fn build(sample: &Sample) -> Owned {
        Owned {
            time: SystemTime::now(),
            action: sample.action,
            actor: sample.actor.clone(),
            ip: sample.ip,
            resource: sample.resource.clone(),
            method: sample.method.clone(),
            reason: sample.reason.clone(),
            attributes: [
                ("session", sample.session.clone()),
                ("user_agent", sample.agent.clone()),
                ("region", sample.region.clone()),
            ],
            trace: sample.trace,
            span: sample.span,
            latency: sample.latency,
        }
    }
}

/// Events finished before the clock runs.
#[derive(Debug, Default)]
pub(crate) struct Stock(Vec<Owned>);

impl Stock {
    /// Holds `events` of them, and no more.
    pub(crate) fn fill(&mut self, samples: &[Sample], events: usize) {
        let missing = events.saturating_sub(self.0.len());
        self.0.extend(samples.iter().cycle().take(missing).map(Owned::build));
    }

    #[inline]
    pub(crate) fn take(&mut self) -> Option<Owned> {
        self.0.pop()
    }
}
