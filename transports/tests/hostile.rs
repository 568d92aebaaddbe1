//! What stands on a broker and is not ours: it costs nobody else's parcel, frees nothing, and is said (BAD-43 to
//! BAD-49, SEC-05, SEC-07).
#![allow(clippy::print_stderr)]
#![cfg(all(feature = "nats", feature = "redis"))]

mod support;

use std::time::{Duration, Instant};

use support::private_file;
use veribus_core::transport::{
    Delivery, News, ParcelId, Settlement, StoreReceipt, Subscription, Transport, TransportError,
};
use veribus_testkit::server::{Kind, Server};
use veribus_testkit::transport_suite::{Collecting, PATIENCE, deliver, parcel};
use veribus_transports::{Options, from_url, subscription_from_url};

/// A broker, and somebody beside us who may write to it.
struct Broker {
    server: Server,
    scheme: &'static str,
    runtime: tokio::runtime::Runtime,
}

/// Both brokers, as far as they are installed.
fn brokers(nats: &str) -> Vec<Broker> {
    let kinds = [("nats", Kind::Nats(nats.to_owned())), ("redis", Kind::Redis(Vec::new()))];
    let start = |(scheme, kind)| match Server::start(kind) {
        Ok(server) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
            Some(Broker { server, scheme, runtime })
        }
        Err(why) => {
            eprintln!("skipped: {scheme}: {why}");
            None
        }
    };
    kinds.into_iter().filter_map(start).collect()
}

impl Broker {
    fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.server.address())
    }

    fn sender(&self, options: &Options) -> Box<dyn Transport> {
        from_url(&self.url(), options).expect("a good address")().expect("readable files")
    }

    fn subscription(&self, options: &Options) -> Box<dyn Subscription> {
        subscription_from_url(&self.url(), options).expect("a good address")
    }

    /// Writes fields and a body where parcels stand.
    fn put(&self, fields: &[(&str, &str)], body: &[u8]) {
        self.runtime.block_on(async {
            if self.scheme == "nats" {
                let context =
                    async_nats::jetstream::new(async_nats::connect(self.url()).await.expect("it runs"));
                let mut headers = async_nats::HeaderMap::new();
                fields.iter().for_each(|(name, value)| headers.append(*name, *value));
                let published = context.publish_with_headers("veribus.events", headers, body.to_vec().into());
                published.await.expect("a stream").await.expect("an acknowledgement");
            } else {
                let mut add = redis::cmd("XADD");
                add.arg("veribus:events").arg("*").arg("body").arg(body);
                for (name, value) in fields {
                    add.arg(*name).arg(*value);
                }
                self.ask(&add).await;
            }
        });
    }

    async fn ask(&self, command: &redis::Cmd) -> redis::Value {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("it runs");
        command.query_async(&mut connection).await.expect("it may")
    }

    /// Writes where a sender hears of its receipts.
    fn forge(&self, sender: &str, receipt: &[u8]) {
        self.runtime.block_on(async {
            if self.scheme == "nats" {
                let client = async_nats::connect(self.url()).await.expect("it runs");
                let subject = format!("veribus.receipts.{sender}");
                client.publish(subject, receipt.to_vec().into()).await.expect("it may");
                client.flush().await.expect("it runs");
            } else {
                let mut add = redis::cmd("XADD");
                add.arg(format!("veribus:receipts:{sender}")).arg("*").arg("receipt").arg(receipt);
                self.ask(&add).await;
            }
        });
    }
}

fn receive(subscription: &mut dyn Subscription) -> Delivery {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "nothing arrives");
        let received = subscription.receive(1, Duration::from_millis(200)).expect("it is there");
        if let Some(delivery) = received.into_iter().next() {
            return delivery;
        }
    }
}

/// The next news of a kind.
fn hear<T>(transport: &mut dyn Transport, wanted: impl Fn(&News) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "it is not said");
        if let Some(found) = transport.poll(Duration::from_millis(50)).as_ref().and_then(&wanted) {
            return found;
        }
    }
}

fn suspicion(news: &News) -> Option<String> {
    if let News::Suspicious(text) = news { Some(text.clone()) } else { None }
}

