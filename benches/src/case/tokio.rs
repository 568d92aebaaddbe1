//! tokio's mpsc channel as a caller outside of the runtime's control uses it: `try_send` of a finished event; a thread
//! receives and drops it.

use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::{Sender, channel};

use super::owned::{Owned, Stock};
use super::{CAPACITY, Case};
use crate::sample::Sample;
use crate::turn::Ledger;

pub(crate) struct TrySend {
    sender: Sender<Owned>,
    receiver: JoinHandle<u64>,
    stock: Stock,
    refused: u64,
}

impl TrySend {
    pub(crate) fn start() -> Result<Self, String> {
        let (sender, mut receiver) = channel::<Owned>(CAPACITY);
        let take = move || {
            let mut taken = 0;
            while let Some(event) = receiver.blocking_recv() {
                drop(std::hint::black_box(event));
                taken += 1;
            }
            taken
        };
        Ok(TrySend { sender, receiver: thread::spawn(take), stock: Stock::default(), refused: 0 })
    }
}

impl Case for TrySend {
    fn prepare(&mut self, samples: &[Sample], events: usize) {
        self.stock.fill(samples, events);
    }

    #[inline]
    fn once(&mut self, _sample: &Sample) {
        let Some(event) = self.stock.take() else { return };
        self.refused += u64::from(self.sender.try_send(event).is_err());
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        drop(self.sender);
        Ok(Ledger { handed, arrived: self.receiver.join().unwrap_or(0), lost: self.refused })
    }
}
