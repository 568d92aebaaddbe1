//! `veribus compare`: an old log beside the events of the same service.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use support_collector::Running;

/// Three bridged records (one of them with an action), a typed event, and one of another service.
fn emitted(collector: &Running) {
    let events: [&[&str]; 5] = [
        &["security", "log.record", "log.message=login failed", "severity=medium"],
        &["security", "log.record", "log.message=login failed", "severity=medium"],
        &["security", "orders.denied", "log.message=denied"],
        &["authentication", "login", "outcome=failure", "actor=alice"],
        &["security", "log.record", "log.message=elsewhere", "--service=other"],
    ];
    for words in events {
        let mut args = vec!["emit", "--json", "--service=web"];
        if words.iter().any(|word| word.starts_with("--service")) {
            args.pop();
        }
        args.extend(words);
        assert_eq!(collector.json(&args)["accepted"], json!(1));
    }
}

const LOG: &str = r#"{"level":40,"time":1763722800123,"msg":"login failed"}
{"level":40,"time":1763722800124,"msg":"login failed"}
{"level":50,"time":1763722800125,"action":"orders.denied","msg":"denied"}
{"level":30,"time":1763722800126,"msg":"hello"}
no json
{"level":50,"time":1763722800127,"msg":"only here \u001b[31m"}
"#;

#[test]
fn each_name_is_counted_on_both_sides_and_a_difference_ends_with_1() {
    let temp = tempfile::tempdir().unwrap();
    let collector = Running::start(&temp.path().join("data"));
    emitted(&collector);
    let log = temp.path().join("app.log");
    fs::write(&log, LOG).unwrap();
    let compared = |more: &[&str]| {
        let args = [&["compare", log.to_str().unwrap(), "--service", "web"], more].concat();
        let done = collector.veribus(&args);
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, found) = compared(&["--level", "warn", "--json"]);
    let found: Json = serde_json::from_str(&found).unwrap();
    assert_eq!(code, Some(1));
    assert_eq!(found["names"]["login failed"], json!({"lines": 2, "events": 2}));
    assert_eq!(found["names"]["orders.denied"], json!({"lines": 1, "events": 1}));
    assert_eq!(found["names"]["only here \u{1b}[31m"], json!({"lines": 1, "events": 0}));
    for (name, count) in [
        ("only_in_log", 1),
        ("only_on_bus", 0),
        ("unreadable", 1),
        ("below_level", 1),
        ("lines", 4),
        ("events", 3),
    ] {
        assert_eq!(found[name], json!(count), "{name}: {found}");
    }
    let (_, text) = compared(&["--level", "warn"]);
    assert!(text.contains("only here") && !text.contains('\u{1b}'), "{text}");
    assert!(text.contains("2 names with the same count"), "{text}");

    // The typed event stands for one of the two lines; what the bridge made of them counts no more.
    for (pair, events) in
        [("login failed=login", 1), ("login failed=login:failure", 1), ("login failed=login:success", 0)]
    {
        let (_, found) = compared(&["--pair", pair, "--json"]);
        let found: Json = serde_json::from_str(&found).unwrap();
        assert_eq!(found["names"]["login failed"], json!({"lines": 2, "events": events}), "{pair}");
    }

    // Nothing of that time on either side, which proves nothing.
    let (code, found) = compared(&["--until", "2025-01-01", "--json"]);
    let found: Json = serde_json::from_str(&found).unwrap();
    assert_eq!((code, &found["outside"], &found["lines"]), (Some(1), &json!(5), &json!(0)));
}

#[test]
fn only_what_was_wholly_compared_is_equal() {
    let temp = tempfile::tempdir().unwrap();
    let collector = Running::start(&temp.path().join("data"));
    emitted(&collector);
    let log = temp.path().join("app.log");
    let compared = |more: &str, args: &[&str]| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let equal = ["login failed", "login failed"]
            .map(|msg| format!("{{\"time\":{now},\"msg\":\"{msg}\"}}\n"))
            .concat();
        fs::write(&log, format!("{equal}{{\"time\":{now},\"action\":\"orders.denied\"}}\n{more}")).unwrap();
        let done =
            collector.veribus(&[&["compare", log.to_str().unwrap(), "--service", "web"], args].concat());
        (
            done.status.code(),
            format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)),
        )
    };
    assert_eq!(compared("", &["--since", "1h"]).0, Some(0));
    let (code, text) = compared("no json\n", &[]);
    assert!(code == Some(1) && text.contains("1 of the log not compared: no JSON object"), "{code:?} {text}");
    let old = r#"{"time":1763722800123,"msg":"login failed"}"#;
    let (code, text) = compared(old, &["--since", "1h"]);
    assert!(code == Some(0) && text.contains("1 of the log left out: not of that time"), "{code:?} {text}");
    let (code, text) = compared(r#"{"time":"yesterday","msg":"x"}"#, &["--since", "1h"]);
    assert!(code == Some(1) && text.contains("1 of the log not compared: without a time"), "{code:?} {text}");
    let (code, text) = compared("", &["--until", "2025-01-01"]);
    assert!(code == Some(1) && text.contains("nothing was compared"), "{code:?} {text}");
}

#[test]
fn a_log_or_pair_that_cannot_be_used_ends_with_2() {
    let temp = tempfile::tempdir().unwrap();
    let collector = Running::start(&temp.path().join("data"));
    let ended = |args: &[&str]| collector.veribus(args).status.code();
    assert_eq!(ended(&["compare", "missing.log"]), Some(2));
    assert_eq!(ended(&["compare", "-", "--pair", "login"]), Some(2));
    assert_eq!(ended(&["compare", "-", "--pair", "a=login", "--pair", "b=login"]), Some(2));
    assert_eq!(ended(&["compare", "-", "--data", "missing"]), Some(2));
    assert_eq!(ended(&["compare", "-"]), Some(1), "nothing was compared");
}
