//! The table, the goals, and both for programs.

use std::fs;

use serde_json::{Value, json};

use crate::run::Row;

/// The client library alone.
pub(crate) const RAW: &str = "raw client";
/// Our transport, given parcels that were made before.
pub(crate) const TRANSPORT: &str = "transport";
/// A forwarder that keeps events in memory.
pub(crate) const FORWARDER: &str = "forwarder";
/// A forwarder that keeps them on disk.
pub(crate) const SPOOL: &str = "forwarder, spool";
/// The client library, one event in each message.
pub(crate) const SINGLES: &str = "raw client, one event a message";

/// Where nothing is sent.
pub(crate) const DISK: &str = "disk";
/// Threads that wait until the spool has synced their event.
pub(crate) const WAITERS: &str = "publish_confirmed, 64 waiters";

/// What the forwarder alone is to move, events a second.
const GOAL: f64 = 1_000_000.0;
/// Part of the raw client's events a second.
const GOAL_RATIO: f64 = 0.5;
/// Times as many as one event a message, through JetStream.
const GOAL_SINGLES: f64 = 8.0;
/// Confirmed events a second, of 64 threads that wait.
const GOAL_WAITERS: f64 = 40_000.0;

/// The processor, its cores, and what else ran as this began.
pub(crate) fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = model.unwrap_or("unknown processor");
    format!("{model}, {cores} cores for client and broker, load before {}", load.join(" "))
}

/// What was measured where, and the heads of the columns.
pub(crate) fn head(machine: &str, events: u64, rounds: usize) -> String {
    format!(
        "{machine}; {events} events a run, median of {rounds} runs;\n\
         CPU is this process's alone for one event, without the broker's; the HTTP end is part of this process\n\
         {:<6}{:<6}{:<32}{:>12}{:>9}{:>8}{:>8}{:>8}{:>9}{:>9}{:>7}",
        "way",
        "body",
        "what",
        "events/s",
        "MiB/s",
        "of raw",
        "CPU ns",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "lost"
    )
}

fn find<'a>(rows: &'a [Row], way: &str, bodies: &str, what: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.way == way && row.bodies == bodies && row.what == what)
}

pub(crate) fn of_raw(row: &Row, rows: &[Row]) -> f64 {
    let raw = find(rows, row.way, row.bodies, RAW);
    raw.map_or(1.0, |raw| row.events_per_second / raw.events_per_second)
}

/// A row of the table.
pub(crate) fn line(row: &Row, before: &[Row]) -> String {
    let [p50, p99, p999] = row.millis;
    format!(
        "{:<6}{:<6}{:<32}{:>12.0}{:>9.0}{:>8.2}{:>8.0}{p50:>8.1}{p99:>9.1}{p999:>9.1}{:>7}",
        row.way,
        row.bodies,
        row.what,
        row.events_per_second,
        row.mib_per_second,
        of_raw(row, before),
        row.cpu_nanos,
        row.lost
    )
}

/// What was to be reached, and whether it was: name, figure, goal.
fn judged(rows: &[Row]) -> Vec<(String, f64, f64)> {
    let mut judged = Vec::new();
    for row in rows.iter().filter(|row| row.what == FORWARDER) {
        let name = format!("{} {}: forwarder", row.way, row.bodies);
        if row.way != "http" {
            judged.push((format!("{name}, events/s"), row.events_per_second, GOAL));
        }
        if row.bodies == "plain" && row.way != "http" {
            judged.push((format!("{name}, of the raw client"), of_raw(row, rows), GOAL_RATIO));
        }
        if let Some(singles) = find(rows, row.way, "plain", SINGLES).filter(|_| row.way == "nats") {
            let times = row.events_per_second / singles.events_per_second;
            judged.push((format!("{name}, times one event a message"), times, GOAL_SINGLES));
        }
    }
    if let Some(row) = find(rows, DISK, "plain", WAITERS) {
        judged.push((WAITERS.to_owned(), row.events_per_second, GOAL_WAITERS));
    }
    judged
}

/// The goals in words.
pub(crate) fn goals(rows: &[Row]) -> String {
    let mut text = "goals".to_owned();
    for (name, figure, goal) in judged(rows) {
        let verdict = if figure >= goal { "met" } else { "missed" };
        let digits = if goal > 100.0 { 0 } else { 2 };
        text += &format!("\n  {verdict:<7}{name}: {figure:.digits$} (goal {goal:.digits$})");
    }
    text
}

/// Rows and goals as JSON.
pub(crate) fn json(rows: &[Row]) -> String {
    let row = |row: &Row| {
        json!({
            "way": row.way, "bodies": row.bodies, "what": row.what, "events": row.events, "lost": row.lost,
            "events_per_second": row.events_per_second, "mib_per_second": row.mib_per_second,
            "of_raw": of_raw(row, rows), "cpu_nanos_per_event": row.cpu_nanos,
            "p50_ms": row.millis[0], "p99_ms": row.millis[1], "p999_ms": row.millis[2],
        })
    };
    let goal =
        |(name, figure, goal): (String, f64, f64)| json!({"goal": name, "figure": figure, "at_least": goal});
    let goals: Vec<Value> = judged(rows).into_iter().map(goal).collect();
    let document = json!({"rows": rows.iter().map(row).collect::<Vec<Value>>(), "goals": goals});
    format!("{document:#}\n")
}
