//! A bare bounded channel: the event is built with texts of its own and moved; a thread takes and drops it.

use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded};

use super::owned::Owned;
use super::{CAPACITY, Case};
use crate::sample::Sample;
use crate::turn::Ledger;

pub(crate) struct Channel {
    sender: Sender<Owned>,
    receiver: JoinHandle<u64>,
    refused: u64,
}

impl Channel {
    pub(crate) fn start() -> Result<Self, String> {
        let (sender, receiver) = bounded::<Owned>(CAPACITY);
        let take = move || receiver.iter().map(std::hint::black_box).count() as u64;
        Ok(Channel { sender, receiver: thread::spawn(take), refused: 0 })
    }
}

impl Case for Channel {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        self.refused += u64::from(self.sender.try_send(Owned::build(sample)).is_err());
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        drop(self.sender);
        Ok(Ledger { handed, arrived: self.receiver.join().unwrap_or(0), lost: self.refused })
    }
}
