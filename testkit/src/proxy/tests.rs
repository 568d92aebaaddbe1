//! Each fault, seen from the two ends of a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;

/// A server, a proxy before it, and one connection: its two ends.
struct Line {
    proxy: FaultProxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

fn line() -> Line {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap(), Seed(7)).unwrap();
    let (client, server) = connect(&proxy, &listener);
    Line { proxy, listener, client, server }
}

fn connect(proxy: &FaultProxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for end in [&client, &server] {
        end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    (client, server)
}

fn read(mut from: &TcpStream, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    from.read_exact(&mut read).unwrap();
    read
}

/// The first answer that is no byte: the end, or the error.
fn ends(mut from: &TcpStream) -> Result<(), ErrorKind> {
    let mut byte = [0];
    loop {
        match from.read(&mut byte) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.kind()),
        }
    }
}

#[test]
fn without_a_fault_bytes_and_ends_pass_both_ways() {
    let mut line = line();
    let sent: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    let copy = sent.clone();
    let mut client = line.client.try_clone().unwrap();
    let writing = std::thread::spawn(move || client.write_all(&copy));
    assert_eq!(read(&line.server, sent.len()), sent);
    writing.join().unwrap().unwrap();
    line.server.write_all(b"answer").unwrap();
    assert_eq!(read(&line.client, 6), b"answer");
    line.client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(ends(&line.server), Ok(()));
    line.server.write_all(b"late").unwrap();
    assert_eq!(read(&line.client, 4), b"late", "one side may end alone");
    let counts = line.proxy.counts();
    assert_eq!((counts.bytes_to_server, counts.bytes_to_client), (200_000, 10));
}

#[test]
fn latency_delays_and_keeps_the_order() {
    let mut line = line();
    let way = Way { latency: Duration::from_millis(80)..Duration::from_millis(120), ..Way::default() };
    line.proxy.set(Faults { to_server: way, ..Faults::default() });
    let began = Instant::now();
    for n in 0..50_u8 {
        line.client.write_all(&[n]).unwrap();
    }
    assert_eq!(read(&line.server, 50), (0..50).collect::<Vec<u8>>());
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[test]
fn a_partition_of_one_way_holds_that_way_alone_and_heals() {
    let mut line = line();
    line.proxy.set(Faults { to_client: Way::held(), ..Faults::default() });
    line.client.write_all(b"question").unwrap();
    assert_eq!(read(&line.server, 8), b"question");
    line.server.write_all(b"answer").unwrap();
    line.client.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
    assert_eq!(ends(&line.client), Err(ErrorKind::WouldBlock));
    line.client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    line.proxy.heal();
    assert_eq!(read(&line.client, 6), b"answer");
}

#[test]
fn a_vanished_host_leaves_the_client_half_open_and_resets_it_when_it_is_back() {
    let mut line = line();
    line.proxy.set(Faults { vanished: true, ..Faults::default() });
    assert_eq!(ends(&line.server), Ok(()), "the server's end is closed");
    line.client.write_all(b"into the void").unwrap();
    let mut new = TcpStream::connect(line.proxy.address()).unwrap();
    new.write_all(b"hello?").unwrap();
    line.client.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
    assert_eq!(ends(&line.client), Err(ErrorKind::WouldBlock), "nothing says that nobody is there");
    line.client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    line.proxy.heal();
    assert_eq!(ends(&line.client), Err(ErrorKind::ConnectionReset));
    let (mut client, server) = connect(&line.proxy, &line.listener);
    client.write_all(b"again").unwrap();
    assert_eq!(read(&server, 5), b"again");
}

#[test]
fn corruption_turns_bits_at_about_the_rate_asked_and_of_one_way_alone() {
    let mut line = line();
    let way = Way { corrupt_one_in: Some(1000), ..Way::default() };
    line.proxy.set(Faults { to_server: way, ..Faults::default() });
    let mut client = line.client.try_clone().unwrap();
    let writing = std::thread::spawn(move || client.write_all(&[0; 100_000]));
    let received = read(&line.server, 100_000);
    writing.join().unwrap().unwrap();
    line.server.write_all(b"clean").unwrap();
    assert_eq!(read(&line.client, 5), b"clean");
    let turned = received.iter().filter(|byte| **byte != 0).count() as u64;
    assert_eq!(turned, line.proxy.counts().corrupted);
    assert!((50..200).contains(&turned), "{turned} of 100,000 bytes");
}

#[test]
fn bandwidth_slows_the_sender_down() {
    let mut line = line();
    let way = Way { bytes_per_second: Some(20_000), ..Way::default() };
    line.proxy.set(Faults { to_server: way, ..Faults::default() });
    let began = Instant::now();
    line.client.write_all(&[1; 10_000]).unwrap();
    read(&line.server, 10_000);
    let took = began.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[test]
fn a_reset_comes_in_the_middle_of_a_message() {
    let mut line = line();
    line.proxy.set(Faults { reset_after_bytes: Some(100..101), ..Faults::default() });
    line.client.write_all(&[1; 1000]).unwrap();
    let mut got = Vec::new();
    let end = (&line.server).read_to_end(&mut got);
    assert_eq!((got.len(), end.unwrap_err().kind()), (100, ErrorKind::ConnectionReset));
    assert_eq!(ends(&line.client), Err(ErrorKind::ConnectionReset));
    assert_eq!(line.proxy.counts().resets, 1);
}

#[test]
fn connections_of_a_certain_age_are_reset_and_new_ones_may_be_refused() {
    let line = line();
    let age = Some(Duration::from_millis(20)..Duration::from_millis(40));
    line.proxy.set(Faults { reset_after: age, ..Faults::default() });
    assert_eq!(ends(&line.client), Err(ErrorKind::ConnectionReset));
    line.proxy.set(Faults { refuse: true, ..Faults::default() });
    let refused = TcpStream::connect(line.proxy.address()).unwrap();
    refused.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(ends(&refused), Err(ErrorKind::ConnectionReset));
    assert_eq!(line.proxy.counts().refused, 1);
}

#[test]
fn a_cut_ends_what_is_open_and_the_next_connection_may_go_elsewhere() {
    let line = line();
    assert_eq!(line.proxy.cut(Cut::Close), 1);
    assert_eq!(ends(&line.client), Ok(()));
    let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    line.proxy.point_at(elsewhere.local_addr().unwrap());
    let (mut client, server) = connect(&line.proxy, &elsewhere);
    client.write_all(b"x").unwrap();
    assert_eq!(read(&server, 1), b"x");
    let (mut client, server) = connect(&line.proxy, &elsewhere);
    assert_eq!(line.proxy.cut(Cut::Reset), 2);
    assert_eq!(ends(&server), Err(ErrorKind::ConnectionReset));
    let written = client.write_all(b"x").and_then(|()| client.read_exact(&mut [0]));
    assert!(written.is_err());
}
