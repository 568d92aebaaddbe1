//! Whatever an event holds, it comes back from the wire as it was, through either format and through both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use veribus_core::codec::{event_from_json, event_to_json};
use veribus_core::{
    Actor, Attributes, Batch, EventId, EventKind, Family, InstanceId, LaneMark, LossReason, LossRecord,
    Outcome, Severity, Source, SpanId, Target, Text, Timestamp, TraceContext, TraceId, Value,
    VerificationEvent,
};

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![any::<String>(), "[ -~]{0,40}", "[\\x00-\\x1f\u{7f}-\u{9f}\u{200b}-\u{206f}\"\\\\]{0,9}"]
        .prop_map(Text::from)
}

/// Names that mean something to the codec come often.
fn name() -> impl Strategy<Value = String> {
    const SPECIAL: &[&str] =
        &["$bytes", "$i64", "$u64", "$map", "$x", "id", "kind", "k", "rule", "actor", "", "é\u{202e}"];
    prop_oneof![
        "[a-z]{1,6}",
        prop::sample::select(SPECIAL).prop_map(str::to_owned),
        any::<String>().prop_filter("short", |s| s.len() <= 128),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-300_i64..300).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop_oneof![
            prop::num::f64::NORMAL,
            prop::num::f64::SUBNORMAL,
            prop::num::f64::ZERO,
            (-9_i32..9).prop_map(f64::from)
        ]
        .prop_map(Value::from),
        text().prop_map(Value::from),
        vec(any::<u8>(), 0..40).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            btree_map(name(), inner, 0..8).prop_map(|m| Value::Map(m.into_iter().collect())),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let allowed = |name: &String| {
        !name.is_empty()
            && !name.bytes().any(|b| b < 0x20 || b == 0x7f)
            && !["seq", "tenant", "producer", "__proto__"].contains(&name.as_str())
            && !name.starts_with("_veribus")
    };
    btree_map(name().prop_filter("a name of an attribute", allowed), value(), 0..7)
        .prop_map(|m| m.into_iter().collect())
}

fn kind() -> impl Strategy<Value = EventKind> {
    let texts = [of(text()), of(text()), of(text())];
    let numbers =
        (of(any::<f64>().prop_filter("finite", |n| n.is_finite())), of(any::<u64>()), of(0_u8..=100));
    let which = prop::sample::select(
        [
            "authentication",
            "authorization",
            "configuration",
            "performance",
            "security",
            "finding",
            "unknown",
            "x y",
        ]
        .as_slice(),
    );
    (which, texts, numbers).prop_map(|(which, [one, two, three], (measured, count, score))| {
        let mut kind = EventKind::from_name(which);
        match &mut kind {
            EventKind::Authentication(p) => (p.method, p.credential) = (one, two),
            EventKind::Authorization(p) => (p.permission, p.policy) = (one, two),
            EventKind::Configuration(p) => (p.setting, p.old_value, p.new_value) = (one, two, three),
            EventKind::Performance(p) => {
                (p.value, p.unit, p.count, p.errors) = (measured.map(|n| n + 0.0), one, count, count);
            }
            EventKind::Security(p) => (p.technique, p.rule, p.score) = (one, two, score),
            _ => {}
        }
        kind
    })
}

fn actor() -> impl Strategy<Value = Option<Actor>> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(|b| IpAddr::V4(Ipv4Addr::from(b))),
        any::<[u8; 16]>().prop_map(|b| IpAddr::V6(Ipv6Addr::from(b))),
        any::<[u8; 4]>().prop_map(|b| IpAddr::V6(Ipv4Addr::from(b).to_ipv6_mapped())),
    ];
    (of(text()), of(ip), of(any::<u16>()), of(text())).prop_map(|(name, ip, port, host)| {
        let mut actor = Actor::default();
        (actor.name, actor.ip, actor.port, actor.host) = (name, ip, port, host);
        (!actor.is_empty()).then_some(actor)
    })
}

