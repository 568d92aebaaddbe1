//! Randomness that can be run again: every choice of a test comes from one number that the test prints.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// The variable that runs a test again with the number it printed.
pub(crate) const VARIABLE: &str = "VERIBUS_SEED";

/// Where a randomised test begins. Print it: its text is what replays the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The number in `VERIBUS_SEED`, decimal or `0x…`; a new one if the variable is not set or is no number.
    pub fn from_env() -> Self {
        let given = std::env::var(VARIABLE).ok().and_then(|text| Seed::parse(&text));
        given.unwrap_or_else(|| Seed(RandomState::new().hash_one(VARIABLE)))
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16).ok());
        hex.unwrap_or_else(|| text.parse().ok()).map(Seed)
    }

    /// The choices that follow from this number.
    pub fn choices(self) -> Choices {
        Choices(self.0)
    }

    /// The `n`th of the seeds that follow from this one; what one of many runs of a test begins with.
    pub fn nth(self, n: u64) -> Seed {
        Seed(mix(self.0.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VARIABLE}={:#018x}", self.0)
    }
}

/// A stream of choices: SplitMix64, the same on every machine.
#[derive(Debug, Clone)]
pub struct Choices(u64);

/// The finaliser of SplitMix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Choices {
    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number of the range, its end left out; its start if it is empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.below(range.end.saturating_sub(range.start))
    }

    /// True `times` times of `of`.
    pub fn chance(&mut self, times: u64, of: u64) -> bool {
        self.below(of) < times
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_seed_makes_the_same_choices_again() {
        let seed = Seed(0xfeed_0000_0000_0001);
        let text = seed.to_string();
        let again = Seed::parse(text.strip_prefix("VERIBUS_SEED=").unwrap()).unwrap();
        assert_eq!(again, seed);
        let draw = |seed: Seed| {
            let mut choices = seed.choices();
            (0..32).map(|_| choices.within(5..500)).collect::<Vec<_>>()
        };
        assert_eq!(draw(seed), draw(again));
        assert_ne!(draw(seed.nth(1)), draw(seed.nth(2)));
    }

    #[test]
    fn choices_stay_in_their_range_and_reach_all_of_it() {
        let mut choices = Seed(3).choices();
        let mut seen = [false; 7];
        for _ in 0..500 {
            seen[choices.within(10..17) as usize - 10] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!((choices.below(0), choices.within(4..4)), (0, 4));
    }
}
