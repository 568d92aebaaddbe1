//! FM-12, FM-13, FM-14, FM-15, FM-19 with real brokers: they die, forget, refuse and deliver rubbish; every event that was
//! confirmed is stored once.
#![expect(clippy::print_stdout, reason = "the seed, and the row for the ledger")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use veribus_faults::{BrokerKind, Disturbance, Passage, Tier, network_faults};
use veribus_testkit::Seed;
use veribus_testkit::oracle::dead_letters;
use veribus_testkit::proxy::{Cut, FaultProxy};

const PROGRAMS: (&str, &str) = (env!("CARGO_BIN_EXE_fault-collector"), env!("CARGO_BIN_EXE_fault-publisher"));
/// How long a broker is away, about.
const MOMENT: Duration = Duration::from_millis(200);
/// Five deliveries take four seconds, and others go on meanwhile.
const SET_ASIDE_WITHIN: Duration = Duration::from_secs(60);

fn disturbed(kind: BrokerKind, fault: &str, rounds: u64, disturbances: &[Disturbance]) {
    let seed = Seed::from_env();
    println!("{seed}");
    let mut passage = match Passage::open(kind, PROGRAMS, seed) {
        Ok(passage) => passage,
        Err(why) => return println!("{why}"),
    };
    passage.disturb(rounds, disturbances);
    let names: Vec<&str> = disturbances.iter().map(|(name, _)| *name).collect();
    println!("{}", passage.settle(fault, &format!("{rounds} times: {}", names.join(", ")), seed));
}

/// What FM-12 does to either broker.
const DEATHS: [Disturbance; 5] = [
    ("dies", |passage| {
        let pause = passage.pause(MOMENT);
        passage.broker.restart(pause);
    }),
    ("comes back empty", |passage| {
        let pause = passage.pause(MOMENT);
        passage.broker.restart_empty(pause);
    }),
    ("comes back with older data", |passage| {
        let pause = passage.pause(MOMENT);
        passage.broker.restart_older(pause);
    }),
    ("is not there when the service starts", |passage| {
        passage.publisher.kill();
        passage.broker.server.kill();
        passage.publisher.start();
        passage.lasts(MOMENT);
        passage.broker.server.restart().expect("it starts again");
    }),
    ("is wiped at once", |passage| passage.broker.restart_empty(Duration::ZERO)),
];

#[test]
fn fm_12_a_nats_server_that_dies_and_forgets_loses_and_doubles_nothing() {
    disturbed(BrokerKind::Nats, "FM-12", Tier::from_env().of(2, 12), &DEATHS);
}

#[test]
fn fm_12_a_redis_server_that_dies_and_forgets_loses_and_doubles_nothing() {
    disturbed(BrokerKind::Redis, "FM-12", Tier::from_env().of(2, 12), &DEATHS);
}

fn network(kind: BrokerKind) {
    let seed = Seed::from_env();
    println!("{seed}");
    let rounds = Tier::from_env().of(1, 17);
    let mut passage = match Passage::open(kind, PROGRAMS, seed) {
        Ok(passage) => passage,
        Err(why) => return println!("{why}"),
    };
    passage.publisher.kill();
    let proxy = FaultProxy::start(passage.broker.server.address(), seed.nth(1)).expect("a proxy");
    passage.publisher.url = passage.broker.url(proxy.address());
    passage.publisher.start();
    let mut scenarios = 0;
    for _ in 0..rounds {
        for (_, faults) in network_faults() {
            scenarios += 1;
            passage.lasts(MOMENT);
            proxy.set(faults);
            passage.lasts(3 * MOMENT);
            proxy.heal();
            if passage.choices.chance(1, 2) {
                proxy.cut(*passage.choices.one(&[Cut::Reset, Cut::Close]));
            }
        }
    }
    println!("{}", passage.settle("FM-13", &format!("{scenarios} scenarios"), seed));
}

#[test]
fn fm_13_no_fault_of_the_network_before_a_nats_server_loses_or_doubles_an_event() {
    network(BrokerKind::Nats);
}

#[test]
fn fm_13_no_fault_of_the_network_before_a_redis_server_loses_or_doubles_an_event() {
    network(BrokerKind::Redis);
}

/// Says something to Redis, and takes it back after a moment.
fn for_a_moment(passage: &mut Passage, first: &[&str], then: &[&str]) {
    first.iter().for_each(|command| drop(passage.broker.redis(command)));
    passage.lasts(MOMENT);
    then.iter().for_each(|command| drop(passage.broker.redis(command)));
}