fn trace() -> impl Strategy<Value = TraceContext> {
    (1_u128.., 1_u64.., 0_u8..4).prop_map(|(trace, span, flags)| {
        let trace = TraceId::from_bytes(trace.to_be_bytes()).expect("not zero");
        TraceContext::new(trace, SpanId::from_bytes(span.to_be_bytes()).expect("not zero"), flags)
    })
}

/// Fields that this version does not know, under names it does not know either.
fn unknown(family: Family) -> impl Strategy<Value = Attributes> {
    const OF_SECURITY: &[&str] = &["rule", "technique", "score"];
    const OF_OTHERS: &[&str] = &["method", "old_value", "count"];
    let others = if family == Family::Security { OF_OTHERS } else { OF_SECURITY };
    let inner = btree_map("_[a-z]{0,4}", value(), 1..3).prop_map(|m| Value::Map(m.into_iter().collect()));
    let of_other_families = btree_map(prop::sample::select(others), value(), 0..3);
    (btree_map("_[a-z$]{0,5}", value(), 0..3), of(inner), of_other_families).prop_map(
        |(top, actor, others)| {
            let mut extra = Attributes::new();
            if let Some(actor) = actor {
                extra.insert("actor", actor);
            }
            for (name, value) in top {
                extra.insert(name, value);
            }
            for (name, value) in others {
                extra.insert(name, value);
            }
            extra
        },
    )
}

prop_compose! {
    fn event()(kind in kind())(
        unknown in unknown(kind.family()),
        kind in Just(kind),
        (time, action, severity, outcome) in
            (any::<i64>(), "[a-z0-9][a-z0-9_.-]{0,127}", 1_u8..=6, 0_u8..=2),
        (reason, actor, target) in (of(text()), actor(), of((text(), of(text())))),
        (trace, duration) in (of(trace()), of(any::<u64>())),
        attributes in attributes(),
        id in prop_oneof![Just(0_u128), any::<u128>(), (1_u128..99).prop_map(|n| 7 << 64 | n)],
    ) -> VerificationEvent {
        let (id, time) = (EventId::from_bits(id), Timestamp::from_nanos(time));
        let mut event = VerificationEvent::bare(id, time, kind, &action).expect("a valid name");
        event.severity = Severity::from_id(severity).expect("1 to 6");
        event.outcome = Outcome::from_id(outcome).expect("0 to 2");
        (event.reason, event.actor, event.trace) = (reason, actor, trace);
        event.target = target.map(|(name, kind)| {
            let mut target = Target::default();
            (target.name, target.kind) = (name, kind);
            target
        });
        event.duration = duration.map(Duration::from_nanos);
        (event.attributes, event.extra) = (attributes, unknown);
        event
    }
}

prop_compose! {
    fn loss()(
        lane in any::<u16>(),
        reason in prop::sample::select(LossReason::ALL.to_vec()),
        first_seq in 1..=EventId::SEQ_MAX,
        more in 0_u64..1_000,
        fewer in 0_u64..1_000,
        times in any::<[i64; 2]>(),
    ) -> LossRecord {
        let last_seq = (first_seq + more).min(EventId::SEQ_MAX);
        let count = (last_seq - first_seq + 1).saturating_sub(fewer).max(1);
        let [first_at, last_at] = times.map(Timestamp::from_nanos);
        LossRecord { lane, reason, first_seq, last_seq, count, first_at, last_at }
    }
}

prop_compose! {
    fn mark()(lane in any::<u16>(), next_seq in 1..=EventId::SEQ_MAX + 1) -> LaneMark {
        LaneMark { lane, next_seq }
    }
}

prop_compose! {
    fn batch()(
        service in text(),
        host in of(text()),
        instance in of(prop_oneof![Just(7), any::<u64>()]),
        mut events in vec(event().prop_filter("within the limits", |e| e.check().is_ok()), 0..5),
        consecutive in any::<bool>(),
        mut losses in vec(loss(), 0..4),
        mut lanes in vec(mark(), 0..4),
        extra in btree_map("_[a-z]{0,5}", value(), 0..3),
    ) -> Batch {
        let mut source = Source::new(&service);
        source.host = host;
        let instance = instance.map(InstanceId);
        if instance.is_none() {
            losses.clear();
            lanes.clear();
        }
        if let (true, Some(instance)) = (consecutive, instance) {
            for (event, seq) in events.iter_mut().zip(1..) {
                event.id = EventId::new(instance, 3, seq);
            }
        }
        Batch { source, instance, events, losses, lanes, extra: extra.into_iter().collect() }
    }
}

