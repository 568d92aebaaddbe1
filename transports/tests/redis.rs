//! Redis Streams keep every promise of a transport, against a real server that is killed and frozen.
#![cfg(feature = "redis")]

use std::time::{Duration, Instant};

use veribus_core::transport::{Subscription, TransportFactory};
use veribus_testkit::server::{Kind, Server};
use veribus_testkit::transport_suite::{
    ANSWER_TIMEOUT, Collecting, IN_FLIGHT_MAX, UnderTest, deliver, parcel,
};
use veribus_transports::{Options, from_url, subscription_from_url};

const PASSWORD: &str = "hunter2";

struct Redis(Server);

impl Redis {
    fn url(&self, stream: &str) -> String {
        format!("redis://:{PASSWORD}@{}?stream={stream}", self.0.address())
    }
}

fn options() -> Options {
    Options::new()
        .set("answer_timeout", format!("{}ms", ANSWER_TIMEOUT.as_millis()))
        .set("in_flight_max", IN_FLIGHT_MAX.to_string())
}

impl UnderTest for Redis {
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

fn redis() -> Result<Redis, String> {
    let arguments = ["--requirepass", PASSWORD].map(str::to_owned).to_vec();
    Server::start(Kind::Redis(arguments)).map(Redis)
}

veribus_testkit::transport_suite!(redis());

#[test]
fn a_wrong_password_is_a_refusal_that_does_not_repeat_it() {
    let Ok(server) = redis() else { return eprintln!("skipped: no redis-server") };
    let url = format!("redis://:letmein@{}", server.0.address());
    let mut transport = from_url(&url, &Options::new()).unwrap()().unwrap();
    let error = transport.send(&parcel(1, 1), Instant::now() + Duration::from_secs(5)).unwrap_err();
    assert_eq!(error.code(), "UNAUTHORIZED");
    assert!(!format!("{error:?}").contains("letmein"), "{error:?}");
}

#[test]
fn a_server_that_evicts_is_refused() {
    let arguments = ["--maxmemory-policy", "allkeys-lru"].map(str::to_owned).to_vec();
    let Ok(server) = Server::start(Kind::Redis(arguments)) else {
        return eprintln!("skipped: no redis-server");
    };
    let url = format!("redis://{}", server.address());
    let mut transport = from_url(&url, &Options::new()).unwrap()().unwrap();
    let error = transport.send(&parcel(1, 1), Instant::now() + Duration::from_secs(5)).unwrap_err();
    assert_eq!(error.code(), "UNSAFE");
    assert!(error.to_string().contains("noeviction"), "{error}");
}

#[test]
fn a_server_that_was_wiped_is_set_up_again() {
    let Ok(mut server) = redis() else { return eprintln!("skipped: no redis-server") };
    let _collecting = Collecting::start(server.subscription());
    let mut transport = server.factory()().unwrap();
    deliver(transport.as_mut(), &parcel(1, 1));
    server.kill();
    server.0.wipe();
    server.restart();
    deliver(transport.as_mut(), &parcel(1, 2));
}

#[test]
fn a_group_that_was_destroyed_is_made_again() {
    let Ok(server) = redis() else { return eprintln!("skipped: no redis-server") };
    let _collecting = Collecting::start(server.subscription());
    let mut transport = server.factory()().unwrap();
    deliver(transport.as_mut(), &parcel(1, 1));
    let port = server.0.address().port().to_string();
    let mut cli = std::process::Command::new("redis-cli");
    let output = cli.args(["-p", &port, "-a", PASSWORD, "FLUSHALL"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("OK"), "{output:?}");
    deliver(transport.as_mut(), &parcel(1, 2));
}
