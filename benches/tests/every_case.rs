//! Every case of the comparison does what its row says: each event arrives or is counted as lost.

use veribus_benches::case::ENTRIES;
use veribus_benches::measure::Plan;

#[test]
fn every_case_answers_for_every_event() {
    for entry in ENTRIES {
        let plan = Plan { bursts: 3, paced: 50 };
        let figures = entry.run(&plan).unwrap();
        let ledger = figures.ledger;
        assert!(ledger.handed > 0, "{}: {ledger:?}", entry.name);
        assert_eq!(ledger.unaccounted(), 0, "{}: {ledger:?}", entry.name);
        assert_eq!(ledger.arrived + ledger.lost, ledger.handed, "{}: {ledger:?}", entry.name);
        assert!(figures.burst.typical > 0.0 && figures.paced.mean > 0.0, "{}: {figures:?}", entry.name);
        assert!(
            figures.burst.p50 <= figures.burst.p99 && figures.burst.p99 <= figures.burst.p999,
            "{}",
            entry.name
        );
    }
}
