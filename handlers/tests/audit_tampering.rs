//! Any change to a closed log is found, and named at or before the line where it was made.

#![cfg(feature = "audit")]

mod common;

use std::ops::Range;

use common::Trail;
use common::edits::{any_edit, apply};
use proptest::prelude::*;
use veribus_handlers::audit::VerifyReport;

/// A closed log, and where its lines begin and end (newline included).
fn closed_log(events: u64) -> (Trail, Vec<u8>, Vec<Range<usize>>) {
    let trail = Trail::new().written(events);
    let bytes = trail.bytes();
    let mut lines = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            lines.push(lines.last().map_or(0, |line: &Range<usize>| line.end)..at + 1);
        }
    }
    (trail, bytes, lines)
}

fn verify_as(trail: &Trail, bytes: &[u8]) -> VerifyReport {
    trail.overwrite(bytes);
    trail.verify()
}

fn line_of(lines: &[Range<usize>], at: usize) -> u64 {
    lines.iter().position(|line| line.contains(&at)).expect("within the log") as u64 + 1
}

#[test]
fn every_flipped_byte_is_named_with_its_line() {
    let (trail, bytes, lines) = closed_log(6);
    for at in (0..bytes.len()).step_by(3) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let bad = verify_as(&trail, &changed).first_bad;
        let bad = bad.unwrap_or_else(|| panic!("the change at byte {at} was not found"));
        assert_eq!(bad.line, line_of(&lines, at), "byte {at}: {bad:?}");
        assert_eq!(bad.offset, lines[bad.line as usize - 1].start as u64, "byte {at}");
    }
}

#[test]
fn a_log_cut_anywhere_is_named_where_it_ends() {
    let (trail, bytes, lines) = closed_log(6);
    for at in 0..bytes.len() {
        let bad = verify_as(&trail, &bytes[..at]).first_bad;
        let bad = bad.unwrap_or_else(|| panic!("the cut at byte {at} was not found"));
        assert_eq!(bad.line, line_of(&lines, at), "cut at {at}: {bad:?}");
    }
}

#[test]
fn line_ends_and_byte_order_marks_of_another_world_are_found() {
    let (trail, bytes, _) = closed_log(3);
    let text = String::from_utf8(bytes).expect("UTF-8");
    let crlf = text.replace('\n', "\r\n");
    assert_eq!(verify_as(&trail, crlf.as_bytes()).first_bad.expect("found").line, 1);
    let bom = format!("\u{feff}{text}");
    assert_eq!(verify_as(&trail, bom.as_bytes()).first_bad.expect("found").line, 1);
}

#[test]
fn a_rewritten_chain_is_held_by_the_head_alone() {
    let (trail, _, _) = closed_log(5);
    let head = std::fs::read(trail.file("audit.log.head")).expect("a head");
    let other = Trail::new().written(5);
    // A whole log of somebody else, consistent in itself, under this head.
    other.verify().is_spotless().then_some(()).expect("consistent");
    std::fs::write(other.file("audit.log.head"), head).expect("a head");
    assert_eq!(other.verify().first_bad.expect("found").line, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_single_edit_is_found_at_or_before_its_line(edit in any_edit(9)) {
        thread_local! {
            static LOG: (Trail, Vec<u8>, Vec<Range<usize>>) = closed_log(7);
        }
        LOG.with(|(trail, bytes, lines)| {
            let lines: Vec<&[u8]> = lines.iter().map(|line| &bytes[line.clone()]).collect();
            if let Some((edited, first)) = apply(&edit, &lines) {
                let report = verify_as(trail, &edited);
                let Some(bad) = report.first_bad else {
                    // Behind the last line that the head covers nothing vouches for what stands there.
                    let appended = edited.starts_with(bytes);
                    prop_assert!(appended && report.crash_tail.is_some(), "{edit:?} was not found");
                    return Ok(());
                };
                prop_assert!(bad.line <= first, "{edit:?} changed line {first}, found {bad:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_a_crash_leaves_is_never_called_tampering(cut in 0_usize..2000, garbage in proptest::collection::vec(any::<u8>(), 0..64)) {
        thread_local! {
            // A head that covers the first line alone, as if the machine stopped before the next sync.
            static LOG: (Trail, Vec<u8>) = {
                let trail = Trail::new();
                let logger = trail.open();
                let head = std::fs::read(trail.file("audit.log.head")).expect("a head");
                drop(logger);
                let trail = trail.written(6);
                std::fs::write(trail.file("audit.log.head"), head).expect("a head");
                let bytes = trail.bytes();
                (trail, bytes)
            };
        }
        LOG.with(|(trail, bytes)| {
            let covered = bytes.iter().position(|b| *b == b'\n').expect("lines") + 1;
            let cut = covered + cut % (bytes.len() - covered);
            let report = verify_as(trail, &[&bytes[..cut], &garbage[..]].concat());
            prop_assert!(report.is_intact(), "cut at {cut}: {report:?}");
            Ok(())
        })?;
    }
}
