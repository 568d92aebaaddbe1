//! Two verifiers that share no code say the same of every log.

#![allow(clippy::print_stdout)] // a skipped test says so
#![cfg(feature = "audit")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::edits::{any_edit, apply};
use common::{Trail, logins};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use veribus_core::EventHandler;
use veribus_handlers::AuditLogger;
use veribus_handlers::audit::{VerifyReport, verify};

/// What both report, in the form of the second.
fn ours(report: &VerifyReport) -> Value {
    let bad = report.first_bad.as_ref().map(|bad| {
        json!({"segment": bad.segment, "line": bad.line, "offset": bad.offset, "problem": bad.problem.as_str()})
    });
    let tail = report.crash_tail.as_ref().map(|tail| {
        json!({"segment": tail.segment, "line": tail.line, "offset": tail.offset, "bytes": tail.bytes})
    });
    json!({
        "lines": report.lines, "events": report.events, "anchor": report.anchor.as_str(),
        "head": report.head.map(|head| head.to_string()), "segments": report.segments,
        "first_bad": bad, "crash_tail": tail,
    })
}

fn theirs(path: &Path) -> Value {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/verify_audit.py");
    let output = Command::new("python3")
        .args(["-I", "-S"])
        .arg(tool)
        .arg("--json")
        .arg(path)
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {text}"));
    assert_eq!(output.status.code(), Some(i32::from(!report["first_bad"].is_null())));
    report
}

fn compare(path: &Path, what: &str) {
    assert_eq!(theirs(path), ours(&verify(path).expect("readable")), "{what}");
}

/// Whether there is a Python; says so where there is none.
fn python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: no python3 here, so the second verifier was not compared");
    }
    found
}

#[test]
fn both_name_the_same_line_after_any_edit() {
    if !python() {
        return;
    }
    let trail = Trail::new().written(7);
    let (bytes, head) = (trail.bytes(), fs::read(trail.file("audit.log.head")).expect("a head"));
    compare(&trail.path(), "untouched");
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut runner = TestRunner::deterministic();
    for case in 0..64 {
        let edit = any_edit(lines.len()).new_tree(&mut runner).expect("an edit").current();
        let Some((edited, _)) = apply(&edit, &lines) else { continue };
        trail.overwrite(&edited);
        // Also without a head, and with one that nobody can read.
        match case % 4 {
            0 => fs::remove_file(trail.file("audit.log.head")).expect("a head"),
            1 => fs::write(trail.file("audit.log.head"), "{}").expect("written"),
            _ => {}
        }
        compare(&trail.path(), &format!("case {case}: {edit:?}"));
        fs::write(trail.file("audit.log.head"), &head).expect("written");
    }
}

#[test]
fn both_read_segments_retention_and_crash_tails_alike() {
    if !python() {
        return;
    }
    for keep in [None, Some(3)] {
        let trail = Trail::new();
        let mut builder = AuditLogger::builder(trail.path()).rotate_at_bytes(2048);
        if let Some(keep) = keep {
            builder = builder.keep_segments(keep);
        }
        let mut logger = builder.open().expect("opens");
        for batch in logins(1, 60).chunks(3) {
            logger.handle(batch).expect("taken");
        }
        drop(logger);
        compare(&trail.path(), "untouched");
        let whole = trail.bytes();
        trail.overwrite(&[&whole[..], b"{\"v\":1,\"lo"].concat());
        compare(&trail.path(), "torn");
        trail.overwrite(&whole);
        let closed: Vec<_> =
            trail.names().into_iter().filter(|name| name.starts_with("audit.log.0")).collect();
        for name in &closed {
            let path = trail.file(name);
            let bytes = fs::read(&path).expect("there");
            for at in [30, bytes.len() / 2, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                fs::write(&path, changed).expect("written");
                compare(&trail.path(), &format!("byte {at} of {name}"));
            }
            fs::remove_file(&path).expect("there");
            compare(&trail.path(), &format!("without {name}"));
            fs::write(&path, bytes).expect("put back");
        }
        fs::remove_file(trail.path()).expect("there");
        compare(&trail.path(), "without the open segment");
    }
}
