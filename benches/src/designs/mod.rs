//! Ways to hand an encoded record to another thread, behind one interface: what ADR 0008 compares.
//!
//! Safe code over published queues, so that shapes are compared and not tricks: all rows encode the same sample, by
//! the same code, stamped by the clock that the row names, and their consumer reads every byte.

mod measure;
mod queues;
mod record;

use queues::{Nowhere, OwnBytes, OwnSlots, SharedSlots};
use record::Stamp;

/// How the far side learns that there is something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// It looks by itself, 500 µs after it found nothing.
    Polls,
    /// Every hand-over wakes it.
    Woken,
}

/// One producer's end of a design.
pub(crate) trait HandOver: Send + 'static {
    /// Hands over a record, which begins with its length as two bytes and takes a multiple of eight; `false` if there was no room.
    fn hand(&mut self, record: &[u8]) -> bool;
}

/// The consumer's end of a design.
pub(crate) trait TakeOver: Send + 'static {
    /// Reads everything that is there; answers how many records.
    fn take(&mut self) -> u64;
}

/// A design: so many producers, one consumer.
pub(crate) trait Design {
    /// A producer's end.
    type Producer: HandOver;
    /// The consumer's end.
    type Consumer: TakeOver;
    /// Both ends, empty.
    fn open(producers: usize) -> (Vec<Self::Producer>, Self::Consumer);
}

/// Nanoseconds an event in one round, and how many were refused.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// One producer, bursts of 256: median of the bursts' means.
    pub burst: f64,
    /// One producer, one event each 20 µs: mean.
    pub paced: f64,
    /// Two producers at once, bursts of 256: median of the bursts' means.
    pub two: f64,
    /// Records for which there was no room.
    pub refused: u64,
}

/// A row of the table.
pub struct Row {
    /// Design, clock, notice.
    pub name: &'static str,
    /// Measures one round.
    pub measure: fn() -> Figures,
}

/// All rows.
pub const ROWS: [Row; 7] = [
    Row {
        name: "encoded and handed to nobody, TSC",
        measure: || measure::round::<Nowhere>(Stamp::Tsc, Notice::Polls),
    },
    Row {
        name: "shared slots, TSC, polls",
        measure: || measure::round::<SharedSlots>(Stamp::Tsc, Notice::Polls),
    },
    Row {
        name: "slots of the thread, TSC, polls",
        measure: || measure::round::<OwnSlots>(Stamp::Tsc, Notice::Polls),
    },
    Row {
        name: "bytes of the thread, TSC, polls",
        measure: || measure::round::<OwnBytes>(Stamp::Tsc, Notice::Polls),
    },
    Row {
        name: "bytes of the thread, Instant, polls",
        measure: || measure::round::<OwnBytes>(Stamp::Instant, Notice::Polls),
    },
    Row {
        name: "bytes of the thread, SystemTime, polls",
        measure: || measure::round::<OwnBytes>(Stamp::System, Notice::Polls),
    },
    Row {
        name: "bytes of the thread, TSC, woken each time",
        measure: || measure::round::<OwnBytes>(Stamp::Tsc, Notice::Woken),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hands_over_everything<D: Design>() {
        let (mut producers, mut consumer) = D::open(2);
        let mut handed = 0;
        for n in 0..3_000_usize {
            let len = (200 + n % 100).next_multiple_of(8);
            let record = [&(len as u16).to_le_bytes()[..], &vec![n as u8; len - 2]].concat();
            handed += u64::from(producers[n % 2].hand(&record));
        }
        assert!((100..3_000).contains(&handed), "{handed} fit, then it is full");
        assert_eq!(consumer.take(), handed);
        let record = [&200_u16.to_le_bytes()[..], &[1; 198]].concat();
        assert!(producers[0].hand(&record), "and then there is room again");
        assert_eq!(consumer.take(), 1);
    }

    #[test]
    fn every_design_hands_over_what_it_took_and_refuses_what_it_cannot() {
        hands_over_everything::<SharedSlots>();
        hands_over_everything::<OwnSlots>();
        hands_over_everything::<OwnBytes>();
    }
}
