//! FM-05 to FM-08 on a simulated disk: power loss, kills, full and failing disks, deaths in recovery; what the forwarder
//! confirmed reaches the collector, unaltered, once and in order, also on a way whose parcels overtake each other.
//!
//! The forwarder has a thread of its own, so a seed repeats the faults and the disk, not the interleaving.

use std::time::Duration;

use veribus_faults::{Life, Service, Tier, abreast, ledger_line};
use veribus_testkit::Seed;
use veribus_testkit::oracle::Lost;
use veribus_testkit::sim_fs::Death;

fn break_something(service: &mut Service) {
    let Service { choices, disk, collector, .. } = service;
    match choices.below(8) {
        0 => disk.faults(|faults| faults.room = Some(choices.below(64 * 1024))),
        1 => disk.faults(|faults| faults.failing_syncs = 1 + choices.below(3)),
        2 => disk.faults(|faults| faults.short_writes = 300),
        3 => disk.faults(|faults| faults.interrupts = 100),
        4 => disk.faults(|faults| faults.heal()),
        5 => collector.set(true, choices.chance(1, 2)),
        6 => collector.set(false, false),
        _ => {
            let how = *choices.one(&[Death::Kill, Death::Power]);
            disk.die_after(1 + choices.below(40), how);
        }
    }
}

/// One life, from recovery to its end; whether it died in the middle of a call.
fn live(service: &mut Service) -> bool {
    if service.choices.chance(1, 3) {
        let how = *service.choices.one(&[Death::Kill, Death::Power]);
        service.disk.die_after(1 + service.choices.below(12), how); // in recovery, most likely
    }
    let mut died = false;
    if let Some(mut life) = service.start() {
        act(service, &mut life);
        died = !life.fs.is_alive();
        life.fs.kill();
    }
    service.disk.live_on();
    if service.choices.chance(1, 2) {
        service.disk.power_loss();
    }
    died
}

fn act(service: &mut Service, life: &mut Life) {
    for _ in 0..service.choices.within(3..25) {
        match service.choices.below(6) {
            0 => break_something(service),
            1 | 2 => service.flush(life),
            _ => drop(service.give(life)),
        }
        if !life.fs.is_alive() {
            break;
        }
    }
}

/// The faults end: all that was confirmed arrives, and an event of now too.
fn heals(mut service: Service) -> usize {
    let found = service.settle();
    service.held(&service.violations(&found));
    service.confirmed().len()
}

#[test]
fn fm_05_what_was_confirmed_survives_power_loss_full_disks_and_deaths_in_recovery() {
    let seed = Seed::from_env();
    println!("{seed}");
    let sequences = Tier::from_env().of(3_000, 50_000);
    let sequence = |number| {
        let mut service = Service::new(seed, number);
        let lives = service.choices.within(1..5);
        let deaths = (0..lives).map(|_| u64::from(live(&mut service))).sum();
        (deaths, heals(service))
    };
    let add = |sum: &mut (u64, usize), one: (u64, usize)| *sum = (sum.0 + one.0, sum.1 + one.1);
    let (deaths, confirmed) = abreast(sequences, sequence, add);
    let done =
        format!("{sequences} sequences, {deaths} deaths in the middle of a call, {confirmed} confirmed");
    println!("{}", ledger_line("FM-05, FM-06, FM-07, FM-08 (simulated)", done, seed));
}

#[test]
fn what_did_not_fit_and_is_counted_as_lost_does_not_come_back_behind_what_was_sent_after_it() {
    let seed = Seed::from_env();
    println!("{seed}");
    let refused_once = |number| {
        let mut service = Service::new(seed, number);
        service.collector.set(true, false);
        let mut life = service.start().expect("on a well disk it always starts");
        service.give(&mut life);
        service.flush(&mut life);
        let room = service.disk.used() + service.choices.within(1..3_000);
        service.disk.faults(|faults| faults.room = Some(room));
        service.give(&mut life);
        service.disk.faults(|faults| faults.heal());
        life.forget_given();
        let after = service.give(&mut life);
        let goes_on = service.collector.wait_for(&after, Duration::from_secs(10));
        assert!(goes_on, "it goes on when there is room again");
        service.disk.power_loss();
        drop(life);
        heals(service);
    };
    abreast(Tier::from_env().of(2_000, 20_000), refused_once, |(), ()| ());
}

