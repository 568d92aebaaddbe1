//! Two verifiers that share no code say the same of every log.

#![allow(clippy::print_stdout)] // a skipped test says so
#![cfg(feature = "audit")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

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

fn tool() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/verify_audit.py")
}

/// One Python that answers a report for each path.
struct Second {
    child: Child,
    answers: BufReader<ChildStdout>,
}

const SERVE: &str = "import json, sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1])
import verify_audit
for path in sys.stdin: print(json.dumps(verify_audit.verify(path[:-1])), flush=True)";

impl Second {
    /// `None`, said aloud, where there is no Python.
    fn start() -> Option<Second> {
        let folder = tool();
        let mut command = Command::new("python3");
        command.args(["-I", "-S", "-c", SERVE]).arg(folder.parent().expect("a folder"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            println!("skipped: no python3 here, so the second verifier was not compared");
            return None;
        };
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Some(Second { child, answers })
    }

    fn compare(&mut self, path: &Path, what: &str) {
        let questions = self.child.stdin.as_mut().expect("piped");
        writeln!(questions, "{}", path.display()).expect("asked");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("answered");
        let theirs: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no answer: {what}"));
        assert_eq!(theirs, ours(&verify(path).expect("readable")), "{what}");
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}

#[test]
fn its_exit_code_tells_intact_altered_and_unusable_apart() {
    if Second::start().is_none() {
        return;
    }
    let code = |path: &Path, options: &[&str]| {
        let output = Command::new("python3").args(["-I", "-S"]).arg(tool()).args(options).arg(path).output();
        output.expect("python3 runs").status.code()
    };
    let trail = Trail::new().written(3);
    assert_eq!(code(&trail.path(), &["--strict"]), Some(0));
    let bytes = trail.bytes();
    trail.overwrite(&[&bytes[..], b"{"].concat());
    assert_eq!((code(&trail.path(), &[]), code(&trail.path(), &["--strict"])), (Some(0), Some(1)));
    trail.overwrite(&bytes[..bytes.len() - 1]);
    assert_eq!(code(&trail.path(), &["--json"]), Some(1));
    assert_eq!((code(&trail.file("none"), &[]), code(&trail.path(), &["--no-such"])), (Some(2), Some(2)));
}

#[test]
fn both_name_the_same_line_after_any_edit() {
    let Some(mut second) = Second::start() else { return };
    let trail = Trail::new().written(7);
    let (bytes, head) = (trail.bytes(), fs::read(trail.file("audit.log.head")).expect("a head"));
    second.compare(&trail.path(), "untouched");
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut runner = TestRunner::deterministic();
    for case in 0..256 {
        let edit = any_edit(lines.len()).new_tree(&mut runner).expect("an edit").current();
        let Some((edited, _)) = apply(&edit, &lines) else { continue };
        trail.overwrite(&edited);
        // Also without a head, and with one that nobody can read.
        match case % 4 {
            0 => fs::remove_file(trail.file("audit.log.head")).expect("a head"),
            1 => fs::write(trail.file("audit.log.head"), "{}").expect("written"),
            _ => {}
        }
        second.compare(&trail.path(), &format!("case {case}: {edit:?}"));
        fs::write(trail.file("audit.log.head"), &head).expect("written");
    }
}

#[test]
fn both_read_segments_retention_and_crash_tails_alike() {
    let Some(mut second) = Second::start() else { return };
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
        second.compare(&trail.path(), "untouched");
        let whole = trail.bytes();
        trail.overwrite(&[&whole[..], b"{\"v\":1,\"lo"].concat());
        second.compare(&trail.path(), "torn");
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
                second.compare(&trail.path(), &format!("byte {at} of {name}"));
            }
            fs::remove_file(&path).expect("there");
            second.compare(&trail.path(), &format!("without {name}"));
            fs::write(&path, bytes).expect("put back");
        }
        fs::remove_file(trail.path()).expect("there");
        second.compare(&trail.path(), "without the open segment");
    }
}
