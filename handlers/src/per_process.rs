//! A value that belongs to one process: a forked child neither sees nor waits for its parent's.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Tries, 10 µs apart, for a lock that is held for moments: a fork may have left it locked for ever.
const TRIES: usize = 1000;

/// Shared by the parent and the child's handler that takes its place; each finds only what its own process put in.
#[derive(Debug)]
pub struct PerProcess<T>(Arc<Mutex<Option<(u32, T)>>>);

impl<T> Clone for PerProcess<T> {
    fn clone(&self) -> Self {
        PerProcess(Arc::clone(&self.0))
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        PerProcess(Arc::new(Mutex::new(None)))
    }
}

impl<T: Clone> PerProcess<T> {
    /// Of this process.
    pub fn new(value: T) -> Self {
        let made = PerProcess::default();
        made.set(value);
        made
    }

    /// Puts in what is this process's from now on.
    pub fn set(&self, value: T) {
        if let Some(mut known) = self.lock() {
            *known = Some((std::process::id(), value));
        }
    }

    /// What this process put in; `None` in a child that has not.
    pub fn get(&self) -> Option<T> {
        let known = self.lock()?.clone();
        known.filter(|(owner, _)| *owner == std::process::id()).map(|(_, value)| value)
    }

    fn lock(&self) -> Option<MutexGuard<'_, Option<(u32, T)>>> {
        let once = |_| {
            let found = self.0.try_lock().ok();
            if found.is_none() {
                std::thread::sleep(Duration::from_micros(10));
            }
            found
        };
        (0..TRIES).find_map(once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_put_in_is_not_there() {
        let value = PerProcess::new(7);
        assert_eq!(value.clone().get(), Some(7));
        *value.0.lock().unwrap() = Some((std::process::id() + 1, 8));
        assert_eq!(value.get(), None);
        value.set(9);
        assert_eq!(value.get(), Some(9));
    }

    #[test]
    fn a_lock_that_a_fork_left_behind_holds_up_nobody() {
        let value = PerProcess::new(7);
        let held = value.0.lock().unwrap();
        assert_eq!(value.get(), None);
        drop(held);
        assert_eq!(value.get(), Some(7));
    }
}
