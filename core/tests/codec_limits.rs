//! Limits of the wire hold at their edge, before anything is allocated for what is beyond it.

use std::sync::Arc;

use veribus_core::codec::{BatchView, event_from_json, event_to_json};
use veribus_core::event::limits::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_LANES_MAX, BATCH_LOSSES_MAX, TEXT_BYTES_MAX,
};
use veribus_core::{
    Attributes, Batch, CodecError, EventId, EventKind, InstanceId, LaneMark, LossReason, LossRecord, Source,
    Timestamp, Value, VerificationEvent,
};

fn event() -> VerificationEvent {
    let (id, kind) = (EventId::from_bits(0), EventKind::from_name("security"));
    VerificationEvent::bare(id, Timestamp::from_nanos(0), kind, "x").expect("a valid name")
}

fn with(name: &str, value: impl Into<Value>) -> VerificationEvent {
    let mut event = event();
    event.attributes.insert(name, value);
    event
}

fn batch(events: Vec<VerificationEvent>) -> Batch {
    Batch { source: Source::new("orders"), events, ..Batch::default() }
}

fn both(batch: &Batch) -> [Result<Batch, CodecError>; 2] {
    let (mut json, mut msgpack) = (Vec::new(), Vec::new());
    batch.encode_json(&mut json).expect("within the limits");
    batch.encode_msgpack(&mut msgpack).expect("within the limits");
    [Batch::decode_json(&json), Batch::decode_msgpack(&msgpack)]
}

fn codes(batch: &Batch) -> [&'static str; 2] {
    both(batch).map(|result| result.expect_err("refused").code())
}

#[test]
fn text_and_bytes_fit_up_to_256_kib() {
    let text = "é".repeat(TEXT_BYTES_MAX / 2);
    for fits in [
        with("x", text.as_str()),
        with("x", vec![0xff; TEXT_BYTES_MAX]),
        with("x", "\n".repeat(TEXT_BYTES_MAX)),
        with("x", "\u{fffd}".repeat(TEXT_BYTES_MAX / 3)),
    ] {
        let fits = batch(vec![fits]);
        for back in both(&fits) {
            assert!(back.is_ok_and(|back| back == fits));
        }
    }
    for long in [
        with("x", text + "x"),
        with("x", vec![0xff; TEXT_BYTES_MAX + 1]),
        with("x", "\n".repeat(TEXT_BYTES_MAX + 1)),
    ] {
        assert_eq!(codes(&batch(vec![long])), ["EVT_TEXT_TOO_LONG"; 2]);
    }
}

#[test]
fn an_event_fits_up_to_1_mib() {
    let mut large = event();
    for name in ["a", "b", "c", "d"] {
        large.attributes.insert(name, "x".repeat(TEXT_BYTES_MAX - 1));
    }
    // Each name takes the byte that its text leaves; the action has the one byte too many.
    assert_eq!(codes(&batch(vec![large])), ["EVT_TOO_LARGE"; 2]);
}

#[test]
fn names_within_a_map_fit_up_to_128_bytes() {
    let map = |n: usize| with("x", [("n".repeat(n), true)].into_iter().collect::<Attributes>());
    assert!(both(&batch(vec![map(128)])).iter().all(Result::is_ok));
    assert_eq!(codes(&batch(vec![map(129)])), ["EVT_FIELD_INVALID"; 2]);
}

