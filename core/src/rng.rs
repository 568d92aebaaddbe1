//! Randomness as a dependency: ids and pauses that a test can choose.

use std::fmt::Debug;

use crate::event::InstanceId;

/// Where a component takes its random numbers from.
pub trait Rng: Debug + Send + Sync {
    /// The next 64 random bits.
    fn bits(&self) -> u64;

    /// A number below `bound`, as good as even; 0 if `bound` is 0.
    fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn bits(&self) -> u64 {
        InstanceId::random().0
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
    fn a_bounded_number_covers_its_range_and_no_more() {
        assert_eq!(Fixed(0).below(10), 0);
        assert_eq!(Fixed(u64::MAX).below(10), 9);
        assert_eq!(Fixed(u64::MAX / 2).below(10), 4);
        assert_eq!(Fixed(u64::MAX).below(0), 0);
        assert_ne!(SystemRng.bits(), SystemRng.bits());
    }
}
