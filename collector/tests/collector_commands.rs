//! What the commands answer, beside a running collector and without one.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use support_collector::{Running, VERIBUS, veribus};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn start() -> (tempfile::TempDir, Running) {
    let temp = tempfile::tempdir().unwrap();
    let running = Running::start(&temp.path().join("data"));
    (temp, running)
}

fn actions(found: &Json) -> Vec<&str> {
    found["events"].as_array().unwrap().iter().map(|e| e["event"]["action"].as_str().unwrap()).collect()
}

/// Three events of two services, two of them in one trace.
fn emit_three(collector: &Running) {
    let trace = |span: u8| format!("trace=00-{TRACE}-00f067aa0ba902b{span}-01");
    for words in [
        &[
            "authentication",
            "login",
            "outcome=failure",
            "actor=root",
            "source_ip=203.0.113.9",
            "time=2026-11-21T10:00:00Z",
            &trace(7),
        ][..],
        &[
            "authorization",
            "order.read",
            "outcome=success",
            "permission=orders:read",
            "time=2026-11-21T10:00:01Z",
            "--service=orders",
            &trace(8),
        ],
        &[
            "security",
            "anomaly",
            "severity=high",
            "score=80",
            "note=odd\u{1b}[31m",
            "time=2026-11-21T10:00:02Z",
        ],
    ] {
        let mut args = vec!["emit", "--json"];
        args.extend(words);
        let receipt = collector.json(&args);
        assert_eq!((&receipt["accepted"], &receipt["rejected"]), (&json!(1), &json!([])), "{receipt}");
        assert_eq!(receipt["ids"][0].as_str().unwrap().len(), 32);
    }
}

