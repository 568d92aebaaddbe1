//! rtrb, a ring for one producer and one consumer: a finished event is moved; a polling thread takes and drops it.

use std::thread::{self, JoinHandle};

use rtrb::{Consumer, Producer, RingBuffer};

use super::owned::{Owned, Stock};
use super::{CAPACITY, Case, POLL};
use crate::sample::Sample;
use crate::turn::Ledger;

pub(crate) struct Prebuilt {
    producer: Producer<Owned>,
    consumer: JoinHandle<u64>,
    stock: Stock,
    refused: u64,
}

impl Prebuilt {
    pub(crate) fn start() -> Result<Self, String> {
        let (producer, consumer) = RingBuffer::new(CAPACITY);
        Ok(Prebuilt {
            producer,
            consumer: thread::spawn(|| take_all(consumer)),
            stock: Stock::default(),
            refused: 0,
        })
    }
}

/// Takes until the producer is gone and nothing is left; answers how many came.
fn take_all(mut consumer: Consumer<Owned>) -> u64 {
    let mut taken = 0;
    loop {
        // Asked before the ring is found empty, so that nothing pushed in between is left behind.
        let abandoned = consumer.is_abandoned();
        while let Ok(event) = consumer.pop() {
            drop(std::hint::black_box(event));
            taken += 1;
        }
        if abandoned {
            return taken;
        }
        thread::sleep(POLL);
    }
}

impl Case for Prebuilt {
    fn prepare(&mut self, samples: &[Sample], events: usize) {
        self.stock.fill(samples, events);
    }

    #[inline]
    fn once(&mut self, _sample: &Sample) {
        let Some(event) = self.stock.take() else { return };
        self.refused += u64::from(self.producer.push(event).is_err());
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        drop(self.producer);
        Ok(Ledger { handed, arrived: self.consumer.join().unwrap_or(0), lost: self.refused })
    }
}
