//! What the machine cannot undercut: one read of the counter and one copy of the event's bytes, and nobody reads them.

use quanta::Clock;

use super::Case;
use crate::sample::Sample;
use crate::turn::Ledger;

/// Room for one record; the sample needs about 250 bytes.
const RECORD_BYTES_MAX: usize = 512;

/// Copies the event's bytes into an array of its own.
pub(crate) struct Copy {
    clock: Clock,
    record: [u8; RECORD_BYTES_MAX],
}

impl Default for Copy {
    fn default() -> Self {
        Copy { clock: Clock::new(), record: [0; RECORD_BYTES_MAX] }
    }
}

impl Case for Copy {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            self.record[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.clock.raw().to_le_bytes());
        put(&sample.trace.to_le_bytes());
        put(&sample.span.to_le_bytes());
        put(&sample.latency.as_nanos().to_le_bytes());
        if let std::net::IpAddr::V4(ip) = sample.ip {
            put(&ip.octets());
        }
        for text in sample.texts() {
            put(&(text.len() as u32).to_le_bytes());
            put(text.as_bytes());
        }
        std::hint::black_box(&self.record);
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        Ok(Ledger::local(handed))
    }
}

/// Does nothing, so that what remains is the timing itself.
pub(crate) struct Nothing;

impl Case for Nothing {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        std::hint::black_box(sample);
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        Ok(Ledger::local(handed))
    }
}
