//! What a network does to a connection: each fault of FM-13, for every transport.
//!
//! Corrupted bytes are left out: without TLS nothing on the way would notice them, with it TLS does.

use std::time::Duration;

use veribus_testkit::proxy::{Faults, Way};

/// Every fault, with its name.
pub fn network_faults() -> Vec<(&'static str, Faults)> {
    let slow = |rate| Way { bytes_per_second: Some(rate), ..Way::default() };
    let late = || Way { latency: Duration::ZERO..Duration::from_secs(2), ..Way::default() };
    let none = Faults::default;
    vec![
        ("latency", Faults { to_server: late(), to_client: late(), ..none() }),
        (
            "broken connections",
            Faults { reset_after: Some(Duration::ZERO..Duration::from_millis(20)), ..none() },
        ),
        ("half-open", Faults { vanished: true, ..none() }),
        ("requests do not arrive", Faults { to_server: Way::held(), ..none() }),
        ("answers do not arrive", Faults { to_client: Way::held(), ..none() }),
        ("bandwidth", Faults { to_server: slow(10_000), ..none() }),
        ("slow reader", Faults { to_client: slow(20), ..none() }),
        ("reset in a message", Faults { reset_after_bytes: Some(1..6_000), ..none() }),
        ("refused", Faults { refuse: true, ..none() }),
    ]
}
