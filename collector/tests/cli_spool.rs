//! `veribus spool`: what waits in a dead process's spool is counted, shown, repaired and sent; nothing is ever deleted.

mod support_collector;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use veribus_core::codec::event_from_json;
use veribus_core::transport::{Transport, TransportError};
use veribus_core::{EventHandler, EventId, InstanceId, Source};
use veribus_handlers::{ForwardHandler, SpoolSettings};

fn veribus(dir: &Path) -> (Output, serde_json::Value) {
    spool("check", dir, &[])
}

fn spool(what: &str, dir: &Path, more: &[&str]) -> (Output, serde_json::Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veribus"));
    let output = command.args(["spool", what, "--json"]).arg(dir).args(more).output().expect("runs");
    let document = serde_json::from_slice(&output.stdout).expect("one JSON document");
    (output, document)
}

/// Leaves 20 events behind, as with a collector that cannot be reached; the segment that holds them.
fn left_behind(root: &Path) -> PathBuf {
    let unreachable = || {
        let (destination, source) = ("nowhere".to_owned(), "connection refused".into());
        Err::<Box<dyn Transport>, _>(TransportError::Unreachable { destination, source })
    };
    let builder = ForwardHandler::builder(Box::new(unreachable), Source::new("orders"));
    let settings = SpoolSettings { reserve_bytes: 4096, ..SpoolSettings::new(root) };
    let builder = builder.spool(settings).close_within(Duration::from_millis(50));
    let mut forwarder = builder.build().expect("a forwarder");
    let line =
        br#"{"time":"2026-11-21T10:00:00Z","kind":"authentication","action":"login","outcome":"failure"}"#;
    let event = |seq| {
        let mut event = event_from_json(line).expect("an event");
        event.id = EventId::new(InstanceId(42), 1, seq);
        Arc::new(event)
    };
    forwarder.handle(&(1..=20).map(event).collect::<Vec<_>>()).expect("takes");
    forwarder.flush().expect("syncs");
    drop(forwarder);
    let spool = std::fs::read_dir(root).expect("a folder").next().expect("a spool").expect("an entry").path();
    spool.join(format!("{:016x}.seg", 1))
}

#[test]
fn what_waits_is_counted_and_damage_is_found() {
    let root = tempfile::tempdir().expect("a folder");
    let segment = left_behind(root.path());
    let (output, document) = veribus(root.path());
    assert_eq!(output.status.code(), Some(0), "{document}");
    assert_eq!((&document["sound"], &document["spools"][0]["pending"]), (&true.into(), &20.into()));
    let mut bytes = std::fs::read(&segment).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).expect("writes");
    let (output, document) = veribus(root.path());
    assert_eq!(output.status.code(), Some(1), "{document}");
    assert_eq!(document["spools"][0]["pending"], 19);
    assert!(document["spools"][0]["damaged_bytes"].as_u64() > Some(0));
    assert_eq!(std::fs::read(&segment).expect("readable"), bytes);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let root = tempfile::tempdir().expect("a folder");
    let (output, document) = veribus(&root.path().join("nothing"));
    assert_eq!(output.status.code(), Some(2));
    assert!(document.to_string().contains("nothing"), "{document}");
}

/// Turns one bit of an event in the middle.
fn damage(segment: &Path) {
    let mut bytes = std::fs::read(segment).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(segment, &bytes).expect("writes");
}

#[test]
fn every_event_is_shown_and_damage_too() {
    let root = tempfile::tempdir().expect("a folder");
    let segment = left_behind(root.path());
    damage(&segment);
    let mut command = Command::new(env!("CARGO_BIN_EXE_veribus"));
    let output = command.args(["spool", "dump", "--json"]).arg(root.path()).output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a document a line"))
        .collect();
    let found = |what: &str| lines.iter().filter(|line| line["found"] == what).count();
    assert_eq!((found("event"), found("damage")), (19, 1), "{lines:?}");
    let event = lines.iter().find(|line| line["found"] == "event").expect("one");
    assert_eq!((&event["waits"], &event["event"]["action"]), (&true.into(), &"login".into()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_veribus"));
    let output = command.args(["spool", "dump"]).arg(root.path()).output().expect("runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.lines().count(), 20, "{text}");
    assert!(text.contains("DAMAGED"), "{text}");
}

#[test]
fn a_damaged_spool_is_repaired_and_kept() {
    let root = tempfile::tempdir().expect("a folder");
    let segment = left_behind(root.path());
    damage(&segment);
    let before = std::fs::read(&segment).expect("readable");
    let (output, document) = spool("repair", root.path(), &["--dry-run"]);
    assert_eq!(output.status.code(), Some(1), "{document}");
    assert_eq!(document["spools"][0]["outcome"], "would_repair");
    assert_eq!(std::fs::read(&segment).expect("nothing has changed"), before);
    let (output, document) = spool("repair", root.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{document}");
    let repaired = &document["spools"][0]["repaired"];
    assert_eq!((&repaired["events"], &repaired["lost"]), (&19.into(), &1.into()), "{document}");
    let kept = Path::new(repaired["quarantine"].as_str().expect("a path")).join(format!("{:016x}.seg", 1));
    assert_eq!(std::fs::read(kept).expect("kept as it was"), before);
    let (output, document) = veribus(root.path());
    assert_eq!(output.status.code(), Some(0), "{document}");
    assert_eq!(document["spools"][0]["pending"], 19);
}

#[test]
fn what_was_left_is_sent_to_a_collector_and_removed() {
    let root = tempfile::tempdir().expect("a folder");
    let spools = root.path().join("spools");
    left_behind(&spools);
    let (output, document) = spool("drain", &spools, &["--to", "http://127.0.0.1:9", "--within", "0"]);
    assert_eq!(output.status.code(), Some(3), "{document}");
    assert_eq!((&document["spools_left"], &document["pending"]), (&1.into(), &20.into()), "{document}");
    let collector = support_collector::Running::start(&root.path().join("data"));
    let (to, token) = (format!("http://{}", collector.address), collector.data.join("token"));
    let token = token.to_str().expect("text");
    let (output, document) = spool("drain", &spools, &["--to", &to, "--token-file", token]);
    assert_eq!(output.status.code(), Some(0), "{document}");
    assert_eq!((&document["stored"], &document["spools_left"]), (&20.into(), &0.into()), "{document}");
    assert_eq!(std::fs::read_dir(&spools).expect("a folder").count(), 0, "nothing is left");
}

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let root = tempfile::tempdir().expect("a folder");
    let nowhere = root.path().join("nowhere");
    for (what, more) in [("check", &[][..]), ("repair", &[]), ("drain", &["--to", "http://127.0.0.1:9"])] {
        let (output, document) = spool(what, &nowhere, more);
        assert_eq!(output.status.code(), Some(2), "{what}: {document}");
        assert!(document["error"]["help"].as_str().is_some_and(|help| help.contains("spools")), "{document}");
    }
    assert!(!nowhere.exists());
}