#[test]
fn search_finds_by_field_by_word_and_by_time() {
    let (_temp, collector) = start();
    emit_three(&collector);
    let search = |words: &[&str]| collector.json(&[&["search", "--json"], words].concat());
    assert_eq!(actions(&search(&[])), ["anomaly", "order.read", "login"], "newest first");
    assert_eq!(
        actions(&search(&["kind:authentication", "outcome:failure", "actor:root", "ip:203.0.113.9"])),
        ["login"]
    );
    assert_eq!(actions(&search(&["severity>=high"])), ["anomaly"]);
    assert_eq!(actions(&search(&["service:orders"])), ["order.read"]);
    assert_eq!(actions(&search(&["\"orders:READ\""])), ["order.read"]);
    assert_eq!(actions(&search(&["--", "-kind:security", "action:log*"])), ["login"]);
    assert_eq!(
        actions(&search(&["--since=2026-11-21T10:00:01Z", "--until=2026-11-21T10:00:02Z"])),
        ["order.read"]
    );
    let one = search(&["--limit=1"]);
    assert_eq!((actions(&one), &one["truncated"]), (vec!["anomaly"], &json!(true)));
    assert_eq!(search(&["--count"])["count"], 3);
    let lines = collector.veribus(&["search", "--jsonl"]).stdout;
    assert_eq!(
        String::from_utf8(lines).unwrap().lines().filter(|l| serde_json::from_str::<Json>(l).is_ok()).count(),
        3
    );
    let shown = String::from_utf8(collector.veribus(&["search"]).stdout).unwrap();
    assert!(shown.contains("actor=root ip=203.0.113.9") && !shown.contains('\u{1b}'), "{shown}");
    let bad = collector.veribus(&["search", "colour:red"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("no field `colour`"));
}

#[test]
fn a_trace_is_shown_across_services_in_the_order_of_time() {
    let (_temp, collector) = start();
    emit_three(&collector);
    let trace = collector.json(&["trace", TRACE, "--json"]);
    assert_eq!(actions(&trace), ["login", "order.read"]);
    assert_eq!(
        (&trace["services"], &trace["span_ns"]),
        (&json!(["veribus-cli", "orders"]), &json!(1_000_000_000))
    );
    let shown = String::from_utf8(collector.veribus(&["trace", TRACE]).stdout).unwrap();
    assert!(shown.contains("2 events, 2 services, 1 failed"), "{shown}");
    assert!(shown.contains("+1000.000 ms orders      ✓ order.read permission=orders:read"), "{shown}");
    let unknown = "1".repeat(32);
    for nothing in [&["trace", &unknown][..], &["search", "actor:nobody"], &["alerts", "list"]] {
        let answer = collector.veribus(nothing);
        assert_eq!((answer.status.code(), answer.stdout.as_slice()), (Some(0), &b""[..]), "{nothing:?}");
        assert!(!answer.stderr.is_empty(), "a person is told that nothing was found");
    }
    assert_eq!(collector.json(&["trace", &unknown, "--json"])["events"], json!([]));
    assert_eq!(collector.veribus(&["trace", "12"]).status.code(), Some(2));
}

#[test]
fn an_attack_becomes_one_alert_that_survives_a_restart_and_grows() {
    let (_temp, collector) = start();
    let attempts = |collector: &Running, from: u32, to: u32| {
        let lines: String = (from..to)
            .map(|n| format!(
                "{{\"time\":\"2026-11-21T10:00:{n:02}Z\",\"kind\":\"authentication\",\"action\":\"login\",\"outcome\":\"failure\",\"actor\":{{\"name\":\"root\",\"ip\":\"203.0.113.9\"}}}}\n"
            ))
            .collect();
        let (status, _) = collector.post("application/x-ndjson", lines.as_bytes());
        assert_eq!(status, 200);
    };
    attempts(&collector, 0, 4);
    assert_eq!(collector.json(&["alerts", "list", "--json"])["alerts"], json!([]), "four are not enough");
    // The restart keeps the window in which the fifth is counted.
    let data = collector.data.clone();
    collector.kill();
    let collector = Running::start(&data);
    attempts(&collector, 4, 12);
    let alerts = collector.json(&["alerts", "list", "--json"]);
    let alerts = alerts["alerts"].as_array().unwrap();
    let of_rule: Vec<&Json> = alerts.iter().filter(|alert| alert["rule"] == "brute-force").collect();
    assert_eq!(of_rule.len(), 1, "{alerts:#?}");
    assert_eq!(of_rule[0]["entity"]["value"], "203.0.113.9");
    assert_eq!(of_rule[0]["events"], 12);
    assert!(!of_rule[0]["contributions"].as_array().unwrap().is_empty());
    let shown = String::from_utf8(collector.veribus(&["alerts", "list"]).stdout).unwrap();
    assert!(shown.contains("ip:203.0.113.9") && shown.contains("12 events"), "{shown}");
    assert_eq!(collector.json(&["alerts", "list", "--min-risk=100", "--json"])["alerts"], json!([]));
}

#[test]
fn prune_counts_first_and_keeps_the_proof() {
    let (_temp, collector) = start();
    let old =
        &["emit", "security", "old", "time=2020-01-01T00:00:00Z", "id=000000000000000700010000000000aa"];
    assert_eq!(collector.json(&[&["--json"], &old[..]].concat())["accepted"], 1);
    collector.json(&["emit", "security", "new", "--json"]);
    // The trail must have the line before the event may go.
    for _ in 0..100 {
        if collector.json(&["prune", "--events", "--days=30", "--dry-run", "--json"])["rows"] == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let counted = collector.json(&["prune", "--events", "--days=30", "--dry-run", "--json"]);
    assert_eq!((&counted["rows"], &counted["dry_run"]), (&json!(1), &json!(true)));
    assert_eq!(collector.json(&["search", "action:old", "--count", "--json"])["count"], 1, "only counted");
    assert_eq!(collector.json(&["prune", "--events", "--days=30", "--json"])["rows"], 1);
    assert_eq!(collector.json(&["search", "action:old", "--count", "--json"])["count"], 0);
    assert_eq!(collector.json(&["search", "action:new", "--count", "--json"])["count"], 1);
    assert_eq!(
        collector.json(&["search", "action:collector.prune", "--count", "--json"])["count"],
        1,
        "said so"
    );
    assert_eq!(collector.json(&[&["--json"], &old[..]].concat())["duplicates"], 1, "still known");
    assert_eq!(collector.veribus(&["prune", "--days=30"]).status.code(), Some(2), "of what?");

    let (data, elsewhere) = (collector.data.clone(), None);
    let busy = veribus(&data, elsewhere, &["prune", "--alerts", "--days=1"]);
    assert_eq!(busy.status.code(), Some(2), "the folder is held by a collector that does not answer there");
    assert_eq!(collector.stop(), Some(0));
    let alone = veribus(&data, elsewhere, &["prune", "--alerts", "--days=1", "--json"]);
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("no collector runs"));
    let said = veribus(&data, elsewhere, &["search", "action:collector.prune", "--count"]);
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "2", "said so too");
}

#[test]
fn tail_shows_events_as_they_are_committed() {
    let (_temp, collector) = start();
    let mut tail = Command::new(VERIBUS)
        .args(["tail", "--json", "--count=2", "--data"])
        .arg(&collector.data)
        .env("VERIBUS_URL", format!("http://{}", collector.address))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    // It may not listen yet: go on until it has seen its two.
    while tail.try_wait().unwrap().is_none() {
        collector.json(&["emit", "authentication", "login", "actor=alice", "--json"]);
    }
    let seen: Vec<Json> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0]["event"]["actor"]["name"], "alice");
    assert_eq!(seen[1]["ingest"].as_i64().unwrap(), seen[0]["ingest"].as_i64().unwrap() + 1);
}

