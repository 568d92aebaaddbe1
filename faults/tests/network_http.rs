//! FM-13 over HTTP: each fault of the network in turn between a sender and a collector; all arrives once, in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use veribus_faults::{Collector, Sender, Target, Tier, held_to, ledger_line, network_faults};
use veribus_testkit::Seed;
use veribus_testkit::oracle::Rules;
use veribus_testkit::proxy::{Cut, FaultProxy};

const COLLECTOR: &str = env!("CARGO_BIN_EXE_fault-collector");
const ALIVE_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn fm_13_no_fault_of_the_network_loses_doubles_or_reorders_an_event() {
    let seed = Seed::from_env();
    println!("{seed}");
    let mut choices = seed.choices();
    let rounds = Tier::from_env().of(3, 34);
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(COLLECTOR, &folder.path().join("data"));
    let behind = collector.target().expect("it listens").clone();
    let proxy = FaultProxy::start(behind.address, seed.nth(1)).unwrap();
    let target = Target { address: proxy.address(), token: behind.token };
    let mut sender = Sender::new(1, Duration::from_millis(400));
    let (mut scenarios, mut slowest) = (0, Duration::ZERO);
    for _ in 0..rounds {
        for (name, faults) in network_faults() {
            scenarios += 1;
            let lasts = Duration::from_millis(choices.within(100..600));
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| sender.run(&target, &stop));
                std::thread::sleep(Duration::from_millis(choices.within(1..20)));
                proxy.set(faults);
                std::thread::sleep(lasts);
                proxy.heal();
                if choices.chance(1, 2) {
                    proxy.cut(*choices.one(&[Cut::Reset, Cut::Close]));
                }
                stop.store(true, Ordering::Relaxed);
            });
            let fresh = sender.settle(&target, ALIVE_WITHIN);
            assert!(fresh.is_some(), "nothing arrives after `{name}` has ended");
            slowest = slowest.max(fresh.unwrap_or_default());
        }
    }
    let data = collector.data().to_owned();
    assert_eq!(collector.stop(), Some(0));
    held_to(&Rules::default().alive_within(ALIVE_WITHIN), sender.record(), &data, Some(slowest));
    assert!(sender.failures > 0, "the faults were felt");
    let done = format!(
        "{scenarios} scenarios, {} sends failed, {} confirmed, slowest fresh batch {} ms",
        sender.failures,
        sender.record().confirmed(),
        slowest.as_millis()
    );
    println!("{}", ledger_line("FM-13 (HTTP)", done, seed));
}
