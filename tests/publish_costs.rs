//! Publishing asks nothing of the allocator, whatever an ordinary event holds.

use std::net::IpAddr;
use std::time::Duration;

use veribus::{Name, TraceContext, VerificationEventBus, event};

const LOGIN: Name<'static> = Name::new("login");
const REGION: Name<'static> = Name::new("region");

/// Allocations of the calling thread in 200 publishes, after as many that open its lane and grow its ring.
fn allocations(publish: impl Fn(&VerificationEventBus)) -> u64 {
    let bus = VerificationEventBus::new(4_000);
    (0..400).for_each(|_| publish(&bus));
    assert!(bus.flush(Duration::from_secs(10)));
    let counted = allocation_counter::measure(|| (0..200).for_each(|_| publish(&bus)));
    assert_eq!(bus.health().accepted, 600);
    counted.count_total
}

#[test]
fn publishing_allocates_nothing() {
    let trace = TraceContext::new_root();
    let full = allocations(|bus| {
        let draft =
            event::authentication(LOGIN).failure().actor("alice").method("password").reason("bad_password");
        let draft = draft.source_ip(IpAddr::from([203, 0, 113, 7])).target("orders/17").trace(trace);
        bus.publish(draft.attribute(REGION, "eu-1").attribute("attempt", 3).attribute("ratio", 0.5));
    });
    assert_eq!(full, 0);
    assert_eq!(allocations(|bus| drop(bus.publish(event::performance("t").measured(0.25, "seconds")))), 0);
    let long = "x".repeat(1_000);
    assert_eq!(allocations(|bus| drop(bus.publish(event::security("probe").reason(&long)))), 0);
}

#[test]
fn the_counter_counts() {
    let text = "a name of a target that is longer than any text held in place";
    assert!(allocations(|bus| drop(bus.publish(event::security("probe").reason(&text.repeat(2))))) >= 200);
}
