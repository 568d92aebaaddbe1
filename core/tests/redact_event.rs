//! No planted secret survives in an event, wherever it is planted; nothing else changes.

use proptest::prelude::*;
use veribus_core::event::limits;
use veribus_core::{
    Attributes, Configuration, EventId, EventKind, InstanceId, Redactor, Text, Timestamp, Value,
    VerificationEvent, event,
};

fn id() -> EventId {
    EventId::new(InstanceId(1), 1, 1)
}

fn bare(family: veribus_core::Family) -> VerificationEvent {
    VerificationEvent::bare(id(), Timestamp::from_nanos(0), EventKind::empty(family), "t")
        .expect("a good name")
}

fn attributes(json: &[(&str, Value)]) -> Attributes {
    json.iter().cloned().collect()
}

#[test]
fn every_text_of_an_event_is_looked_at() {
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let draft = event::authentication("login")
        .actor(secret)
        .source_host(secret)
        .target(secret)
        .target_kind(secret)
        .reason(secret)
        .method(secret)
        .credential(secret)
        .attribute("a", secret);
    let mut event = draft.into_event(id(), Timestamp::from_nanos(0)).unwrap();
    event.extra.insert(secret, secret);
    assert_eq!(Redactor::standard().redact(&mut event), 10);
    assert!(!format!("{event:?}").contains("16C7"));
    assert_eq!(Redactor::standard().redact(&mut event), 0);
}

#[test]
fn a_secret_name_costs_any_value_but_a_boolean_or_nothing() {
    let mut event = bare(veribus_core::Family::Security);
    event.attributes = attributes(&[
        ("pin", 1234_i64.into()),
        ("token", 1.5.into()),
        ("password", true.into()),
        ("passwd", "".into()),
        ("secret", Value::Bytes(vec![1, 255])),
        ("cookies", Value::List(vec!["a".into()])),
        ("credentials", attributes(&[("user", "u".into())]).into()),
        (
            "headers",
            Value::List(vec![
                attributes(&[("Name", "x".into()), ("name", "Cookie".into()), ("value", "v".into())]).into(),
            ]),
        ),
        ("user", attributes(&[("api_key", "k".into()), ("id", 7_i64.into())]).into()),
        ("account", 4_111_111_111_111_111_i64.into()),
        ("time_ms", 1_700_000_000_007_i64.into()),
    ]);
    assert_eq!(Redactor::standard().redact(&mut event), 8);
    let mask = || Value::from("***");
    let expected = attributes(&[
        ("pin", mask()),
        ("token", mask()),
        ("password", true.into()),
        ("passwd", "".into()),
        ("secret", mask()),
        ("cookies", mask()),
        ("credentials", mask()),
        (
            "headers",
            Value::List(vec![
                attributes(&[("Name", "x".into()), ("name", "Cookie".into()), ("value", mask())]).into(),
            ]),
        ),
        ("user", attributes(&[("api_key", mask()), ("id", 7_i64.into())]).into()),
        ("account", mask()),
        ("time_ms", 1_700_000_000_007_i64.into()),
    ]);
    assert_eq!(event.attributes, expected);
}

#[test]
fn the_values_of_a_secret_setting_are_replaced() {
    let draft =
        event::configuration("changed").setting("smtp.password").old_value("a").new_value("correct horse");
    let mut event = draft.into_event(id(), Timestamp::from_nanos(0)).unwrap();
    assert_eq!(Redactor::standard().redact(&mut event), 2);
    let EventKind::Configuration(Configuration { old_value, new_value, .. }) = &event.kind else { panic!() };
    assert_eq!((old_value.as_deref(), new_value.as_deref()), (Some("***"), Some("***")));
}

#[test]
fn bytes_are_looked_at_also_where_they_are_no_text() {
    let mut event = bare(veribus_core::Family::Security);
    let bytes = |tail: &[u8]| Value::Bytes([b"\xff\xfe password=".as_slice(), tail].concat());
    event.attributes = attributes(&[("raw", bytes(b"hunter2 \xff"))]);
    assert_eq!(Redactor::standard().redact(&mut event), 1);
    assert_eq!(event.attributes.get("raw"), Some(&bytes(b"*** \xff")));
}

#[test]
fn names_that_become_equal_stay_apart() {
    let mut event = bare(veribus_core::Family::Security);
    let long = "x".repeat(limits::NAME_BYTES_MAX - 16 - 1);
    let names = ["4111111111111111", "5500000000000004", "ok"].map(|n| format!("{long} {n}"));
    event.attributes = names.iter().map(|n| (n.as_str(), true)).collect();
    assert_eq!(Redactor::standard().redact(&mut event), 2);
    let after: Vec<&str> = event.attributes.iter().map(|(name, _)| name).collect();
    assert_eq!(after, [format!("{long} ***"), format!("{long} ***2"), format!("{long} ok")]);
    assert_eq!(event.check(), Ok(()));
}

#[test]
fn what_is_nested_too_deep_to_look_at_is_replaced() {
    let mut event = bare(veribus_core::Family::Security);
    let deep = (0..100).fold(Value::from("plain"), |value, _| Value::List(vec![value]));
    event.extra.insert("deep", deep);
    assert_eq!(Redactor::standard().redact(&mut event), 1);
    assert!(!format!("{:?}", event.extra).contains("plain"));
}

