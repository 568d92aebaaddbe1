//! A closed trail: any byte that changes, and a last line that is cut off, is noticed and named.

#![allow(clippy::unwrap_used)]

mod oneshot_support;

use std::fs;
use std::path::{Path, PathBuf};

use oneshot_support::{Finished, attack, veribus, veribus_fed};
use tempfile::TempDir;

fn trail() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("trail");
    let args = ["oneshot", "--json", "--audit", kept.to_str().unwrap(), "-"];
    let report = veribus_fed(&args, attack("203.0.113.9").as_bytes()).json();
    let log = kept.join("audit.log");
    assert_eq!(report["audit"]["path"].as_str(), log.to_str());
    (folder, log)
}

fn verify(path: &Path) -> Finished {
    veribus(&["audit", "verify", "--json", path.to_str().unwrap()])
}

#[test]
fn an_intact_trail_is_intact_by_name_and_by_folder() {
    let (_folder, log) = trail();
    for path in [log.as_path(), log.parent().unwrap()] {
        let run = verify(path);
        assert_eq!(run.code, Some(0), "{}", run.err);
        let report = run.json();
        assert_eq!((&report["verified"], &report["events"]), (&true.into(), &6.into()));
        assert_eq!(veribus(&["audit", "verify", "--strict", path.to_str().unwrap()]).code, Some(0));
    }
}

#[test]
fn what_never_was_a_trail_is_not_called_altered() {
    let (_folder, log) = trail();
    let other = log.with_file_name("README.md");
    for text in ["# veribus\n\nwords\n", "no newline", "{\"json\": 1}\n{\"json\": 2}\n"] {
        fs::write(&other, text).unwrap();
        let run = veribus(&["audit", "verify", other.to_str().unwrap()]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{text:?}");
        assert!(run.err.contains("README.md` is not an audit trail"), "{}", run.err);
    }
    // A trail with a new first line is altered, also where its head was taken away.
    let good = fs::read_to_string(&log).unwrap();
    fs::write(&other, format!("# veribus\n{good}")).unwrap();
    assert_eq!(verify(&other).code, Some(1));
    // And one that was replaced as a whole, where its head still tells.
    fs::write(&log, "# veribus\n").unwrap();
    assert_eq!(verify(&log).code, Some(1));
}

#[test]
fn one_flipped_byte_anywhere_is_named_by_its_line() {
    let (_folder, log) = trail();
    let good = fs::read(&log).unwrap();
    let ends: Vec<usize> = (0..good.len()).filter(|at| good[*at] == b'\n').collect();
    // Each line's first byte, last byte and newline, and a byte in every 97.
    let edges = ends.iter().flat_map(|end| [end - 1, *end, (end + 1) % good.len()]);
    let places: std::collections::BTreeSet<usize> = edges.chain((0..good.len()).step_by(97)).collect();
    for at in places {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&log, &bad).unwrap();
        let run = verify(&log);
        let line = good[..at].iter().filter(|b| **b == b'\n').count() + 1;
        assert_eq!(run.code, Some(1), "byte {at} of line {line}: {}", run.out);
        let report = run.json();
        assert_eq!(report["first_bad"]["line"].as_u64(), Some(line as u64), "byte {at}: {report}");
        assert_eq!(report["first_bad"]["segment"].as_str(), log.to_str());
    }
    fs::write(&log, &good).unwrap();
    assert_eq!(verify(&log).code, Some(0));
}

#[test]
fn a_last_line_that_is_cut_off_is_named() {
    let (_folder, log) = trail();
    let good = fs::read(&log).unwrap();
    let last = good[..good.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    let lines = good.iter().filter(|b| **b == b'\n').count() as u64;
    for end in [last, last + 10, good.len() - 1] {
        fs::write(&log, &good[..end]).unwrap();
        let run = verify(&log);
        assert_eq!(run.code, Some(1), "cut at {end} of {}: {}", good.len(), run.out);
        assert_eq!(run.json()["first_bad"]["line"].as_u64(), Some(lines), "cut at {end}");
        let page = veribus(&["audit", "verify", log.to_str().unwrap()]);
        assert!(page.out.contains("ALTERED") && page.out.contains(&format!("line {lines}")), "{}", page.out);
    }
}

#[test]
fn a_damaged_head_fails_and_a_missing_one_fails_when_strict() {
    let (_folder, log) = trail();
    let head = log.with_file_name("audit.log.head");
    let good = fs::read(&head).unwrap();
    // What follows the hash helps to find the end again; it proves nothing.
    let proof = String::from_utf8_lossy(&good).find(",\"segment\"").unwrap();
    for at in 0..proof {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&head, bad).unwrap();
        assert_eq!(verify(&log).code, Some(1), "byte {at} of {:?}", String::from_utf8_lossy(&good));
    }
    fs::remove_file(&head).unwrap();
    let run = veribus(&["audit", "verify", log.to_str().unwrap()]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.contains("head file") && run.out.contains("missing"), "{}", run.out);
    assert_eq!(veribus(&["audit", "verify", "--strict", log.to_str().unwrap()]).code, Some(1));
}

#[test]
fn no_trail_is_a_usage_error_with_help() {
    let run = veribus(&["audit", "verify", "/nowhere/audit.log"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("/nowhere/audit.log") && run.err.contains("help:"), "{}", run.err);
}

#[test]
fn a_second_run_continues_the_trail_of_the_first() {
    let (_folder, log) = trail();
    let args = ["oneshot", "--json", "--audit", log.parent().unwrap().to_str().unwrap(), "-"];
    let report = veribus_fed(&args, attack("192.0.2.1").as_bytes()).json();
    assert_eq!((&report["audit"]["verified"], &report["audit"]["events"]), (&true.into(), &12.into()));
    assert_eq!(verify(&log).code, Some(0));
}