#[test]
fn what_was_written_again_is_not_overtaken_by_what_was_given_up() {
    let seed = Seed::from_env();
    println!("{seed}");
    let twice = |number| {
        let mut service = Service::new(seed, number);
        let mut life = service.start().expect("on a well disk it always starts");
        service.give(&mut life);
        service.flush(&mut life);
        service.give(&mut life);
        let syncs = service.choices.within(1..4);
        service.disk.faults(|faults| faults.failing_syncs = syncs); // of the segment, then of the one in its place
        service.flush(&mut life);
        service.give(&mut life);
        life.fs.kill();
        drop(life);
        service.disk.power_loss();
        heals(service);
    };
    abreast(Tier::from_env().of(500, 5_000), twice, |(), ()| ());
}

#[test]
fn what_is_confirmed_in_a_segment_is_not_cut_off_by_the_next_that_had_no_room() {
    let seed = Seed::from_env();
    println!("{seed}");
    let nearly_full = |number| {
        let mut service = Service::new(seed, number);
        service.segment_bytes = 1024;
        let mut life = service.start().expect("on a well disk it always starts");
        for _ in 0..10 {
            service.give(&mut life);
            service.flush(&mut life);
            // For the beginning of a segment or for an event, hardly for both.
            let room = service.disk.used() + service.choices.below(700);
            service.disk.faults(|faults| faults.room = Some(room));
        }
        life.fs.kill();
        drop(life);
        service.disk.power_loss();
        heals(service);
    };
    abreast(Tier::from_env().of(3_000, 30_000), nearly_full, |(), ()| ());
}

#[test]
fn what_did_not_fit_is_told_to_the_collector_also_by_the_next_life() {
    let seed = Seed::from_env();
    println!("{seed}");
    let mut told = 0;
    for number in 0..100 {
        let mut service = Service::new(seed, number);
        let mut life = service.start().expect("on a well disk it always starts");
        service.give(&mut life);
        service.flush(&mut life);
        let room = service.disk.used(); // not a byte more; the reserve is in it
        service.disk.faults(|faults| faults.room = Some(room));
        let refused = service.give(&mut life);
        life.forget_given();
        service.disk.faults(|faults| faults.heal());
        service.give(&mut life);
        service.flush(&mut life);
        life.fs.kill();
        drop(life);
        let found = service.settle();
        service.held(&service.violations(&found));
        for key in refused {
            let names = |lost: &&Lost| {
                (lost.instance, lost.lane) == (key.instance, key.lane)
                    && (lost.first..=lost.last).contains(&key.seq)
            };
            let why = found.lost.iter().find(names).map(|lost| lost.reason.as_str());
            assert_eq!(why, Some("disk_full"), "{}: {key}", service.seed);
            told += 1;
        }
    }
    assert!(told > 0);
}

/// A life that fills several segments and has most of them freed by receipts; ends early if it dies. Whether it did.
fn scripted(service: &mut Service) -> bool {
    let Some(mut life) = service.start() else { return true };
    for _ in 0..6 {
        let keys = service.give(&mut life);
        service.flush(&mut life);
        if !life.fs.is_alive() || !service.collector.wait_for(&keys, Duration::from_millis(20)) {
            break;
        }
    }
    let died = !life.fs.is_alive();
    life.fs.kill();
    died
}

#[test]
fn c4_to_c10_and_c14_a_publisher_that_dies_at_any_operation_of_its_disk_keeps_what_it_confirmed() {
    let seed = Seed::from_env();
    println!("{seed}");
    let (points, rounds) = (160, Tier::from_env().of(1, 20));
    let point = |number: u64| {
        let how = if number.is_multiple_of(2) { Death::Kill } else { Death::Power };
        let mut service = Service::new(seed, number);
        service.segment_bytes = 1024;
        service.collector.set(true, false);
        service.disk.die_after(1 + number % points / 2, how);
        let reached = u64::from(scripted(&mut service));
        // And again in what comes after, which is recovery first.
        let mut again = 0;
        for _ in 0..service.choices.below(3) {
            let at = 1 + service.choices.below(12);
            service.disk.die_after(at, how);
            again += u64::from(scripted(&mut service));
        }
        heals(service);
        (reached, again)
    };
    let add = |sum: &mut (u64, u64), one: (u64, u64)| *sum = (sum.0 + one.0, sum.1 + one.1);
    let (reached, again) = abreast(points * rounds, point, add);
    assert!(reached > points * rounds / 4, "{reached}: the scenario is shorter than it was thought to be");
    let done = format!("{} points, {reached} reached, {again} deaths in a later start", points * rounds);
    println!("{}", ledger_line("FM-03, FM-04 (publisher, simulated)", done, seed));
}