#[test]
fn many_names_of_one_map_are_each_given_once() {
    let pairs = |n: usize| (0..n).map(|i| format!("\"n{i}\":0")).collect::<Vec<_>>().join(",");
    let line = |pairs: &str| {
        format!(r#"{{"time":0,"kind":"security","action":"x","attributes":{{"m":{{{pairs}}}}}}}"#)
    };
    assert!(event_from_json(line(&pairs(500)).as_bytes()).is_ok());
    for twice in ["n0", "n31", "n32", "n33", "n499"] {
        let error =
            event_from_json(line(&format!("{},\"{twice}\":1", pairs(500))).as_bytes()).expect_err(twice);
        assert_eq!((error.code(), error.path()), ("JSON_DUPLICATE_KEY", "attributes.m"), "{twice}");
    }
    let unknown = format!(r#"{{"time":0,"kind":"security","action":"x",{},"n7":1}}"#, pairs(50));
    assert_eq!(event_from_json(unknown.as_bytes()).expect_err("twice").code(), "JSON_DUPLICATE_KEY");
}

#[test]
fn a_batch_is_written_up_to_its_limits_and_otherwise_not_at_all() {
    let full = batch(vec![event(); BATCH_EVENTS_MAX]);
    assert!(both(&full).iter().all(Result::is_ok));

    let mut out = b"before".to_vec();
    let many = batch(vec![event(); BATCH_EVENTS_MAX + 1]);
    let large = batch((0..21).map(|_| with("x", vec![0xff; TEXT_BYTES_MAX])).collect());
    for (batch, code) in [(many, "BATCH_TOO_MANY"), (large, "BATCH_TOO_LARGE")] {
        assert_eq!(batch.encode_json(&mut out).expect_err("refused").code(), code);
        assert_eq!(batch.encode_msgpack(&mut out).expect_err("refused").code(), code);
        assert_eq!(out, b"before");
    }
}

#[test]
fn bytes_beyond_5_mib_are_not_even_looked_at() {
    let blank = vec![b' '; BATCH_BYTES_MAX + 1];
    let mut padded = br#"{"v":1,"source":{"service":"s"},"events":[]}"#.to_vec();
    padded.resize(BATCH_BYTES_MAX, b' ');
    assert!(Batch::decode_json(&padded).is_ok());
    padded.push(b' ');
    assert_eq!(Batch::decode_json(&padded).expect_err("large").code(), "BATCH_TOO_LARGE");
    assert_eq!(Batch::decode_msgpack(&blank).expect_err("large").code(), "BATCH_TOO_LARGE");
    assert_eq!(event_from_json(&[b'x'; 8 * 1024 * 1024 + 1]).expect_err("large").code(), "BATCH_TOO_LARGE");
}

#[test]
fn the_worst_event_fits_the_line_that_reads_it() {
    let mut worst = event();
    for name in ["a", "b", "c"] {
        worst.attributes.insert(name, "\u{1}".repeat(TEXT_BYTES_MAX));
    }
    let mut line = Vec::new();
    event_to_json(&worst, &mut line);
    assert_eq!(event_from_json(&line), Ok(worst));
}

#[test]
fn three_bad_events_of_a_hundred_leave_ninety_seven_with_their_ids() {
    let mut events: Vec<_> = (1..=100).map(|seq| with("n", seq)).collect();
    for (event, seq) in events.iter_mut().zip(1..) {
        event.id = EventId::new(InstanceId(5), 2, seq);
    }
    for bad in [0, 50, 99] {
        events[bad].attributes.insert("", true);
    }
    let sent = Batch { instance: Some(InstanceId(5)), ..batch(events) };
    let (mut json, mut msgpack) = (Vec::new(), Vec::new());
    sent.encode_json(&mut json).unwrap();
    sent.encode_msgpack(&mut msgpack).unwrap();
    for decoded in [Batch::decode_json_each(&json).unwrap(), Batch::decode_msgpack_each(&msgpack).unwrap()] {
        assert_eq!(decoded.events.iter().flatten().count(), 97);
        for (event, sent) in decoded.events.iter().zip(&sent.events) {
            match event {
                Ok(event) => assert_eq!(event, sent),
                Err(error) => {
                    assert_eq!((error.code(), error.event_id()), ("EVT_FIELD_INVALID", Some(sent.id)))
                }
            }
        }
        assert_eq!(decoded.all().expect_err("the first").path(), "events[0]");
    }
}

#[test]
fn shared_events_are_written_without_being_copied() {
    let owned = batch(vec![event(), with("x", 1)]);
    let shared: Vec<Arc<VerificationEvent>> = owned.events.iter().cloned().map(Arc::new).collect();
    let view = BatchView {
        source: &owned.source,
        instance: None,
        events: &shared,
        losses: &[],
        lanes: &[],
        extra: &owned.extra,
    };
    let (mut one, mut other) = (Vec::new(), Vec::new());
    owned.encode_msgpack(&mut one).unwrap();
    view.encode_msgpack(&mut other).unwrap();
    assert_eq!(one, other);
}

#[test]
fn the_compact_form_is_at_most_55_hundredths_of_the_readable_one() {
    let mut login = with("attempt", 3);
    login.id = EventId::new(InstanceId(1), 1, 1);
    let mut event = event_from_json(
        br#"{"time":"2026-11-21T10:00:00.123456789Z","kind":"authentication","action":"login","severity":"high",
            "outcome":"failure","reason":"bad_password","actor":{"name":"alice","ip":"203.0.113.7","port":52144},
            "target":{"name":"sshd","kind":"service"},"duration_ns":1500250,"method":"password",
            "trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#,
    )
    .unwrap();
    event.id = login.id;
    let mut sent = batch(vec![event; 100]);
    for seq in 0..100 {
        sent.events[seq].id = EventId::new(InstanceId(1), 1, seq as u64 + 1);
    }
    sent.instance = Some(InstanceId(1));
    let (mut json, mut msgpack) = (Vec::new(), Vec::new());
    sent.encode_json(&mut json).unwrap();
    sent.encode_msgpack(&mut msgpack).unwrap();
    let ratio = msgpack.len() as f64 / json.len() as f64;
    assert!(ratio <= 0.55, "{} of {} bytes: {ratio:.3}", msgpack.len(), json.len());
}

#[test]
fn an_account_that_no_decoder_takes_is_not_written() {
    let record = LossRecord {
        lane: 1,
        reason: LossReason::QueueFull,
        first_seq: 1,
        last_seq: 9,
        count: 9,
        first_at: Timestamp::from_seconds(1),
        last_at: Timestamp::from_seconds(2),
    };
    let code = |batch: &Batch| {
        let mut out = b"before".to_vec();
        let code = batch.encode_msgpack(&mut out).err().map(|e| e.code());
        assert!(code.is_none() || out == b"before");
        code
    };
    let mut sent = Batch { losses: vec![record], ..batch(Vec::new()) };
    assert_eq!(code(&sent), Some("BATCH_LOSSES"), "losses of no instance");
    sent.instance = Some(InstanceId(5));
    assert_eq!(code(&sent), None);
    sent.losses = vec![record; BATCH_LOSSES_MAX + 1];
    assert_eq!(code(&sent), Some("BATCH_LOSSES"));
    sent.losses.clear();
    sent.lanes = vec![LaneMark { lane: 0, next_seq: 1 }; BATCH_LANES_MAX + 1];
    assert_eq!(code(&sent), Some("BATCH_LANES"));
    sent.lanes.pop();
    assert_eq!(code(&sent), None);
}
