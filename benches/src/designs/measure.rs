//! One round of a design: bursts, a paced stretch, and two producers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::record::{Encoder, Stamp};
use super::{Design, Figures, HandOver, Notice, TakeOver};
use crate::machine::pin;
use crate::measure::{BURST, PACE, PAUSE, nanos};
use crate::sample::Sample;
use crate::statistics::{mean, median};

const BURSTS: usize = 100;
const PACED: usize = 5_000;
const POLL: Duration = Duration::from_micros(500);

/// A producer with what it reports, and how it tells the far side.
struct Caller<P> {
    producer: P,
    encoder: Encoder,
    samples: Vec<Sample>,
    wakes: Option<Thread>,
    /// How many callers there are, and how often one of them has come to the start of a burst.
    line: (usize, Arc<AtomicUsize>),
    refused: u64,
}

impl<P: HandOver> Caller<P> {
    #[inline]
    fn once(&mut self, n: usize) {
        let record = self.encoder.encode(&self.samples[n % self.samples.len()]);
        self.refused += u64::from(!self.producer.hand(record));
        if let Some(consumer) = &self.wakes {
            consumer.unpark();
        }
    }

    /// The median of the bursts' means.
    fn bursts(&mut self) -> f64 {
        let burst = |n| {
            self.wait_for_others(n);
            let began = Instant::now();
            (0..BURST).for_each(|n| self.once(n));
            let took = began.elapsed();
            thread::sleep(PAUSE);
            nanos(took) / BURST as f64
        };
        median((0..BURSTS).map(burst).collect::<Vec<f64>>())
    }

    /// Callers begin each burst together, so that they meet.
    fn wait_for_others(&self, bursts: usize) {
        let (callers, arrived) = &self.line;
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < callers * (bursts + 1) {
            std::hint::spin_loop();
        }
    }

    /// The mean of paced events, the clock's own cost included.
    fn paced(&mut self) -> f64 {
        let mut took = Vec::with_capacity(PACED);
        let mut due = Instant::now();
        for n in 0..PACED {
            due += PACE;
            while Instant::now() < due {
                std::hint::spin_loop();
            }
            let began = Instant::now();
            self.once(n);
            took.push(nanos(began.elapsed()));
        }
        mean(&took)
    }
}

/// Measures one round of `D`.
pub(super) fn round<D: Design>(stamp: Stamp, notice: Notice) -> Figures {
    let (mut alone, refused) = with_callers::<D, _>(1, stamp, notice, |caller| {
        pin(0);
        (caller.bursts(), caller.paced())
    });
    let (two, more) = with_callers::<D, _>(2, stamp, notice, |caller| caller.bursts());
    let (burst, paced) = alone.remove(0);
    Figures { burst, paced, two: mean(&two), refused: refused + more }
}

/// Runs `body` on a thread for each caller, with one consumer; the answers, and how many records were refused.
fn with_callers<D: Design, R: Send + 'static>(
    callers: usize,
    stamp: Stamp,
    notice: Notice,
    body: fn(&mut Caller<D::Producer>) -> R,
) -> (Vec<R>, u64) {
    let (producers, mut consumer) = D::open(callers);
    let over = Arc::new(AtomicBool::new(false));
    let ends = over.clone();
    let reader = thread::spawn(move || {
        pin(1);
        loop {
            let last = ends.load(Ordering::Acquire);
            let taken = consumer.take();
            if last {
                return;
            }
            match notice {
                Notice::Polls => thread::sleep(POLL),
                Notice::Woken if taken == 0 => thread::park_timeout(PAUSE * 10),
                Notice::Woken => {}
            }
        }
    });
    let arrived = Arc::new(AtomicUsize::new(0));
    let run = |producer| {
        let line = (callers, arrived.clone());
        let wakes = (notice == Notice::Woken).then(|| reader.thread().clone());
        thread::spawn(move || {
            let samples = Sample::all();
            let mut caller =
                Caller { producer, encoder: Encoder::new(stamp), samples, wakes, line, refused: 0 };
            let answer = body(&mut caller);
            (answer, caller.refused)
        })
    };
    let threads: Vec<_> = producers.into_iter().map(run).collect();
    let answers: Vec<(R, u64)> =
        threads.into_iter().map(|thread| thread.join().expect("a caller does not panic")).collect();
    over.store(true, Ordering::Release);
    reader.thread().unpark();
    reader.join().expect("the consumer does not panic");
    let refused = answers.iter().map(|(_, refused)| refused).sum();
    (answers.into_iter().map(|(answer, _)| answer).collect(), refused)
}