#[test]
fn emit_sends_a_file_of_json_lines_once() {
    let (_temp, collector) = start();
    let lines: String = (1..=2_500)
        .map(|n| format!("{{\"id\":\"{:032x}\",\"time\":\"2026-11-21T10:00:00Z\",\"kind\":\"performance\",\"action\":\"jwt\"}}\n", (7_u128 << 64) | n))
        .collect();
    let send = || {
        let mut emit = Command::new(VERIBUS)
            .args(["emit", "--from-json", "-", "--json", "--data"])
            .arg(&collector.data)
            .env("VERIBUS_URL", format!("http://{}", collector.address))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        emit.stdin.take().unwrap().write_all(format!("{lines}broken\n").as_bytes()).unwrap();
        let output = emit.wait_with_output().unwrap();
        (output.status.code(), serde_json::from_slice::<Json>(&output.stdout).unwrap())
    };
    let (exit, first) = send();
    assert_eq!((exit, &first["accepted"], &first["duplicates"]), (Some(1), &json!(2_500), &json!(0)));
    assert_eq!(first["rejected"][0]["index"], 2_500, "the broken line is named");
    let (_, second) = send();
    assert_eq!((&second["accepted"], &second["duplicates"]), (&json!(0), &json!(2_500)));
}

#[test]
fn the_doctor_finds_a_healthy_collector_healthy_and_a_bad_mode_bad() {
    use std::os::unix::fs::PermissionsExt;
    let (_temp, collector) = start();
    collector.json(&["emit", "authentication", "login", "--json"]);
    let trail = collector.json(&["audit", "verify", "--json", collector.data.to_str().unwrap()]);
    assert_eq!(trail["verified"], true, "the data folder leads to its trail: {trail:#}");
    let report = collector.json(&["doctor", "--json"]);
    assert_eq!(report["healthy"], true, "{report:#}");
    let verdicts: Vec<&Json> =
        report["checks"].as_array().unwrap().iter().map(|check| &check["verdict"]).collect();
    assert!(verdicts.len() >= 8 && verdicts.iter().all(|verdict| **verdict == "ok"), "{report:#}");
    let database = collector.data.join("events.db");
    std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(collector.veribus(&["doctor"]).status.code(), Some(1));
}

#[test]
fn metrics_are_prometheus_text_and_balance() {
    let (_temp, collector) = start();
    emit_three(&collector);
    let (status, text) = collector.get("/metrics");
    assert_eq!(status, 200);
    assert!(
        text.ends_with('\n') && text.contains("veribus_collector_events_total{result=\"accepted\"} 3"),
        "{text}"
    );
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("veribus_") && value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn without_a_collector_the_commands_say_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let search = veribus(&data, None, &["search"]);
    assert_eq!(search.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&search.stderr).contains("veribus collector"), "{search:?}");
    for args in [&["emit", "security", "x"][..], &["tail"], &["prune", "--alerts", "--days=1"]] {
        let answer = veribus(&data, None, args);
        let told = String::from_utf8_lossy(&answer.stderr);
        assert_eq!(answer.status.code(), Some(2), "{args:?}");
        assert!(
            told.contains("no data folder") && told.contains("start one with `veribus collector"),
            "{told}"
        );
    }
    for (args, word) in
        [(&["emit", "a", "b"][..], "`a` is not a kind"), (&["emit", "--from-json", "/no"], "`/no`")]
    {
        let answer = veribus(&data, None, args);
        let told = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.code() == Some(2) && told.contains(word), "arguments come first: {told}");
    }
    assert_eq!(Running::start(&data).stop(), Some(0));
    let emit = veribus(&data, None, &["emit", "authentication", "login"]);
    assert_eq!(emit.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&emit.stderr).contains("start one with `veribus collector`"), "{emit:?}");
}

#[test]
fn an_option_behind_the_dashes_is_refused_instead_of_looked_for() {
    let (_temp, collector) = start();
    let answer = collector.veribus(&["search", "--", "-actor:root", "--limit"]);
    assert_eq!(answer.status.code(), Some(2));
    let told = String::from_utf8_lossy(&answer.stderr);
    assert!(told.contains("`--limit` stands behind the `--`"), "{told}");
    assert!(collector.veribus(&["search", "--", "-actor:root"]).status.success());
}

#[test]
fn the_doctor_does_not_call_a_collector_that_turns_it_away_healthy() {
    let (temp, collector) = start();
    let token = temp.path().join("other-token");
    let report = |token: &std::path::Path| {
        let answer = collector.veribus(&["doctor", "--json", "--token-file", token.to_str().unwrap()]);
        let report: Json = serde_json::from_slice(&answer.stdout).unwrap();
        assert_eq!((answer.status.code(), &report["healthy"]), (Some(1), &json!(false)), "{report:#}");
        report["checks"].as_array().unwrap().last().unwrap()["detail"].as_str().unwrap().to_owned()
    };
    let missing = report(&token);
    assert!(missing.contains("other-token") && missing.contains("No such file"), "says why: {missing}");

    std::fs::write(&token, format!("vbt_{}\n", "0".repeat(64))).unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(report(&token).contains("401 AUTH_INVALID"));
}
