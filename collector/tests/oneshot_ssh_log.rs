//! A real log under attack: everything that was counted by hand is found, each attacker is one alert, and a log
//! repeated many times costs time but no memory.

#![allow(clippy::unwrap_used)]

mod oneshot_support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use oneshot_support::{command, oneshot, ssh_log, veribus, veribus_fed};
use serde_json::Value;

/// Source and second of the day of every attempt, read from the raw lines with repeats written out, by nothing
/// that veribus uses.
fn attempts(log: &str) -> BTreeMap<String, Vec<u32>> {
    let mut by_source: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("Failed password for ")) {
        let times = match line.split_once("message repeated ") {
            Some((_, rest)) => rest.split(' ').next().unwrap().parse().unwrap(),
            None => 1,
        };
        let clock: Vec<u32> =
            line.split_whitespace().nth(2).unwrap().split(':').map(|n| n.parse().unwrap()).collect();
        let source = line.rsplit_once(" from ").unwrap().1.split(' ').next().unwrap();
        let seconds = clock[0] * 3600 + clock[1] * 60 + clock[2];
        by_source.entry(source.to_owned()).or_default().extend(vec![seconds; times]);
    }
    by_source
}

/// Sources with five attempts or more within ten minutes.
fn attackers(attempts: &BTreeMap<String, Vec<u32>>) -> BTreeSet<String> {
    let attacks = |times: &&Vec<u32>| times.windows(5).any(|five| five[4] - five[0] < 600);
    attempts.iter().filter(|(_, times)| attacks(times)).map(|(source, _)| source.clone()).collect()
}

fn brute_force_alerts(report: &Value) -> Vec<&Value> {
    report["alerts"].as_array().unwrap().iter().filter(|alert| alert["rule"] == "brute-force").collect()
}

