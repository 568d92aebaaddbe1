//! Time as a dependency: the wall clock and a steady one, replaceable in tests.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::event::Timestamp;

/// Where a component takes its time from.
///
/// `now` is recorded and shown; `steady` never goes back and is what timers and order use.
pub trait Clock: Debug + Send + Sync {
    /// Wall-clock time, UTC.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary point in the past; never decreases.
    fn steady(&self) -> Duration;
}

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn steady(&self) -> Duration {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that moves only when told to; both clocks move together.
///
/// ```
/// # use std::time::Duration;
/// # use veribus_core::{Clock, ManualClock, Timestamp};
/// let clock = ManualClock::at(Timestamp::from_seconds(100));
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), Timestamp::from_seconds(105));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicI64,
    steady: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `time`.
    pub const fn at(time: Timestamp) -> Self {
        ManualClock { now: AtomicI64::new(time.as_nanos()), steady: AtomicI64::new(0) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let nanos = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        self.now.fetch_add(nanos, Ordering::SeqCst);
        self.steady.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Sets the wall clock, as an administrator or a time server does; the steady clock stays.
    pub fn set_wall(&self, time: Timestamp) {
        self.now.store(time.as_nanos(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.steady.load(Ordering::SeqCst)).unwrap_or(0))
    }
}
