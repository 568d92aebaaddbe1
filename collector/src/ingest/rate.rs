//! How many events a second the token may send: beyond it requests wait, and nothing of them is stored or lost.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A bucket of one second's events. A batch is let in while the bucket is not empty, so that one of any size gets in;
/// what it takes too much is waited for.
#[derive(Debug)]
pub struct RateLimit {
    per_second: NonZeroU32,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    events: f64,
    at: Duration,
}

impl RateLimit {
    /// A full bucket.
    pub fn new(per_second: NonZeroU32) -> Self {
        let bucket = Bucket { events: f64::from(per_second.get()), at: Duration::ZERO };
        RateLimit { per_second, bucket: Mutex::new(bucket) }
    }

    /// Events a second.
    pub fn per_second(&self) -> u32 {
        self.per_second.get()
    }

    /// Takes `events` at the steady time `now`.
    ///
    /// # Errors
    /// How long to wait; nothing was taken then.
    pub fn take(&self, events: usize, now: Duration) -> Result<(), Duration> {
        let rate = f64::from(self.per_second.get());
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_sub(bucket.at).as_secs_f64();
        bucket.events = (bucket.events + passed * rate).min(rate);
        bucket.at = bucket.at.max(now);
        if bucket.events <= 0.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.events) / rate));
        }
        bucket.events -= events as f64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_gets_its_rate_and_no_more() {
        let limit = RateLimit::new(NonZeroU32::new(1_000).unwrap());
        let (mut taken, mut now) = (0, Duration::from_secs(5));
        while now < Duration::from_secs(15) {
            match limit.take(100, now) {
                Ok(()) => taken += 100,
                Err(wait) => {
                    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
                    now += wait;
                }
            }
        }
        assert!((10_000..=11_200).contains(&taken), "{taken} in ten seconds, and a full bucket");
    }

    #[test]
    fn a_batch_larger_than_a_second_gets_in_and_is_waited_for() {
        let limit = RateLimit::new(NonZeroU32::new(10).unwrap());
        assert_eq!(limit.take(1_000, Duration::from_secs(1)), Ok(()));
        let wait = limit.take(1, Duration::from_secs(1)).unwrap_err();
        assert!((98..=100).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(limit.take(1, Duration::from_secs(1) + wait), Ok(()));
    }
}
