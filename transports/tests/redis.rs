//! Redis Streams keep every promise of a transport, against a real server that is killed and frozen.
#![cfg(feature = "redis")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use veribus_core::event::limits;
use veribus_core::transport::{Delivery, Settlement, Subscription, TransportFactory};
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

fn member(server: &Redis, group: &str) -> Box<dyn Subscription> {
    let options = options().set("redeliver_after", "1s").set("group", group);
    subscription_from_url(&server.url("veribus"), &options).expect("it works")
}

fn receive(subscription: &mut dyn Subscription) -> Delivery {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < end, "nothing arrives");
        let mut received = subscription.receive(1, Duration::from_millis(200)).expect("it works");
        if let Some(delivery) = received.pop() {
            return delivery;
        }
    }
}

fn cli(server: &Redis, command: &[&str]) -> String {
    let port = server.0.address().port().to_string();
    let mut cli = std::process::Command::new("redis-cli");
    let output = cli
        .args(["-p", &port, "-a", PASSWORD, "--no-auth-warning"])
        .args(command)
        .output()
        .expect("redis-cli");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn what_a_dead_collector_left_is_taken_over() {
    let Ok(server) = redis() else { return eprintln!("skipped: no redis-server") };
    let mut transport = server.factory()().unwrap();
    let one = parcel(0x51, 1);
    transport.send(&one, Instant::now() + Duration::from_secs(5)).unwrap();
    let mut dies = member(&server, "collector");
    assert_eq!(receive(dies.as_mut()).parcel, Some(one.id));
    drop(dies);
    let begin = Instant::now();
    let taken = receive(member(&server, "collector").as_mut());
    assert_eq!((taken.parcel, taken.deliveries), (Some(one.id), 2));
    assert!(begin.elapsed() > Duration::from_millis(500), "after {:?}", begin.elapsed());
}

#[test]
fn only_what_every_group_has_settled_is_trimmed() {
    let Ok(server) = redis() else { return eprintln!("skipped: no redis-server") };
    let (mut first, mut second) = (member(&server, "first"), member(&server, "second"));
    for group in [&mut first, &mut second] {
        assert!(group.receive(1, Duration::from_millis(20)).unwrap().is_empty());
    }
    let mut transport = server.factory()().unwrap();
    for number in 1..=3 {
        transport.send(&parcel(0x52, number), Instant::now() + Duration::from_secs(5)).unwrap();
    }
    let settle_next = |group: &mut dyn Subscription| {
        let delivery = receive(group);
        group.settle(&delivery.tag, Settlement::Stored(None)).unwrap();
    };
    let shrinks_to = |group: &mut dyn Subscription, length: &str| {
        let end = Instant::now() + Duration::from_secs(20);
        while cli(&server, &["XLEN", "veribus:events"]) != length {
            assert!(Instant::now() < end, "{}", cli(&server, &["XLEN", "veribus:events"]));
            assert!(group.receive(1, Duration::from_millis(100)).unwrap().is_empty());
        }
    };
    (0..3).for_each(|_| settle_next(first.as_mut()));
    settle_next(second.as_mut());
    // `second` holds two that it has not read: one entry goes, and no more.
    shrinks_to(first.as_mut(), "2");
    let until = Instant::now() + Duration::from_millis(1200);
    while Instant::now() < until {
        assert!(first.receive(1, Duration::from_millis(100)).unwrap().is_empty());
    }
    assert_eq!(cli(&server, &["XLEN", "veribus:events"]), "2");
    (0..2).for_each(|_| settle_next(second.as_mut()));
    shrinks_to(second.as_mut(), "0");
}

#[test]
fn what_was_settled_is_acknowledged_though_the_subscription_ends_at_once() {
    let Ok(server) = redis() else { return eprintln!("skipped: no redis-server") };
    let mut transport = server.factory()().unwrap();
    for number in 1..=200 {
        transport.send(&parcel(0x53, number), Instant::now() + Duration::from_secs(5)).unwrap();
        while transport.poll(Duration::ZERO).is_some() {}
    }
    let mut subscription = member(&server, "collector");
    for _ in 0..200 {
        let delivery = receive(subscription.as_mut());
        subscription.settle(&delivery.tag, Settlement::Stored(None)).unwrap();
    }
    drop(subscription);
    assert_eq!(cli(&server, &["XPENDING", "veribus:events", "collector"]).lines().next(), Some("0"));
}

#[test]
fn what_a_dead_collector_left_is_found_behind_what_a_living_one_holds() {
    let Ok(server) = redis() else { return eprintln!("skipped: no redis-server") };
    let group = |name: &'static str| {
        let options = options().set("redeliver_after", "2s").set("group", name);
        subscription_from_url(&server.url("veribus"), &options).expect("it works")
    };
    let mut dies = group("collector");
    let mut transport = server.factory()().unwrap();
    for number in 1..=40 {
        transport.send(&parcel(0x54, number), Instant::now() + Duration::from_secs(5)).unwrap();
        while transport.poll(Duration::ZERO).is_some() {}
    }
    let mut held: Vec<Delivery> = (0..40).map(|_| receive(dies.as_mut())).collect();
    let last = held.pop().expect("forty").tag.message;
    drop(dies);
    // A living member takes the first ones again and again, so that only the last is left for others. Redis looks
    // through ten entries for each that is asked for.
    let key = "veribus:events";
    let ids: Vec<&str> = held.iter().map(|delivery| delivery.tag.message.as_str()).collect();
    let mut takes_over = group("collector");
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        cli(&server, &[&["XCLAIM", key, "collector", "alive", "0"], &ids[..], &["JUSTID"]].concat());
        let taken = takes_over.receive(1, Duration::from_millis(100)).expect("it works");
        assert!(taken.iter().all(|delivery| delivery.tag.message == last), "the others are held");
        if !taken.is_empty() {
            break;
        }
        assert!(Instant::now() < end, "it is found");
    }
}