fn sources_of(alerts: &[&Value]) -> BTreeSet<String> {
    alerts.iter().map(|alert| alert["entity"]["value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_count_of_the_folders_readme_is_found() {
    let Some(log) = ssh_log() else { return };
    let temp = tempfile::tempdir().unwrap();
    let trail = temp.path().to_str().unwrap();
    let run = veribus(&["oneshot", "--exit", "--json", "--audit", trail, log.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report = run.json();
    let file = &report["files"][0];
    assert_eq!((file["lines"].as_u64(), file["unparsed"].as_u64()), (Some(2000), Some(0)), "{file}");
    assert_eq!(file["format"], "openssh");
    assert_eq!(file["events"], report["events_total"]);
    let sum = |counts: &Value| counts.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(Some(sum(&report["events_by_kind"])), report["events_total"].as_u64());
    assert_eq!(Some(sum(&report["events_by_outcome"])), report["events_total"].as_u64());
    assert_eq!(report["events_by_outcome"]["success"], 1);

    let expected = attempts(&fs::read_to_string(&log).unwrap());
    assert_eq!((expected.values().map(Vec::len).sum::<usize>(), expected.len()), (528, 23));
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(temp.path().join("audit.log")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let event = &line["ev"];
        if event["action"] == "login" && event["outcome"] == "failure" && event["method"] == "password" {
            let actor = &event["actor"];
            let source = actor["ip"].as_str().or(actor["host"].as_str()).unwrap();
            *found.entry(source.to_owned()).or_default() += 1;
        }
    }
    let expected: BTreeMap<String, usize> = expected.into_iter().map(|(s, times)| (s, times.len())).collect();
    assert_eq!(found, expected);

    let successes = report["successes"].as_array().unwrap();
    assert_eq!(successes.len(), 1);
    assert_eq!((&successes[0]["actor"], &successes[0]["source"]), (&"fztu".into(), &"119.137.62.142".into()));
    assert_eq!(report["audit"]["verified"], true);
    assert_eq!(report["losses"]["total"], 0);
}

#[test]
fn each_real_attacker_is_one_alert_ranked_with_its_reasons() {
    let Some(log) = ssh_log() else { return };
    let report = oneshot(&[&log]).json();
    let alerts = brute_force_alerts(&report);
    let text = fs::read_to_string(&log).unwrap();
    assert_eq!(sources_of(&alerts), attackers(&attempts(&text)));
    assert_eq!(alerts.len(), attackers(&attempts(&text)).len(), "one alert each");
    let risks: Vec<u64> =
        report["alerts"].as_array().unwrap().iter().map(|a| a["risk"].as_u64().unwrap()).collect();
    assert!(risks.is_sorted_by(|a, b| a >= b), "{risks:?}");
    assert_eq!(alerts[0]["entity"]["value"], "183.62.140.253");
    assert_eq!(alerts[0]["events"], 286);
    for alert in alerts {
        let points = alert["contributions"].as_array().unwrap().iter().map(|c| c["points"].as_u64().unwrap());
        assert_eq!(points.sum::<u64>().min(100), alert["risk"].as_u64().unwrap(), "{alert}");
        for field in ["title", "band", "first_seen", "last_seen"] {
            assert!(!alert[field].as_str().unwrap().is_empty(), "{field}: {alert}");
        }
    }
    let indicators = report["indicators"].as_array().unwrap();
    let worst = indicators.iter().find(|i| i["value"] == "183.62.140.253").unwrap();
    assert!(worst["count"].as_u64().unwrap() >= 286 && worst["last_score"].as_u64().unwrap() > 0, "{worst}");
}

#[test]
fn people_see_the_success_the_reasons_and_the_trail() {
    let Some(log) = ssh_log() else { return };
    let run = veribus(&["oneshot", log.to_str().unwrap()]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for part in
        ["1 file, 2,000 lines (openssh 2,000)", "fztu from 119.137.62.142", "286 events in", "verified"]
    {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
}

#[test]
fn a_pipe_and_a_folder_say_the_same_as_the_file() {
    let Some(log) = ssh_log() else { return };
    let text = fs::read(&log).unwrap();
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join("deep")).unwrap();
    fs::write(temp.path().join("deep/auth.log"), &text).unwrap();
    // Without a year in its stamps a log takes that of its file; a pipe has none.
    let fed = veribus_fed(&["oneshot", "--exit", "--json", "--year", "2025", "-"], &text).json();
    let folder = temp.path().to_str().unwrap();
    let found = veribus(&["oneshot", "--exit", "--json", "--year", "2025", folder]).json();
    let named = veribus(&["oneshot", "--exit", "--json", "--year", "2025", log.to_str().unwrap()]).json();
    for field in ["alerts", "events_total", "events_by_kind", "indicators", "successes"] {
        assert_eq!(fed[field], named[field], "{field}");
        assert_eq!(found[field], named[field], "{field}");
    }
    assert_eq!((&fed["files"][0]["path"], &fed["files"][0]["lines"]), (&"-".into(), &2000.into()));
    assert!(named["alerts"][0]["first_seen"].as_str().unwrap().starts_with("2025-12-10T"));
}

/// The log so many times, joined by newlines since it does not end with one.
fn repeated(log: &Path, times: usize, into: &Path) {
    let text = fs::read(log).unwrap();
    fs::write(into, vec![text; times].join(&b'\n')).unwrap();
}

#[test]
fn a_log_repeated_grows_its_alerts_but_neither_their_number_nor_the_memory() {
    let Some(log) = ssh_log() else { return };
    let temp = tempfile::tempdir().unwrap();
    let (few, many) = (temp.path().join("few.log"), temp.path().join("many.log"));
    repeated(&log, 10, &few);
    repeated(&log, 100, &many);
    let (report, little) = with_peak_memory(&few);
    let (once, _) = with_peak_memory(&log);
    assert_eq!(report["lines_total"], 20_000);
    let (alerts, alerts_once) = (brute_force_alerts(&report), brute_force_alerts(&once));
    assert_eq!(sources_of(&alerts), sources_of(&alerts_once));
    assert_eq!(alerts.len(), alerts_once.len());
    assert_eq!(alerts[0]["events"].as_u64(), alerts_once[0]["events"].as_u64().map(|n| n * 10));

    let (report, much) = with_peak_memory(&many);
    assert_eq!(
        (report["lines_total"].as_u64(), report["losses"]["total"].as_u64()),
        (Some(200_000), Some(0))
    );
    assert!(much < little + 16 * 1024, "{little} KiB for 20,000 lines, {much} KiB for 200,000");
}

/// The report, and the most memory the process ever had, in KiB.
fn with_peak_memory(log: &Path) -> (Value, u64) {
    let mut child = command(&["oneshot", "--exit", "--json", log.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || serde_json::from_reader(out).unwrap());
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let said = fs::read_to_string(&status).unwrap_or_default();
        let line = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok());
        peak = kib.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(1));
    }
    (reader.join().unwrap(), peak)
}