fn stored(parcel: ParcelId) -> StoreReceipt {
    StoreReceipt { parcel, stored: 10, duplicates: 0, refused: Vec::new() }
}

#[test]
fn what_is_no_parcel_is_handed_out_as_it_is_and_the_next_follows() {
    let junk: Vec<u8> = (0..1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for broker in brokers("") {
        let mut subscription = broker.subscription(&Options::new());
        // Makes the stream.
        assert!(subscription.receive(1, Duration::from_millis(50)).expect("it is there").is_empty());
        let noise = "x".repeat(200);
        broker.put(&[], b"");
        broker.put(&[("parcel", "no id"), ("Veribus-Parcel", "no id"), ("encoding", "br")], &junk);
        broker.put(
            &[("type", "application/vnd.veribus.v99"), ("more", &noise), ("receipts", "../../x*>")],
            b"\x00\xff",
        );
        let mut transport = broker.sender(&Options::new());
        let good = parcel(0x41, 1);
        transport.send(&good, Instant::now() + PATIENCE).expect("it is there");
        for body in [&b""[..], &junk, b"\x00\xff"] {
            let delivery = receive(subscription.as_mut());
            assert_eq!((delivery.parcel, &delivery.body[..]), (None, body), "{}", broker.scheme);
            assert_eq!(delivery.tag.receipts_to, None, "a name that a sender never has");
            subscription.settle(&delivery.tag, Settlement::Dead(None)).expect("it is there");
        }
        let delivery = receive(subscription.as_mut());
        assert_eq!(delivery.parcel, Some(good.id));
        subscription.settle(&delivery.tag, Settlement::Stored(Some(stored(good.id)))).expect("it is there");
        hear(transport.as_mut(), |news| matches!(news, News::Receipt(_)).then_some(()));
        let later = subscription.receive(9, Duration::from_millis(300)).expect("it is there");
        assert!(later.is_empty(), "{}: a dead letter came again", broker.scheme);
    }
}

#[test]
fn a_message_with_thousands_of_headers_is_one_delivery() {
    let Some(broker) = brokers("").into_iter().find(|broker| broker.scheme == "nats") else { return };
    let mut subscription = broker.subscription(&Options::new());
    assert!(subscription.receive(1, Duration::from_millis(50)).expect("it is there").is_empty());
    // Their server takes 64 KiB of them.
    let names: Vec<String> = (0..5_000).map(|n| format!("x-{n}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    broker.put(&fields, b"junk");
    let delivery = receive(subscription.as_mut());
    assert_eq!((delivery.parcel, &delivery.body[..]), (None, &b"junk"[..]));
}

#[test]
fn a_forged_receipt_frees_nothing_and_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = private_file(folder.path(), "key", "0123456789abcdef0123456789abcdef\n");
    let sealed = Options::new().set("receipt_key_file", key.display().to_string());
    for broker in brokers("") {
        let mut subscription = broker.subscription(&sealed);
        let mut transport = broker.sender(&sealed);
        let one = parcel(0x42, 1);
        transport.send(&one, Instant::now() + PATIENCE).expect("it is there");
        let delivery = receive(subscription.as_mut());
        let sender = delivery.tag.receipts_to.clone().expect("it waits for receipts");
        let mut json = Vec::new();
        stored(one.id).to_json(&mut json);
        for forged in [&json[..], b"{}", b"\xff\x00"] {
            broker.forge(&sender, forged);
            let said = hear(transport.as_mut(), |news| {
                assert!(!matches!(news, News::Receipt(_)), "{news:?}");
                suspicion(news)
            });
            assert!(said.contains("RECEIPT_INVALID"), "{}: {said}", broker.scheme);
        }
        subscription.settle(&delivery.tag, Settlement::Stored(Some(stored(one.id)))).expect("it is there");
        let receipt =
            |news: &News| if let News::Receipt(receipt) = news { Some(receipt.parcel) } else { None };
        assert_eq!(hear(transport.as_mut(), receipt), one.id, "{}", broker.scheme);
    }
}

#[test]
fn a_receipt_of_what_was_never_sent_is_said_without_a_key_too() {
    for broker in brokers("") {
        let mut subscription = broker.subscription(&Options::new());
        let mut transport = broker.sender(&Options::new());
        let one = parcel(0x43, 1);
        transport.send(&one, Instant::now() + PATIENCE).expect("it is there");
        let sender = receive(subscription.as_mut()).tag.receipts_to.expect("it waits for receipts");
        for unknown in [ParcelId::new(0x43, 2), ParcelId::new(0x44, 1)] {
            let mut json = Vec::new();
            stored(unknown).to_json(&mut json);
            broker.forge(&sender, &json);
            let said = hear(transport.as_mut(), suspicion);
            assert!(said.contains("RECEIPT_INVALID") && said.contains(&unknown.to_string()), "{said}");
        }
    }
}

#[test]
fn a_parcel_above_the_servers_max_payload_is_refused_and_the_next_goes() {
    let Some(broker) = brokers("max_payload: 65536").into_iter().find(|broker| broker.scheme == "nats")
    else {
        return;
    };
    let _collecting = Collecting::start(broker.subscription(&Options::new()));
    let mut transport = broker.sender(&Options::new());
    deliver(transport.as_mut(), &parcel(0x45, 1));
    assert_eq!(transport.body_bytes_max(), 65_536 - 1024);
    let mut large = parcel(0x45, 2);
    large.body = vec![7; 65_536].into();
    let error = transport.send(&large, Instant::now() + PATIENCE);
    assert!(matches!(error, Err(TransportError::Refused { .. })), "{error:?}");
    deliver(transport.as_mut(), &parcel(0x45, 3));
}

#[test]
fn names_that_would_reach_elsewhere_are_refused_when_they_are_given() {
    for name in ["a.b", "a*", ">", "a b", "a\r\nSUB x", "a:b", "{a}", "", &"a".repeat(65)] {
        for (way, option) in [("nats", "stream"), ("redis", "stream"), ("nats", "group"), ("redis", "group")]
        {
            let options = Options::new().set(option, name);
            let error = from_url(&format!("{way}://localhost"), &options).err().expect(name);
            assert_eq!(error.code(), "CONFIGURATION", "{name:?}");
        }
    }
}

#[test]
fn a_key_that_is_no_stream_is_named() {
    let Some(broker) = brokers("").into_iter().find(|broker| broker.scheme == "redis") else { return };
    let mut set = redis::cmd("SET");
    set.arg("veribus:events").arg("mine");
    broker.runtime.block_on(broker.ask(&set));
    let error = support::refused(broker.sender(&Options::new()).as_mut());
    assert_eq!(error.code(), "UNSAFE");
    let said = error.to_string();
    assert!(said.contains("REDIS_WRONGTYPE") && said.contains("veribus:events"), "{said}");
    let error = broker.subscription(&Options::new()).receive(1, Duration::ZERO).expect_err("no stream");
    assert!(error.to_string().contains("REDIS_WRONGTYPE"), "{error}");
}

#[test]
fn replayed_traffic_is_delivered_as_what_it_was() {
    let Some(broker) = brokers("").into_iter().find(|broker| broker.scheme == "redis") else { return };
    let mut subscription = broker.subscription(&Options::new());
    let mut transport = broker.sender(&Options::new());
    let one = parcel(0x46, 1);
    transport.send(&one, Instant::now() + PATIENCE).expect("it is there");
    let first = receive(subscription.as_mut());
    let (id, sender) = (one.id.to_string(), first.tag.receipts_to.clone().expect("it waits"));
    for _ in 0..3 {
        broker.put(&[("parcel", &id), ("receipts", &sender), ("type", &first.media_type)], &first.body);
    }
    // The same id and bytes: the store has them already, and the sender hears the same receipt again.
    for _ in 0..3 {
        let again = receive(subscription.as_mut());
        assert_eq!((again.parcel, &again.body), (first.parcel, &first.body));
        subscription.settle(&again.tag, Settlement::Stored(Some(stored(one.id)))).expect("it is there");
        hear(transport.as_mut(), |news| {
            assert!(!matches!(news, News::Suspicious(_)), "{news:?}");
            matches!(news, News::Receipt(receipt) if receipt.parcel == one.id).then_some(())
        });
    }
}
