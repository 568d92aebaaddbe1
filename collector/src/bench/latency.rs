//! Times of parcels, and the ones that a share of them stays below.

use std::time::Duration;

/// All times of a run.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    micros: Vec<u32>,
}

impl Latencies {
    /// Notes one; beyond 71 minutes it is 71 minutes.
    pub fn add(&mut self, latency: Duration) {
        self.micros.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// The time that `share` (0 to 1) of the parcels stayed within; zero if there are none.
    pub fn within(&mut self, share: f64) -> Duration {
        self.micros.sort_unstable();
        let rank = (self.micros.len() as f64 * share).ceil() as usize;
        let at = rank.clamp(1, self.micros.len().max(1)) - 1;
        Duration::from_micros(self.micros.get(at).copied().unwrap_or(0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_that_of_the_sorted_times() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.within(0.5), Duration::ZERO);
        (1..=1_000).rev().for_each(|micros| latencies.add(Duration::from_micros(micros)));
        let micros = |duration: Duration| duration.as_micros();
        assert_eq!(micros(latencies.within(0.5)), 500);
        assert_eq!(micros(latencies.within(0.99)), 990);
        assert_eq!(micros(latencies.within(0.999)), 999);
        assert_eq!(micros(latencies.within(1.0)), 1_000);
    }
}
