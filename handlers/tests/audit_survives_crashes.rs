//! Whatever a crash leaves, the log starts, keeps what was written, and says what it did.

#![cfg(feature = "audit")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use common::{Trail, logins};
use veribus_core::EventHandler;
use veribus_handlers::audit::{Anchor, AuditError, Opening, verify};
use veribus_handlers::{AuditLogger, SyncPolicy};

fn kinds(trail: &Trail) -> Vec<String> {
    let kind = |line: &String| {
        let json: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        json.get("kind").map_or("ev", |kind| kind.as_str().expect("text")).to_owned()
    };
    trail.lines().iter().map(kind).collect()
}

/// Appends, then forgets the logger as `kill -9` does: no `close` line, no last head.
fn killed_after(trail: &Trail, events: u64) {
    let mut logger = trail.open();
    logger.handle(&logins(1, events)).expect("taken");
    let lock = trail.file("audit.log.lock");
    std::mem::forget(logger);
    // The lock dies with a process; this one lives on, so the file that carries it goes.
    fs::remove_file(lock).expect("a lock file");
}

#[test]
fn a_log_that_ended_well_goes_on_where_it_was() {
    let trail = Trail::new().written(3);
    assert_eq!(kinds(&trail), ["genesis", "ev", "ev", "ev", "close"]);
    let logger = trail.open();
    assert_eq!(logger.opened().opening, Opening::Continued);
    drop(logger);
    assert_eq!(kinds(&trail)[5..], ["open", "close"]);
    let report = trail.verify();
    assert!(report.is_spotless(), "{report:?}");
    assert_eq!((report.lines, report.events), (7, 3));
}

#[test]
fn lines_behind_the_head_are_kept_when_they_fit() {
    let trail = Trail::new();
    killed_after(&trail, 20);
    let report = trail.verify();
    assert!(report.is_spotless(), "{report:?}");
    assert_eq!((report.lines, report.anchored_lines), (21, Some(1)));
    drop(trail.open());
    assert_eq!(trail.verify().events, 20);
}

#[test]
fn a_torn_last_line_is_moved_to_quarantine_wherever_it_was_cut() {
    let whole = Trail::new();
    killed_after(&whole, 3);
    let bytes = whole.bytes();
    let head = fs::read(whole.file("audit.log.head")).expect("a head");
    let last_line = bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').expect("lines") + 1;
    for cut in [last_line + 1, last_line + 40, bytes.len() - 1] {
        let trail = Trail::new();
        trail.overwrite(&bytes[..cut]);
        fs::write(trail.file("audit.log.head"), &head).expect("a head");

        let before = trail.verify();
        assert!(before.is_intact(), "{before:?}");
        assert_eq!(before.crash_tail.expect("a tail").bytes, (cut - last_line) as u64);

        let logger = trail.open();
        let Opening::Recovered { tail_bytes, quarantined } = logger.opened().opening.clone() else {
            panic!("{:?}", logger.opened())
        };
        drop(logger);
        assert_eq!(tail_bytes, (cut - last_line) as u64);
        assert_eq!(fs::read(quarantined.expect("a file")).expect("kept"), &bytes[last_line..cut]);
        assert_eq!(kinds(&trail), ["genesis", "ev", "ev", "recovery", "close"]);
        assert!(trail.verify().is_spotless());
    }
}

#[test]
fn a_first_line_that_was_never_finished_is_no_obstacle() {
    let trail = Trail::new();
    trail.overwrite(b"{\"v\":1,\"log\":\"00");
    let logger = trail.open();
    assert!(matches!(logger.opened().opening, Opening::Recovered { tail_bytes: 16, .. }));
    drop(logger);
    assert_eq!(kinds(&trail), ["genesis", "recovery", "close"]);
    assert!(trail.verify().is_spotless());
}