#[test]
fn fm_14_a_redis_server_that_evicts_forgets_and_refuses_loses_and_doubles_nothing() {
    let disturbances: [Disturbance; 7] = [
        ("an evicting policy", |passage| {
            let set = "CONFIG SET maxmemory-policy";
            let first = [format!("{set} allkeys-lru"), "CLIENT KILL TYPE normal SKIPME no".to_owned()];
            let first: Vec<&str> = first.iter().map(String::as_str).collect();
            for_a_moment(passage, &first, &[&format!("{set} noeviction")]);
        }),
        ("FLUSHALL", |passage| for_a_moment(passage, &["FLUSHALL"], &[])),
        ("the group destroyed", |passage| {
            for_a_moment(passage, &["XGROUP DESTROY veribus:events collector"], &[]);
        }),
        ("a replica without data takes over", |passage| passage.broker.restart_empty(Duration::ZERO)),
        ("CLIENT KILL", |passage| for_a_moment(passage, &["CLIENT KILL TYPE normal"], &[])),
        ("out of memory", |passage| {
            for_a_moment(passage, &["CONFIG SET maxmemory 1"], &["CONFIG SET maxmemory 0"]);
        }),
        ("read only", |passage| {
            for_a_moment(passage, &["REPLICAOF 127.0.0.1 1"], &["REPLICAOF NO ONE"]);
        }),
    ];
    disturbed(BrokerKind::Redis, "FM-14", Tier::from_env().of(2, 20), &disturbances);
}

#[test]
fn fm_15_a_nats_server_whose_stream_is_purged_deleted_and_limited_loses_and_doubles_nothing() {
    let disturbances: [Disturbance; 7] = [
        ("the stream purged", |passage| drop(passage.broker.jetstream("STREAM.PURGE.veribus", &json!({})))),
        ("the stream deleted", |passage| {
            drop(passage.broker.jetstream("STREAM.DELETE.veribus", &Value::Null));
        }),
        ("the consumer deleted", |passage| {
            drop(passage.broker.jetstream("CONSUMER.DELETE.veribus.collector", &Value::Null));
        }),
        ("the stream full", |passage| {
            let before = passage.broker.change_stream(|config| config["max_msgs"] = json!(1));
            passage.lasts(MOMENT);
            passage.broker.change_stream(|config| *config = before);
        }),
        ("a lower max_payload", |passage| {
            passage.broker.max_payload(16 << 10);
            passage.lasts(MOMENT);
            passage.broker.max_payload(1 << 20);
        }),
        ("lame duck", |passage| {
            passage.broker.server.signal("-USR2");
            passage.lasts(MOMENT);
            passage.broker.restart(Duration::ZERO);
        }),
        ("stopped for a while", |passage| {
            passage.broker.server.freeze();
            passage.lasts(6 * MOMENT);
            passage.broker.server.thaw();
        }),
    ];
    disturbed(BrokerKind::Nats, "FM-15", Tier::from_env().of(2, 18), &disturbances);
}

/// Rubbish among the parcels: all of it is set aside with its bytes, and what is behind it is stored.
fn poisoned(kind: BrokerKind) {
    let seed = Seed::from_env();
    println!("{seed}");
    let letters = Tier::from_env().of(8, 32);
    let mut passage = match Passage::open(kind, PROGRAMS, seed) {
        Ok(passage) => passage,
        Err(why) => return println!("{why}"),
    };
    let mut poisons: Vec<Vec<u8>> =
        vec![Vec::new(), vec![0xc1], vec![0x91; 2_048], vec![0xdf, 0xff, 0xff, 0xff, 0xff]];
    while poisons.len() < letters {
        let length = passage.choices.within(1..1_000);
        poisons.push((0..length).map(|_| passage.choices.bits() as u8).collect());
    }
    for bytes in &poisons {
        passage.broker.poison(bytes);
        passage.lasts(Duration::from_millis(100));
    }
    let data = passage.folder().join("data");
    let until = Instant::now() + SET_ASIDE_WITHIN;
    let set_aside = || dead_letters(&data).expect("a store").len();
    while set_aside() < poisons.len() {
        assert!(Instant::now() < until, "{} of {letters}", set_aside());
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut kept = dead_letters(&data).expect("a store");
    kept.sort();
    poisons.sort();
    assert_eq!(kept, poisons, "with their bytes");
    println!("{}", passage.settle("FM-19", &format!("{letters} parcels of rubbish set aside"), seed));
}

#[test]
fn fm_19_rubbish_in_a_nats_stream_is_set_aside_and_stops_nothing() {
    poisoned(BrokerKind::Nats);
}

#[test]
fn fm_19_rubbish_in_a_redis_stream_is_set_aside_and_stops_nothing() {
    poisoned(BrokerKind::Redis);
}
