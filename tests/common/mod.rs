//! What the bus tests share: the two identities of the ledger.

use std::time::{Duration, Instant};

use veribus::{BusHealth, VerificationEventBus};

/// Checks both identities of the ledger in one snapshot.
#[track_caller]
pub(crate) fn assert_balanced(health: &BusHealth) {
    let answered = health.accepted + health.dropped.total() + health.rejected + health.returned;
    assert_eq!(health.attempted, answered, "{health:?}");
    for handler in &health.handlers {
        let known = handler.filtered + handler.handled + handler.lost.total() + handler.queued;
        assert_eq!(handler.accepted, known, "{handler:?}");
    }
}

/// Waits until `condition` holds of the bus's health.
#[allow(dead_code)]
pub(crate) fn eventually(bus: &VerificationEventBus, condition: impl Fn(&BusHealth) -> bool) -> BusHealth {
    let begun = Instant::now();
    loop {
        let health = bus.health();
        assert_balanced(&health);
        if condition(&health) {
            return health;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "never came true: {health:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
