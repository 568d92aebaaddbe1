//! NATS JetStream keeps every promise of a transport, against a real server that is killed and frozen.
#![cfg(feature = "nats")]

use std::time::{Duration, Instant};

use veribus_core::transport::{Subscription, TransportFactory};
use veribus_testkit::server::{Kind, Server};
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
