//! A disk in memory that fills up, fails, and forgets at a power loss whatever was never synced.
//!
//! [`SimDisk`] is the disk; [`SimDisk::process`] gives a [`SimFs`], the file system as one process sees it. A process
//! dies by [`SimFs::kill`], or in the middle of its n-th operation from now ([`SimDisk::die_after`]); from then on every
//! call of it fails. What it wrote stays, unless the power goes too: then, of what was not synced, any part survives —
//! bytes in pieces of any size with zeroes between them, any length that the file had, each new name, rename and unlink
//! for itself. A sync that fails leaves its bytes readable and lets later syncs succeed without them, as Linux does.
//!
//! All of it follows from one seed.
//!
//! ```
//! use std::path::Path;
//! use veribus_core::fs::{Fs, OpenHow};
//! use veribus_testkit::Seed;
//! use veribus_testkit::sim_fs::SimDisk;
//!
//! let disk = SimDisk::new(Seed(1));
//! let fs = disk.process();
//! let file = fs.open(Path::new("/log"), OpenHow::CreateNew)?;
//! file.append(b"kept")?;
//! file.sync_data()?;
//! fs.sync_dir(Path::new("/"))?;
//! file.append(b"maybe")?;
//! disk.power_loss();
//! assert!(file.append(b"x").is_err(), "the process is gone");
//! assert!(disk.read(Path::new("/log")).expect("there").starts_with(b"kept"));
//! # Ok::<(), std::io::Error>(())
//! ```

mod edit;
mod faults;
mod file;
mod names;
mod process;
mod state;
#[cfg(test)]
mod tests;
mod time;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use faults::{Death, DiskFaults, Operation};
pub use process::SimFs;
pub use time::SimRng;

use state::State;

use crate::seed::Seed;

/// The disk; all clones are one.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// An empty disk without a fault, all of whose choices follow from `seed`.
    pub fn new(seed: Seed) -> Self {
        SimDisk(Arc::new(Mutex::new(State::new(seed))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk as a new process sees it.
    pub fn process(&self) -> SimFs {
        let process = self.state().new_process();
        SimFs::new(self.clone(), process)
    }

    /// Changes what is broken.
    pub fn faults(&self, change: impl FnOnce(&mut DiskFaults)) {
        change(&mut self.state().faults);
    }

    /// The process that makes the `operations`th changing operation from now (1: the next) dies in the middle of it.
    pub fn die_after(&self, operations: u64, how: Death) {
        let mut state = self.state();
        state.death = Some((state.operations + operations, how));
    }

    /// Takes a planned death back; whether it had not happened.
    pub fn live_on(&self) -> bool {
        self.state().death.take().is_some()
    }

    /// Every process dies, and of what was not synced any part survives.
    pub fn power_loss(&self) {
        self.state().power_loss();
    }

    /// How many changing operations were made so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.state().used()
    }
}