#[test]
fn an_entry_of_half_a_gigabyte_is_handed_out_as_too_large_and_needs_no_memory() {
    let Ok(server) = redis() else { return eprintln!("skipped: no redis-server") };
    let mut subscription = subscription_from_url(&server.url("veribus"), &Options::new()).unwrap();
    assert!(subscription.receive(1, Duration::from_millis(20)).unwrap().is_empty());
    let before = peak_memory();
    add_large(&server, 2, 256 << 20).expect("Redis takes it");
    let mut transport = server.factory()().unwrap();
    let next = parcel(0x55, 1);
    transport.send(&next, Instant::now() + Duration::from_secs(5)).unwrap();
    let large = receive(subscription.as_mut());
    assert_eq!(large.parcel, None);
    assert!((limits::BATCH_BYTES_MAX + 1..6 << 20).contains(&large.body.len()), "{}", large.body.len());
    subscription.settle(&large.tag, Settlement::Dead(None)).unwrap();
    assert_eq!(receive(subscription.as_mut()).parcel, Some(next.id), "and stands in nobody's way");
    let grown = peak_memory() - before;
    assert!(grown < 100 << 20, "{} MiB", grown >> 20);
}

/// Adds an entry with so many fields of so many bytes each, none of which is held here.
fn add_large(server: &Redis, fields: usize, bytes: usize) -> std::io::Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(server.0.address())?);
    let line = |stream: &mut BufReader<TcpStream>| {
        let mut line = String::new();
        stream.read_line(&mut line).map(|_| line)
    };
    stream.get_mut().write_all(format!("AUTH {PASSWORD}\r\n").as_bytes())?;
    assert_eq!(line(&mut stream)?, "+OK\r\n");
    let head = format!("*{}\r\n$4\r\nXADD\r\n$14\r\nveribus:events\r\n$1\r\n*\r\n", 3 + 2 * fields);
    stream.get_mut().write_all(head.as_bytes())?;
    let part = vec![b'x'; 1 << 20];
    for _ in 0..fields {
        stream.get_mut().write_all(format!("$4\r\nbody\r\n${bytes}\r\n").as_bytes())?;
        (0..bytes / part.len()).try_for_each(|_| stream.get_mut().write_all(&part))?;
        stream.get_mut().write_all(b"\r\n")?;
    }
    assert!(line(&mut stream)?.starts_with('$'));
    Ok(())
}

/// The most bytes that this process has had in memory so far.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is said");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}