/// Secrets with a needle in them that must not survive, and a text to plant them in.
fn canary() -> impl Strategy<Value = (String, String)> {
    let needle = "[A-Za-z0-9]{20}Q7[a-z]{6}";
    (needle, 0..10_usize).prop_map(|(needle, form)| {
        let planted = match form {
            0 => format!("eyJhbGciOiJIUzI1NiJ9.{needle}.{needle}"),
            1 => format!("Bearer {needle}"),
            2 => format!("https://user:{needle}@host"),
            3 => format!("-----BEGIN PRIVATE KEY-----\n{needle}\n-----END PRIVATE KEY-----"),
            4 => format!("ghp_{needle}"),
            5 => format!("vbt_{needle}"),
            6 => format!("sk_live_{needle}"),
            7 => format!("\"password\": \"{needle}\""),
            8 => format!("xoxb-{needle}"),
            _ => format!("api_key={needle}"),
        };
        (planted, needle)
    })
}

fn surroundings() -> impl Strategy<Value = (String, String)> {
    // Any text that ends in something that cannot be a part of the secret's name or form, and any text behind.
    ("[a-z0-9 _.,;:=/{}\"'\\\\@é日-]{0,40}", "[ \n,;)]", "[a-z0-9 _.,;:=/{}\"'\\\\@é日-]{0,40}").prop_map(
        |(before, separator, behind)| (format!("{before}{separator}"), format!("{separator}{behind}")),
    )
}

fn nested(leaf: String) -> impl Strategy<Value = Value> {
    proptest::collection::vec(0..3_u8, 0..20).prop_map(move |wraps| {
        wraps.into_iter().fold(Value::from(leaf.as_str()), |value, wrap| match wrap {
            0 => Value::List(vec![1_i64.into(), value]),
            1 => attributes(&[("n", value), ("other", "plain".into())]).into(),
            _ => match value {
                Value::String(text) => Value::Bytes(text.as_bytes().to_vec()),
                value => attributes(&[("k", value)]).into(),
            },
        })
    })
}

fn text_of(event: &VerificationEvent) -> String {
    fn show(value: &Value, out: &mut String) {
        match value {
            Value::String(text) => out.push_str(text),
            Value::Bytes(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
            Value::List(values) => values.iter().for_each(|value| show(value, out)),
            Value::Map(map) => map.iter().for_each(|(name, value)| {
                out.push_str(name);
                show(value, out);
            }),
            _ => {}
        }
    }
    let mut out = format!("{:?} {:?} {:?} {:?}", event.reason, event.actor, event.target, event.kind);
    [&event.attributes, &event.extra].into_iter().for_each(|map| show(&map.clone().into(), &mut out));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_canary_survives_and_the_second_time_nothing_changes(
        ((planted, needle), (before, behind)) in (canary(), surroundings()),
        place in 0..6_usize,
        value in nested(String::new()),
    ) {
        let text = format!("{before}{planted}{behind}");
        let mut event = bare(veribus_core::Family::Configuration);
        match place {
            0 => event.reason = Some(text.as_str().into()),
            1 => event.target = event::security("t").target(&text).into_event(id(), Timestamp::from_nanos(0)).unwrap().target,
            2 => {
                let EventKind::Configuration(payload) = &mut event.kind else { panic!() };
                payload.new_value = Some(text.as_str().into());
            }
            3 => drop(event.extra.insert(text.as_str(), 1_i64)),
            4 => drop(event.attributes.insert("x", plant(value, &text))),
            _ => drop(event.extra.insert("x", plant(value, &text))),
        }
        prop_assert!(text_of(&event).contains(&needle));
        let redactor = Redactor::standard();
        prop_assert!(redactor.redact(&mut event) >= 1);
        prop_assert!(!text_of(&event).contains(&needle), "{}", text_of(&event));
        let once = event.clone();
        prop_assert_eq!(redactor.redact(&mut event), 0);
        prop_assert_eq!(event, once);
    }

    #[test]
    fn masking_is_idempotent_and_never_longer(text in "[a-zA-Z0-9 _.,;:=/{}\\[\\]\"'\\\\@é日*-]{0,120}|(token=|eyJ|Bearer |password|: |\"|4111|1111|-----BEGIN PRIVATE KEY-----|://|a:|@|\\*\\*\\*|,|;| |sk-|ghp_){0,30}") {
        let redactor = Redactor::standard();
        let once = redactor.redact_text(&text).into_owned();
        prop_assert!(once.len() <= text.len());
        prop_assert_eq!(redactor.redact_text(&once).into_owned(), once);
    }

    #[test]
    fn the_shape_and_all_that_is_plain_stay(names in proptest::collection::btree_set("[a-h]{1,8}", 0..8), words in proptest::collection::vec("[a-z]{0,12}", 8), number in -1_000_000_i64..1_000_000) {
        let mut event = bare(veribus_core::Family::Security);
        event.reason = Some(Text::from(words.join(" ").as_str()));
        for (name, word) in names.iter().zip(&words) {
            event.attributes.insert(name.as_str(), Value::List(vec![word.as_str().into(), number.into(), true.into()]));
        }
        let before = event.clone();
        prop_assert_eq!(Redactor::standard().redact(&mut event), 0);
        prop_assert_eq!(event, before);
    }
}

/// Puts `text` where the empty text stands in `value`.
fn plant(value: Value, text: &str) -> Value {
    match value {
        Value::String(empty) if empty.is_empty() => text.into(),
        Value::Bytes(empty) if empty.is_empty() => Value::Bytes(text.as_bytes().to_vec()),
        Value::List(values) => Value::List(values.into_iter().map(|value| plant(value, text)).collect()),
        Value::Map(map) => {
            Value::Map(map.iter().map(|(name, value)| (name, plant(value.clone(), text))).collect())
        }
        other => other,
    }
}
