//! Runs that have nothing to do with each other, several at a time: most of their time is waiting.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many run at once.
const AT_ONCE: usize = 6;

/// Runs `run` with each number below `count`, and joins what they answer; the order is anybody's guess.
///
/// # Panics
/// As the first run that does; those that have not begun are left out.
pub fn abreast<T: Default + Send>(
    count: u64,
    run: impl Fn(u64) -> T + Sync,
    join: impl Fn(&mut T, T) + Sync,
) -> T {
    let (next, all) = (AtomicU64::new(0), Mutex::new(T::default()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let rest = Rest(&next, count);
            let answer = run(number);
            std::mem::forget(rest);
            join(&mut all.lock().expect("nobody panics while joining"), answer);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    all.into_inner().expect("nobody panics while joining")
}

/// Takes away the rest of the numbers when it is dropped, by a run that panics.
struct Rest<'n>(&'n AtomicU64, u64);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::abreast;

    #[test]
    fn every_number_has_its_run_and_a_panic_is_passed_on() {
        assert_eq!(abreast(100, |number| number, |sum, number| *sum += number), 99 * 100 / 2);
        let panics = std::panic::catch_unwind(|| abreast(100, |number| assert_ne!(number, 7), |(), ()| ()));
        assert!(panics.is_err());
    }
}