#[test]
fn garbage_of_any_kind_never_stops_the_start() {
    for garbage in [&b""[..], b"\n", b"\0\0\0\0", b"not a log\nat all\n", "\u{feff}{}".as_bytes()] {
        let trail = Trail::new();
        trail.overwrite(garbage);
        let mut logger = trail.open();
        logger.handle(&logins(1, 2)).expect("taken");
        drop(logger);
        let report = trail.verify();
        assert!(report.is_spotless(), "{garbage:?}: {report:?}");
        assert_eq!(report.events, 2);
    }
}

#[test]
fn a_log_without_its_head_goes_on_and_says_so() {
    let trail = Trail::new().written(3);
    fs::remove_file(trail.file("audit.log.head")).expect("a head");
    let report = trail.verify();
    assert!(report.is_intact() && !report.is_spotless());
    assert_eq!(report.anchor, Anchor::Missing);
    let logger = trail.open();
    assert_eq!(logger.opened().anchor, Anchor::Missing);
    drop(logger);
    let lines = trail.lines();
    assert!(lines[5].contains("\"kind\":\"recovery\"") && lines[5].contains("\"anchor\":\"missing\""));
    assert!(trail.verify().is_spotless());
}

#[test]
fn an_altered_log_is_set_aside_and_the_new_one_names_the_old_head() {
    let trail = Trail::new().written(5);
    let old = trail.verify();
    let bytes = trail.bytes();
    let cut = bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').expect("lines") + 1;
    trail.overwrite(&bytes[..cut]);

    let logger = trail.open();
    let Opening::Replaced { why, kept } = logger.opened().opening.clone() else { panic!() };
    drop(logger);
    assert!(why.contains("the head counts 7 lines"), "{why}");
    assert_eq!(fs::read(kept.join("audit.log")).expect("kept"), &bytes[..cut]);
    assert!(!verify(kept.join("audit.log")).expect("readable").is_intact());

    let first = &trail.lines()[0];
    assert!(first.contains(&format!("\"head\":\"{}\"", old.head.expect("a head"))), "{first}");
    assert!(trail.verify().is_spotless());
    assert_ne!(trail.verify().log, old.log);
}

#[test]
fn a_log_that_was_taken_away_whole_is_noticed_by_its_head() {
    let trail = Trail::new().written(5);
    fs::remove_file(trail.path()).expect("a log");
    assert!(!trail.verify().is_intact());
    let logger = trail.open();
    assert!(matches!(logger.opened().opening, Opening::Replaced { .. }), "{:?}", logger.opened());
}

#[test]
fn a_second_writer_is_told_who_holds_the_log() {
    let trail = Trail::new();
    let first = trail.open();
    let error = AuditLogger::new(trail.path()).expect_err("locked");
    assert!(
        matches!(error, AuditError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    drop(first);
    trail.open();
}

#[test]
fn files_are_private_and_links_are_not_followed() {
    let trail = Trail::new();
    let inner = trail.file("new/folder/audit.log");
    drop(AuditLogger::new(&inner).expect("opens"));
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o600);
    assert_eq!(mode(&inner.with_file_name("audit.log.head")), 0o600);
    assert_eq!(mode(&inner.with_file_name("audit.log.lock")), 0o600);
    assert_eq!(mode(inner.parent().expect("a folder")), 0o700);

    fs::write(trail.file("victim"), "precious").expect("written");
    symlink(trail.file("victim"), trail.path()).expect("a link");
    assert!(matches!(AuditLogger::new(trail.path()), Err(AuditError::NotAFile { .. })));
    assert_eq!(fs::read(trail.file("victim")).expect("there"), b"precious");
    assert!(matches!(AuditLogger::new(trail.folder.path()), Err(AuditError::NotAFile { .. })));
}

#[test]
fn only_a_policy_that_syncs_is_durable() {
    let open = |policy| AuditLogger::builder(Trail::new().path()).sync(policy).open().expect("opens");
    assert!(open(SyncPolicy::EveryBatch).durable());
    assert!(open(SyncPolicy::default()).durable());
    assert!(!open(SyncPolicy::Never).durable());
}
