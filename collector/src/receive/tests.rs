//! What a receiver does with parcels, seen from both sides: a broker that follows a script, and a writer that answers.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use veribus_core::transport::{
    Compression, Delivery, DeliveryTag, ParcelId, Settlement, Subscription, TransportError,
};
use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, event};

use super::open::{READ, Read};
use super::{Receiver, Reception};
use crate::ingest::{Job, Queue, Refused};
use crate::server::Counters;
use crate::store::{Inserted, SetAside, Undeliverable};

/// Hands out what it was given, writes down how it was settled, and stops the receiver behind the last.
struct Script {
    deliveries: VecDeque<Delivery>,
    settled: Arc<Mutex<Vec<(String, Settlement)>>>,
    stop: watch::Sender<bool>,
}

impl Subscription for Script {
    fn origin(&self) -> String {
        "script".into()
    }

    fn receive(&mut self, _: usize, _: Duration) -> Result<Vec<Delivery>, TransportError> {
        let next = self.deliveries.pop_front();
        if next.is_none() {
            self.stop.send_replace(true);
        }
        Ok(next.into_iter().collect())
    }

    fn settle(&mut self, delivery: &DeliveryTag, settlement: Settlement) -> Result<(), TransportError> {
        self.settled.lock().unwrap().push((delivery.message.clone(), settlement));
        Ok(())
    }
}

/// How the writer answers letters.
type Shelf = fn(&Undeliverable) -> Result<SetAside, Refused>;

/// What a run of a receiver left behind.
struct Ran {
    settled: Vec<(String, Settlement)>,
    letters: Vec<Undeliverable>,
    counters: Arc<Counters>,
}

fn run(deliveries: Vec<Delivery>, read: Read, shelf: Shelf) -> Ran {
    let (queue, mut jobs) = Queue::new();
    let letters = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&letters);
    let writer = thread::spawn(move || {
        while let Some(job) = jobs.blocking_recv() {
            match job {
                Job::Batch { batch, reply, .. } => {
                    let _ = reply.send(Ok(vec![Inserted::Stored(1); batch.events.len()]));
                }
                Job::SetAside { letter, reply } => {
                    let _ = reply.send(shelf(&letter));
                    kept.lock().unwrap().push(letter);
                }
                _ => {}
            }
        }
    });
    let (stop, stopping) = watch::channel(false);
    let settled = Arc::new(Mutex::new(Vec::new()));
    let script = Script { deliveries: deliveries.into(), settled: Arc::clone(&settled), stop };
    let (notices, _unheard) = mpsc::unbounded_channel();
    let counters = Arc::new(Counters::default());
    let reception = Arc::new(Reception::new("script".into()));
    let receiver =
        Receiver::new(Box::new(script), reception, queue, Arc::clone(&counters), stopping, notices);
    receiver.reading(read).run();
    writer.join().unwrap();
    let settled = std::mem::take(&mut *settled.lock().unwrap());
    let letters = std::mem::take(&mut *letters.lock().unwrap());
    Ran { settled, letters, counters }
}

fn delivery(message: &str, body: &[u8], deliveries: u64) -> Delivery {
    Delivery {
        tag: DeliveryTag { message: message.into(), receipts_to: None },
        parcel: Some(ParcelId::new(7, 1)),
        media_type: "application/msgpack".into(),
        compression: Ok(Compression::None),
        body: body.to_vec(),
        deliveries,
    }
}

fn good() -> Vec<u8> {
    let login = event::authentication("login").success();
    let login = login.into_event(EventId::new(InstanceId(7), 1, 1), Timestamp::from_seconds(1)).unwrap();
    let batch = Batch { source: Source::new("tests"), events: vec![login], ..Batch::default() };
    let mut body = Vec::new();
    batch.encode_msgpack(&mut body).unwrap();
    body
}

fn has_room(_: &Undeliverable) -> Result<SetAside, Refused> {
    Ok(SetAside { id: 1, is_meant: false })
}

#[test]
fn a_fault_in_reading_is_a_dead_letter_and_the_next_parcel_is_stored() {
    let faulty: Read = |encoding, body, service| {
        assert_ne!(body, b"poison", "a fault of ours");
        READ(encoding, body, service)
    };
    let parcels = vec![
        delivery("first", b"poison", 1),
        delivery("between", &good(), 1),
        delivery("last", b"poison", 5),
        delivery("behind", &good(), 1),
    ];
    let ran = run(parcels, faulty, has_room);
    let of = |message: &str| ran.settled.iter().find(|(m, _)| m == message).map(|(_, how)| how.clone());
    assert_eq!(of("first"), Some(Settlement::Again(Duration::from_millis(250))));
    assert_eq!(of("last"), Some(Settlement::Dead(None)), "its sender has a whole one, perhaps");
    for message in ["between", "behind"] {
        assert!(matches!(of(message), Some(Settlement::Stored(Some(r))) if r.stored == 1), "{message}");
    }
    assert_eq!(ran.letters.len(), 1);
    let letter = &ran.letters[0];
    assert_eq!(
        (letter.code.as_str(), &*letter.body, letter.deliveries),
        ("COLLECTOR_FAULT", &b"poison"[..], 5)
    );
}

#[test]
fn what_can_be_read_is_stored_however_often_it_was_delivered() {
    let ran = run(vec![delivery("old", &good(), 1_000)], READ, has_room);
    assert!(matches!(&ran.settled[..], [(_, Settlement::Stored(Some(_)))]), "{:?}", ran.settled);
    assert!(ran.letters.is_empty());
}

#[test]
fn a_letter_without_room_stays_with_the_broker_and_is_counted() {
    let ran = run(vec![delivery("bad", b"?", 9)], READ, |_| Err(Refused { code: "DEAD_LETTERS_FULL" }));
    assert_eq!(ran.settled, [("bad".to_owned(), Settlement::Again(Duration::from_secs(30)))]);
    assert_eq!(ran.counters.letters_refused.load(Ordering::Relaxed), 1);
}

#[test]
fn a_sender_that_means_it_is_told() {
    let ran = run(vec![delivery("bad", b"?", 5)], READ, |_| Ok(SetAside { id: 1, is_meant: true }));
    let [(_, Settlement::Dead(Some(receipt)))] = &ran.settled[..] else { panic!("{:?}", ran.settled) };
    assert_eq!((receipt.parcel, receipt.stored, receipt.refused.len()), (ParcelId::new(7, 1), 0, 1_000));
}
