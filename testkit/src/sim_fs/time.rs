//! Randomness of a simulated process: the product's trait over a seed. Its clock is [`veribus_core::ManualClock`].

use std::sync::{Mutex, PoisonError};

use veribus_core::Rng;

use crate::seed::{Choices, Seed};

/// Random numbers that follow from a seed.
#[derive(Debug)]
pub struct SimRng(Mutex<Choices>);

impl SimRng {
    /// The numbers that follow from `seed`.
    pub fn new(seed: Seed) -> Self {
        SimRng(Mutex::new(seed.choices()))
    }
}

impl Rng for SimRng {
    fn bits(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bits()
    }
}
