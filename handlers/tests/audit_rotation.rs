//! A log of many segments is one chain, whoever moves its files.

#![cfg(feature = "audit")]

mod common;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use common::{Trail, logins};
use veribus_core::{EventHandler, ManualClock, Timestamp};
use veribus_handlers::AuditLogger;
use veribus_handlers::audit::{Opening, Problem};

fn rotating(trail: &Trail) -> veribus_handlers::AuditBuilder {
    AuditLogger::builder(trail.path()).rotate_at_bytes(2048)
}

fn write(logger: &mut AuditLogger, from: u64, events: u64) {
    for batch in logins(from, events).chunks(3) {
        logger.handle(batch).expect("taken");
    }
}

fn closed(trail: &Trail) -> Vec<String> {
    trail.names().into_iter().filter(|name| name.starts_with("audit.log.0")).collect()
}

#[test]
fn segments_are_closed_by_size_and_read_as_one_chain() {
    let trail = Trail::new();
    for from in [1, 31, 61] {
        let mut logger = rotating(&trail).open().expect("opens");
        write(&mut logger, from, 30);
        assert!(logger.status().rotations >= 2);
    }
    let report = trail.verify();
    assert!(report.is_spotless(), "{report:?}");
    assert_eq!(report.events, 90);
    assert_eq!(report.segments.len(), closed(&trail).len() + 1);
    assert!(trail.lines()[0].contains("\"kind\":\"rotate\""));
}

#[test]
fn segments_are_closed_by_age() {
    let trail = Trail::new();
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_000)));
    let builder =
        AuditLogger::builder(trail.path()).rotate_after(Duration::from_secs(60)).clock(clock.clone());
    let mut logger = builder.open().expect("opens");
    write(&mut logger, 1, 3);
    clock.advance(Duration::from_secs(59));
    write(&mut logger, 4, 3);
    assert_eq!(closed(&trail).len(), 0);
    clock.advance(Duration::from_secs(1));
    write(&mut logger, 7, 3);
    assert_eq!(closed(&trail), ["audit.log.000000000000"]);
    drop(logger);
    assert!(trail.verify().is_spotless());
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let trail = Trail::new();
    let mut logger = rotating(&trail).open().expect("opens");
    write(&mut logger, 1, 60);
    drop(logger);
    let names = closed(&trail);
    let kept = fs::read(trail.file(&names[1])).expect("there");

    fs::remove_file(trail.file(&names[1])).expect("there");
    let bad = trail.verify().first_bad.expect("a gap");
    assert!(matches!(bad.problem, Problem::Index { .. }), "{bad:?}");
    assert_eq!((bad.segment, bad.line), (trail.file(&names[2]), 1));
    fs::write(trail.file(&names[1]), kept).expect("put back");

    fs::remove_file(trail.file(&names[0])).expect("there");
    let bad = trail.verify().first_bad.expect("a gap");
    assert_eq!((bad.problem, bad.line), (Problem::Removed, 1));
}

#[test]
fn retention_removes_whole_segments_and_the_log_says_so() {
    let trail = Trail::new();
    let mut logger = rotating(&trail).keep_segments(2).open().expect("opens");
    write(&mut logger, 1, 90);
    drop(logger);
    assert_eq!(closed(&trail).len(), 2);
    let report = trail.verify();
    assert!(report.is_spotless(), "{report:?}");
    assert!(report.removed > 0);
    assert_eq!(report.removed + report.lines, report.anchored_lines.expect("a head"));

    let mut logger = rotating(&trail).keep_segments(0).open().expect("opens");
    write(&mut logger, 91, 30);
    drop(logger);
    assert_eq!(closed(&trail).len(), 0);
    assert!(trail.verify().is_spotless(), "{:?}", trail.verify());
}

#[test]
fn a_crash_between_rename_and_new_file_is_mended() {
    let trail = Trail::new().written(5);
    fs::rename(trail.path(), trail.file("audit.log.000000000000")).expect("moved");
    assert!(trail.verify().is_spotless());
    let logger = trail.open();
    assert_eq!(logger.opened().opening, Opening::Continued);
    drop(logger);
    assert!(trail.lines()[0].contains("\"kind\":\"rotate\""));
    assert!(trail.verify().is_spotless());
}

#[test]
fn a_torn_first_line_of_a_new_segment_is_mended() {
    let trail = Trail::new().written(5);
    fs::rename(trail.path(), trail.file("audit.log.000000000000")).expect("moved");
    trail.overwrite(b"{\"v\":1,\"log\"");
    let report = trail.verify();
    assert!(report.is_intact() && report.crash_tail.is_some(), "{report:?}");
    let logger = trail.open();
    assert!(matches!(logger.opened().opening, Opening::Recovered { tail_bytes: 12, .. }));
    drop(logger);
    assert!(trail.verify().is_spotless(), "{:?}", trail.verify());
}

#[test]
fn a_file_renamed_or_deleted_by_somebody_else_is_noticed_at_the_next_sync() {
    for delete in [false, true] {
        let trail = Trail::new();
        let mut logger = trail.open();
        write(&mut logger, 1, 6);
        logger.flush().expect("synced");
        if delete {
            fs::remove_file(trail.path()).expect("there");
        } else {
            fs::rename(trail.path(), trail.file("audit.log.1")).expect("there");
        }
        logger.flush().expect("synced");
        write(&mut logger, 7, 3);
        let status = logger.status();
        assert_eq!(status.incidents, 1, "{status:?}");
        drop(logger);
        assert!(trail.lines()[0].contains("\"cause\":\"moved\""));
        assert_eq!(trail.verify().first_bad.expect("a gap").problem, Problem::Removed);
        if !delete {
            fs::rename(trail.file("audit.log.1"), trail.file("audit.log.000000000000")).expect("put back");
            assert!(trail.verify().is_spotless(), "{:?}", trail.verify());
        }
    }
}

#[test]
fn a_file_cut_or_added_to_by_somebody_else_begins_a_new_log_that_names_the_old_one() {
    for bytes in [&b""[..], b"a foreign line\n"] {
        let trail = Trail::new();
        let mut logger = trail.open();
        write(&mut logger, 1, 6);
        logger.flush().expect("synced");
        let old = logger.status();
        let content = if bytes.is_empty() { Vec::new() } else { [&trail.bytes(), bytes].concat() };
        trail.overwrite(&content);
        logger.flush().expect("synced");
        let status = logger.status();
        assert_ne!(status.log, old.log);
        assert!(status.last_incident.expect("one").contains("altered"), "an incident");
        write(&mut logger, 7, 3);
        drop(logger);
        assert!(trail.lines()[0].contains(&format!("\"head\":\"{}\"", old.head)));
        assert!(trail.verify().is_spotless(), "{:?}", trail.verify());
        assert!(trail.names().contains(&"audit.log.altered-1".to_owned()));
    }
}
