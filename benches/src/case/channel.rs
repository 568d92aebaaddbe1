//! A bare bounded channel: the event is built with texts of its own and moved; a thread takes and drops it.

use std::net::IpAddr;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Sender, bounded};

use super::{Case, Ledger};
use crate::sample::Sample;

/// Events that may wait; four times a burst of the measurement, as the bus has.
const CAPACITY: usize = 1024;

/// An event as somebody would write it who has only a channel.
#[derive(Debug)]
#[expect(dead_code, reason = "the far side takes the event and drops it")]
struct Owned {
    time: SystemTime,
    action: &'static str,
    actor: String,
    ip: IpAddr,
    resource: String,
    method: String,
    reason: String,
    attributes: [(&'static str, String); 3],
    trace: u128,
    span: u64,
    latency: Duration,
}

pub(super) struct Channel {
    sender: Sender<Owned>,
    receiver: JoinHandle<u64>,
    refused: u64,
}

impl Channel {
    pub(super) fn start() -> Result<Self, String> {
        let (sender, receiver) = bounded::<Owned>(CAPACITY);
        let take = move || receiver.iter().map(std::hint::black_box).count() as u64;
        Ok(Channel { sender, receiver: thread::spawn(take), refused: 0 })
    }
}

impl Case for Channel {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let event = Owned {
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
        };
        if self.sender.try_send(event).is_err() {
            self.refused += 1;
        }
    }

    fn finish(self, handed: u64) -> Ledger {
        drop(self.sender);
        Ledger { handed, arrived: self.receiver.join().unwrap_or(0), lost: self.refused }
    }
}
