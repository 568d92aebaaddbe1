//! Whatever goes into a bus comes out of it: equal, once, and in the order of its lane.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::event::{self, Family, Severity, Timestamp, Value, VerificationEvent};
use crate::redact::Redactor;

const SECOND: Duration = Duration::from_secs(1);

struct Keeping(Arc<Mutex<Vec<Arc<VerificationEvent>>>>);

impl EventHandler for Keeping {
    fn name(&self) -> &str {
        "keeping"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        lock(&self.0).extend_from_slice(batch);
        Ok(())
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        "\\PC{0,40}".prop_map(|text| Value::from(text.as_str())),
        prop::collection::vec(any::<u8>(), 0..70).prop_map(|bytes| Value::from(&bytes[..])),
        any::<i64>().prop_map(|n| Value::List(vec![n.into(), Value::List(vec![])])),
    ]
}

/// An event of any family with some of its fields; some longer than a record takes.
fn any_event() -> impl Strategy<Value = VerificationEvent> {
    let texts = prop::collection::vec(prop::option::of("\\PC{0,50}"), 3);
    let long = prop_oneof![20 => Just(0_usize), 1 => 60_000_usize..70_000];
    let attributes = prop::collection::vec(any_value(), 0..9);
    let numbers = (any::<i64>(), prop::option::of(0_u8..=100), prop::option::of(-1e9..1e9));
    (0..5_usize, texts, long, attributes, numbers, 1..=4_u8, any::<Option<std::net::IpAddr>>()).prop_map(
        |(family, texts, long, values, (time, score, measured), severity, ip)| {
            let [actor, target, reason] = &texts[..] else { unreachable!("three texts") };
            let long = "é".repeat(long);
            let names: Vec<String> = (0..values.len()).map(|at| format!("a{at}")).collect();
            let mut draft: Draft<'_> = match family {
                0 => event::authentication("a").into(),
                1 => event::authorization("b").into(),
                2 => event::configuration("c").into(),
                3 => event::performance("d").into(),
                _ => event::security("e").into(),
            };
            draft.severity = Severity::from_id(severity).expect("1 to 4");
            draft.time = Some(Timestamp::from_nanos(time));
            draft.ip = ip;
            if draft.family == Family::Security {
                draft.numbers[0] = score.map(u64::from);
            }
            if draft.family == Family::Performance {
                draft.measured = measured;
            }
            if let Some(actor) = actor {
                draft.set_actor(actor);
            }
            if let Some(target) = target {
                draft.set_target(target);
            }
            for (name, value) in names.iter().zip(&values) {
                draft.more.push(name.as_str().into(), value.into());
            }
            let reason = if long.is_empty() { reason.as_deref() } else { Some(&long[..]) };
            let draft = draft.with_reason(reason);
            draft.into_event(EventId::new(InstanceId(0), 0, 0), Timestamp::from_nanos(0)).expect("valid")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_published_is_what_handlers_get(
        events in prop::collection::vec(any_event(), 1..60),
        repeats in 1_usize..12,
    ) {
        let bus = VerificationEventBus::builder()
            .capacity(64)
            .redactor(Redactor::none())
            .when_full(WhenFull::Block { timeout: 10 * SECOND })
            .build();
        let kept = Arc::default();
        bus.register_handler(Box::new(Keeping(Arc::clone(&kept))));
        let mut expected = Vec::new();
        for _ in 0..repeats {
            for event in &events {
                let draft = Draft::from(event);
                let receipt = bus.publish(&draft);
                let id = receipt.id().expect("a publisher that waits is not refused");
                expected.push(VerificationEvent { id, ..event.clone() });
            }
        }
        prop_assert!(bus.flush(10 * SECOND));
        let kept = lock(&kept);
        prop_assert_eq!(kept.len(), expected.len());
        for (got, expected) in kept.iter().zip(&expected) {
            prop_assert_eq!(&**got, expected);
        }
        prop_assert!(kept.is_sorted_by_key(|event| event.id.seq()));
    }
}
