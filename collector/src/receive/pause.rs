//! A pause that grows with each failure, never to more than its end, with enough chance in it that many do not wake at once.

use std::time::Duration;

use veribus_core::{Rng, SystemRng};

/// After the first failure, at most.
const FIRST: Duration = Duration::from_millis(200);
/// After many.
const MOST: Duration = Duration::from_secs(30);

/// How long to wait before the next attempt.
#[derive(Debug, Default)]
pub struct Pause {
    failures: u32,
}

impl Pause {
    /// It worked: the next pause is a short one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed: half of the longest time, and chance up to the whole of it; 100 ms to 200 ms at first, doubling to
    /// 15 s to 30 s.
    pub fn longer(&mut self) -> Duration {
        self.longer_by(&SystemRng)
    }

    fn longer_by(&mut self, rng: &dyn Rng) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(MOST);
        self.failures = self.failures.saturating_add(1);
        let half = u64::try_from(longest.as_nanos() / 2).expect("half a minute fits");
        Duration::from_nanos(half + rng.below(half + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(u64);

    impl Rng for Fixed {
        fn bits(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn it_grows_to_its_end_and_is_never_zero() {
        let (mut shortest, mut longest) = (Pause::default(), Pause::default());
        let millis: Vec<u128> = (0..10).map(|_| shortest.longer_by(&Fixed(0)).as_millis()).collect();
        assert_eq!(millis, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]);
        let last = (0..40).map(|_| longest.longer_by(&Fixed(u64::MAX))).last();
        assert_eq!(last, Some(MOST));
        longest.reset();
        assert_eq!(longest.longer_by(&Fixed(u64::MAX)), FIRST);
    }
}
