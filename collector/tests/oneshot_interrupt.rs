//! Ctrl-C: the first one keeps what was read, the second one ends at once; neither leaves anything behind.

#![allow(clippy::unwrap_used)]

mod oneshot_support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use oneshot_support::{Finished, attack, command};

/// A run that waits for more on its standard input, after an attack.
fn waiting(temporary: &Path) -> (Child, ChildStdin) {
    let mut child = command(&["oneshot", "--json", "-", "/nowhere/next.log"])
        .env("TMPDIR", temporary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than is needed to tell the format, so that it is read and not only waited for.
    stdin.write_all(attack("203.0.113.9").repeat(200).as_bytes()).unwrap();
    (child, stdin)
}

/// Sends SIGINT, and returns when the process has said that it stops.
fn interrupt_first(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    // The signal is watched before the first input is read.
    let tasks = format!("/proc/{}/task", child.id());
    let watched = || {
        let names = fs::read_dir(&tasks).into_iter().flatten().flatten();
        names
            .filter_map(|t| fs::read_to_string(t.path().join("comm")).ok())
            .any(|n| n.contains("veribus-signals"))
    };
    let until = Instant::now() + Duration::from_secs(10);
    while !watched() {
        assert!(Instant::now() < until, "the signals are not watched");
    }
    std::thread::sleep(Duration::from_millis(200));
    signal(child);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // The path that is not there is told at the end, so this is the first line.
    said.read_line(&mut line).unwrap();
    assert!(line.contains("what was read is reported"), "{line}");
    said
}

fn signal(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn the_first_one_reports_what_was_read() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut child, mut stdin) = waiting(temporary.path());
    let _said = interrupt_first(&mut child);
    stdin.write_all(attack("192.0.2.1").as_bytes()).unwrap();
    drop(stdin);
    let run = Finished::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1));
    let report = run.json();
    assert!(report["alerts"].as_array().unwrap().iter().any(|a| a["entity"]["value"] == "203.0.113.9"));
    assert!(report["errors"].to_string().contains("interrupted"), "{}", report["errors"]);
    assert_eq!((&report["audit"]["verified"], &report["losses"]["total"]), (&true.into(), &0.into()));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "the temporary trail is removed");
}

#[test]
fn the_second_one_ends_at_once_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut child, stdin) = waiting(temporary.path());
    let _said = interrupt_first(&mut child);
    signal(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "the temporary trail is removed");
    drop(stdin);
}
