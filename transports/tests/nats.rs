//! NATS JetStream keeps every promise of a transport, against a real server that is killed and frozen.
#![cfg(feature = "nats")]

use std::time::{Duration, Instant};

use veribus_core::transport::{Settlement, Subscription, TransportFactory};
use veribus_testkit::server::{Kind, Server, free_port};
use veribus_testkit::transport_suite::{
    ANSWER_TIMEOUT, Collecting, IN_FLIGHT_MAX, UnderTest, deliver, parcel,
};
use veribus_transports::{Options, from_url, subscription_from_url};

const PASSWORD: &str = "hunter2";

struct Nats(Server);

impl Nats {
    fn url(&self, stream: &str) -> String {
        format!("nats://alice:{PASSWORD}@{}?stream={stream}", self.0.address())
    }
}

fn options() -> Options {
    Options::new()
        .set("answer_timeout", format!("{}ms", ANSWER_TIMEOUT.as_millis()))
        .set("in_flight_max", IN_FLIGHT_MAX.to_string())
}

impl UnderTest for Nats {
    fn factory(&self) -> TransportFactory {
        from_url(&self.url("veribus"), &options()).expect("it works")
    }
    fn subscription(&self) -> Box<dyn Subscription> {
        subscription_from_url(&self.url("veribus"), &options()).expect("it works")
    }
    fn kill(&mut self) {
        self.0.kill();
    }
    fn restart(&mut self) {
        self.0.restart().expect("it works");
    }
    fn freeze(&mut self) -> bool {
        self.0.freeze();
        true
    }
    fn thaw(&mut self) {
        self.0.thaw();
    }
    fn secret(&self) -> &str {
        PASSWORD
    }
}

fn nats() -> Result<Nats, String> {
    let users = format!("authorization {{ user: alice, password: {PASSWORD} }}");
    Server::start(Kind::Nats(users)).map(Nats)
}

veribus_testkit::transport_suite!(nats());

#[test]
fn a_wrong_password_is_a_refusal_that_does_not_repeat_it() {
    let Ok(server) = nats() else { return eprintln!("skipped: no nats-server") };
    let url = format!("nats://alice:letmein@{}", server.0.address());
    let mut transport = from_url(&url, &Options::new()).unwrap()().unwrap();
    let error = transport.send(&parcel(1, 1), Instant::now() + Duration::from_secs(5)).unwrap_err();
    assert_eq!(error.code(), "UNAUTHORIZED");
    assert!(!format!("{error:?}").contains("letmein"), "{error:?}");
}

#[test]
fn a_server_that_was_wiped_is_set_up_again() {
    let Ok(mut server) = nats() else { return eprintln!("skipped: no nats-server") };
    let _collecting = Collecting::start(server.subscription());
    let mut transport = server.factory()().unwrap();
    deliver(transport.as_mut(), &parcel(1, 1));
    server.kill();
    server.0.wipe();
    server.restart();
    deliver(transport.as_mut(), &parcel(1, 2));
}

#[test]
fn what_a_dead_collector_left_is_taken_over() {
    let Ok(server) = nats() else { return eprintln!("skipped: no nats-server") };
    let member = || {
        let options = options().set("redeliver_after", "1s");
        subscription_from_url(&server.url("veribus"), &options).unwrap()
    };
    let mut dies = member();
    assert!(dies.receive(1, Duration::from_millis(50)).unwrap().is_empty());
    let mut transport = server.factory()().unwrap();
    let one = parcel(0x51, 1);
    transport.send(&one, Instant::now() + Duration::from_secs(5)).unwrap();
    assert_eq!(dies.receive(1, Duration::from_secs(5)).unwrap()[0].parcel, Some(one.id));
    drop(dies);
    let mut heir = member();
    let taken = heir.receive(1, Duration::from_secs(10)).unwrap();
    assert_eq!((taken[0].parcel, taken[0].deliveries), (Some(one.id), 2));
    heir.settle(&taken[0].tag, Settlement::Stored(None)).unwrap();
}

/// Three servers that know each other.
fn cluster() -> Result<Vec<Server>, String> {
    let routes: Vec<String> = (0..3).map(|_| free_port().expect("a port").to_string()).collect();
    let start = |at: usize| {
        let others = routes.iter().map(|route| format!("nats://{route}")).collect::<Vec<_>>().join(", ");
        let cluster = format!("cluster {{ name: shop, listen: {}, routes: [{others}] }}", routes[at]);
        Server::start(Kind::Nats(format!("server_name: n{at}\n{cluster}")))
    };
    (0..3).map(start).collect()
}

#[test]
fn one_of_three_servers_goes_away_and_work_goes_on() {
    let mut servers = match cluster() {
        Ok(servers) => servers,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let hosts: Vec<String> = servers.iter().map(|server| server.address().to_string()).collect();
    let url = format!("nats://{}", hosts.join(","));
    let options = options().set("replicas", "3");
    let _collecting = Collecting::start(subscription_from_url(&url, &options).unwrap());
    let mut transport = from_url(&url, &options).unwrap()().unwrap();
    deliver(transport.as_mut(), &parcel(0x52, 1));
    for (round, server) in servers.iter_mut().enumerate() {
        server.kill();
        deliver(transport.as_mut(), &parcel(0x52, 2 + round as u64));
        server.restart().unwrap();
    }
}

#[test]
fn a_server_that_is_not_there_is_passed_over() {
    let Ok(server) = nats() else { return eprintln!("skipped: no nats-server") };
    let nobody = free_port().unwrap();
    let url = format!("nats://alice:{PASSWORD}@{nobody},{}", server.0.address());
    let _collecting = Collecting::start(server.subscription());
    deliver(from_url(&url, &options()).unwrap()().unwrap().as_mut(), &parcel(0x53, 1));
}
