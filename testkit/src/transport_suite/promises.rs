//! The promises, one function each, named as the tests are.

use std::time::{Duration, Instant};

use veribus_core::codec::MEDIA_TYPE_MSGPACK;
use veribus_core::transport::{
    Compression, Delivery, News, Parcel, Refused, Settlement, StoreReceipt, Subscription, Transport,
    TransportError,
};

use super::{
    ANSWER_TIMEOUT, Collecting, IN_FLIGHT_MAX, PATIENCE, UnderTest, chain, deliver, hear, parcel, receipted,
    send_until_taken, sized,
};

fn sender(under_test: &impl UnderTest) -> Box<dyn Transport> {
    under_test.factory()().expect("the settings can be used")
}

fn receive(subscription: &mut dyn Subscription) -> Delivery {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "nothing arrives");
        if let Ok(deliveries) = subscription.receive(1, Duration::from_millis(200))
            && let Some(delivery) = deliveries.into_iter().next()
        {
            return delivery;
        }
    }
}

/// Bytes, id, media type and compression as they were sent, and each parcel behind the one before it.
pub fn parcels_arrive_whole_and_in_order(under_test: &mut impl UnderTest) {
    let collecting = Collecting::start(under_test.subscription());
    let mut transport = sender(under_test);
    let sent: Vec<Parcel> = (1..=30)
        .map(|number| {
            let compression = if number % 2 == 0 { Compression::Zstd } else { Compression::None };
            Parcel { compression, ..parcel(0xa, number) }
        })
        .collect();
    for parcel in &sent {
        deliver(transport.as_mut(), parcel);
    }
    let deliveries = collecting.deliveries();
    let mut first: Vec<&Delivery> = Vec::new();
    for delivery in deliveries.iter() {
        if first.iter().all(|known| known.parcel != delivery.parcel) {
            first.push(delivery);
        }
    }
    assert_eq!(first.len(), sent.len());
    for (delivery, parcel) in first.into_iter().zip(&sent) {
        assert_eq!(delivery.parcel, Some(parcel.id));
        assert_eq!(delivery.body, &*parcel.body);
        assert_eq!(delivery.compression, Ok(parcel.compression));
        assert_eq!(delivery.media_type, MEDIA_TYPE_MSGPACK);
        assert!(delivery.deliveries >= 1);
    }
}

/// No receipt before the store settled, and then word for word what it said.
pub fn receipts_follow_the_store(under_test: &mut impl UnderTest) {
    let mut subscription = under_test.subscription();
    let mut transport = sender(under_test);
    let (one, mut heard) = (parcel(0xb, 1), Vec::new());
    send_until_taken(transport.as_mut(), &one, &mut heard);
    let delivery = receive(subscription.as_mut());
    heard.extend(transport.poll(Duration::from_millis(100)));
    assert!(!receipted(&heard, one.id), "a receipt before the commit: {heard:?}");
    let refused = vec![Refused { index: 3, code: "EVT_TOO_LARGE".to_owned() }];
    let receipt = StoreReceipt { parcel: one.id, stored: 7, duplicates: 2, refused };
    subscription.settle(&delivery.tag, Settlement::Stored(Some(receipt.clone()))).expect("it is there");
    hear(transport.as_mut(), &mut heard, |heard| receipted(heard, one.id));
    let said =
        heard.into_iter().find_map(|news| if let News::Receipt(said) = news { Some(said) } else { None });
    assert_eq!(said, Some(receipt));
}

/// The same parcel twice, while it is in flight and after its receipt: each time an answer, never an alarm.
pub fn sending_again_does_no_harm(under_test: &mut impl UnderTest) {
    let _collecting = Collecting::start(under_test.subscription());
    let mut transport = sender(under_test);
    let (one, mut heard) = (parcel(0xc, 1), Vec::new());
    send_until_taken(transport.as_mut(), &one, &mut heard);
    send_until_taken(transport.as_mut(), &one, &mut heard);
    hear(transport.as_mut(), &mut heard, |heard| receipted(heard, one.id));
    send_until_taken(transport.as_mut(), &one, &mut heard);
    deliver(transport.as_mut(), &parcel(0xc, 2));
    let alarms = heard.iter().any(|news| matches!(news, News::Suspicious(_) | News::Failed { .. }));
    assert!(!alarms, "{heard:?}");
}

/// `Again` brings it back after its time, and says that it did.
pub fn what_is_not_settled_comes_again(under_test: &mut impl UnderTest) {
    if !under_test.redelivers() {
        return;
    }
    let mut subscription = under_test.subscription();
    let mut transport = sender(under_test);
    let one = parcel(0xd, 1);
    send_until_taken(transport.as_mut(), &one, &mut Vec::new());
    let delivery = receive(subscription.as_mut());
    let put_back = Instant::now();
    let delay = Duration::from_millis(150);
    subscription.settle(&delivery.tag, Settlement::Again(delay)).expect("it is there");
    let again = receive(subscription.as_mut());
    assert!(put_back.elapsed() >= delay, "after {:?}", put_back.elapsed());
    assert_eq!((again.parcel, again.deliveries), (Some(one.id), 2));
    subscription.settle(&again.tag, Settlement::Dead(None)).expect("it is there");
    let later = subscription.receive(1, Duration::from_millis(300)).expect("it is there");
    assert!(later.is_empty(), "a dead letter came again");
}