/// Fields that are unknown here come back in canonical order: those of the actor first, of other families last.
fn sorted(mut batch: Batch) -> Batch {
    for event in &mut batch.events {
        let mut pairs: Vec<_> = event.extra.iter().map(|(n, v)| (n.to_owned(), v.clone())).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        event.extra = pairs.into_iter().collect();
    }
    batch
}

fn json(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    batch.encode_json(&mut out).expect("within the limits");
    out
}

fn msgpack(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    batch.encode_msgpack(&mut out).expect("within the limits");
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_comes_back_from_either_format(batch in batch()) {
        prop_assert_eq!(sorted(Batch::decode_json(&json(&batch)).expect("JSON")), sorted(batch.clone()));
        prop_assert_eq!(sorted(Batch::decode_msgpack(&msgpack(&batch)).expect("MessagePack")), sorted(batch));
    }

    #[test]
    fn one_format_becomes_the_other_byte_for_byte(batch in batch()) {
        let (json_bytes, msgpack_bytes) = (json(&batch), msgpack(&batch));
        let (from_json, from_msgpack) = (Batch::decode_json(&json_bytes), Batch::decode_msgpack(&msgpack_bytes));
        let (from_json, from_msgpack) = (from_json.expect("JSON"), from_msgpack.expect("MessagePack"));
        prop_assert_eq!(&from_json, &from_msgpack);
        // Decoders put unknown fields into the order in which encoders write them: from here on nothing moves.
        let settled = json(&from_json);
        let again = Batch::decode_json(&settled).expect("JSON");
        prop_assert_eq!(&again, &from_json);
        prop_assert_eq!(json(&again), settled);
        prop_assert_eq!(msgpack(&from_json), msgpack(&from_msgpack));
    }

    #[test]
    fn an_event_comes_back_from_its_line(event in event()) {
        prop_assume!(event.check().is_ok());
        let mut line = Vec::new();
        event_to_json(&event, &mut line);
        let serde: serde_json::Value = serde_json::from_slice(&line).expect("JSON that others read");
        let id = event.id.to_string();
        prop_assert_eq!(serde["id"].as_str(), Some(id.as_str()));
        let id_first = line.starts_with(br#"{"id":""#);
        prop_assert!(id_first);
        prop_assert!(!line.iter().any(u8::is_ascii_control));
        let back = event_from_json(&line).expect("the line");
        let one = |event| Batch { events: vec![event], ..Batch::default() };
        prop_assert_eq!(sorted(one(back)), sorted(one(event)));
    }

    #[test]
    fn bytes_of_any_kind_are_answered_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Batch::decode_json_each(&bytes);
        let _ = Batch::decode_msgpack_each(&bytes);
        let _ = event_from_json(&bytes);
    }

    #[test]
    fn damaged_batches_are_answered_without_a_panic(
        batch in batch(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        for valid in [json(&batch), msgpack(&batch)] {
            let mut bytes = valid;
            for (at, byte, edit) in &edits {
                if bytes.is_empty() {
                    break;
                }
                let at = at.index(bytes.len());
                match edit {
                    0 => bytes[at] = *byte,
                    1 => bytes.insert(at, *byte),
                    2 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at),
                }
            }
            for decoded in [Batch::decode_json_each(&bytes), Batch::decode_msgpack_each(&bytes)].into_iter().flatten() {
                // What is accepted must also be what is written.
                for event in decoded.events.iter().flatten() {
                    let mut line = Vec::new();
                    event_to_json(event, &mut line);
                    let back = event_from_json(&line);
                    prop_assert_eq!(back.as_ref(), Ok(event));
                }
            }
        }
    }
}