/// Refused before it is sent; the next goes through on the same connection.
pub fn what_is_too_large_is_refused(under_test: &mut impl UnderTest) {
    let _collecting = Collecting::start(under_test.subscription());
    let mut transport = sender(under_test);
    deliver(transport.as_mut(), &parcel(0xe, 1));
    let limit = transport.body_bytes_max();
    let error = transport.send(&sized(0xe, 2, vec![7; limit + 1]), Instant::now() + Duration::from_secs(5));
    assert!(matches!(error, Err(TransportError::Refused { .. })), "{error:?}");
    deliver(transport.as_mut(), &sized(0xe, 3, vec![7; limit]));
}

/// A thousand parcels without a pause: never more in flight than allowed, and every receipt comes.
pub fn every_receipt_comes_with_many_in_flight(under_test: &mut impl UnderTest) {
    let _collecting = Collecting::start(under_test.subscription());
    let mut transport = sender(under_test);
    let mut heard = Vec::new();
    for number in 1..=1000 {
        send_until_taken(transport.as_mut(), &parcel(0xf, number), &mut heard);
        while let Some(news) = transport.poll(Duration::ZERO) {
            heard.push(news);
        }
    }
    let receipts = |heard: &[News]| heard.iter().filter(|news| matches!(news, News::Receipt(_))).count();
    hear(transport.as_mut(), &mut heard, |heard| receipts(heard) >= 1000);
    assert!((1..=1000).all(|number| receipted(&heard, parcel(0xf, number).id)));
    drop(transport);
    if under_test.freeze() {
        let mut transport = sender(under_test);
        let mut taken = 0;
        let soon = || Instant::now() + Duration::from_millis(100);
        while taken <= IN_FLIGHT_MAX && transport.send(&parcel(0xf0, taken as u64), soon()).is_ok() {
            taken += 1;
        }
        assert!(taken <= IN_FLIGHT_MAX, "{taken} parcels in flight");
        under_test.thaw();
    }
}

/// A server that is there and says nothing: an error in time, and work when it is back.
pub fn half_open_peers_time_out(under_test: &mut impl UnderTest) {
    let collecting = Collecting::start(under_test.subscription());
    let mut transport = sender(under_test);
    deliver(transport.as_mut(), &parcel(0x10, 1));
    if !under_test.freeze() {
        return;
    }
    let begin = Instant::now();
    let one = parcel(0x10, 2);
    if transport.send(&one, begin + Duration::from_secs(1)).is_ok() {
        let failed = |news: &News| matches!(news, News::Failed { parcel, .. } if *parcel == one.id);
        hear(transport.as_mut(), &mut Vec::new(), |heard| heard.iter().any(failed));
    }
    assert!(begin.elapsed() < ANSWER_TIMEOUT + Duration::from_secs(3), "after {:?}", begin.elapsed());
    let begin = Instant::now();
    let mut second = sender(under_test);
    let error = second.send(&parcel(0x11, 1), begin + Duration::from_millis(500));
    assert!(begin.elapsed() < Duration::from_secs(2), "connecting took {:?}: {error:?}", begin.elapsed());
    under_test.thaw();
    deliver(transport.as_mut(), &one);
    assert!(!collecting.deliveries().is_empty());
}

/// An error while it is away; afterwards the same transport and the same subscription go on.
pub fn work_goes_on_after_the_server_was_killed(under_test: &mut impl UnderTest) {
    let _collecting = Collecting::start(under_test.subscription());
    let mut transport = sender(under_test);
    deliver(transport.as_mut(), &parcel(0x12, 1));
    for round in 0..2 {
        under_test.kill();
        let one = parcel(0x12, 2 + round);
        let error = loop {
            match transport.send(&one, Instant::now() + Duration::from_secs(1)) {
                Err(error) => break error,
                Ok(()) => {
                    // It had not noticed yet; then the parcel fails.
                    let failed =
                        |news: &News| matches!(news, News::Failed { parcel, .. } if *parcel == one.id);
                    hear(transport.as_mut(), &mut Vec::new(), |heard| heard.iter().any(failed));
                }
            }
        };
        assert!(error.is_retryable(), "{}", chain(&error));
        under_test.restart();
        deliver(transport.as_mut(), &one);
    }
}

/// Whatever the other end does; and then it is closed.
pub fn close_ends_by_its_deadline(under_test: &mut impl UnderTest) {
    let _collecting = Collecting::start(under_test.subscription());
    let mut transport = sender(under_test);
    deliver(transport.as_mut(), &parcel(0x13, 1));
    let frozen = under_test.freeze();
    let _either_way = transport.send(&parcel(0x13, 2), Instant::now() + Duration::from_millis(200));
    let begin = Instant::now();
    transport.close(begin + Duration::from_millis(300));
    assert!(begin.elapsed() < Duration::from_millis(1300), "after {:?}", begin.elapsed());
    let error = transport.send(&parcel(0x13, 3), Instant::now() + Duration::from_secs(1));
    assert!(matches!(error, Err(TransportError::Closed)), "{error:?}");
    if frozen {
        under_test.thaw();
    }
}

/// Not the destination, not an error, nor what stands behind it.
pub fn no_text_shows_a_secret(under_test: &mut impl UnderTest) {
    let secret = under_test.secret().to_owned();
    let mut transport = sender(under_test);
    let mut said = transport.destination();
    under_test.kill();
    let error = transport.send(&parcel(0x14, 1), Instant::now() + Duration::from_secs(1));
    if let Err(error) = &error {
        said = format!("{said} {}", chain(error));
    }
    if let Some(news) = transport.poll(Duration::from_millis(500)) {
        said = format!("{said} {news:?}");
    }
    assert!(!said.is_empty() && (secret.is_empty() || !said.contains(&secret)), "{said}");
    under_test.restart();
}
