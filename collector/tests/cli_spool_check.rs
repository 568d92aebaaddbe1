//! `veribus spool check`: what waits in a dead process's spool is counted, damage is found, nothing is changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use veribus_core::codec::event_from_json;
use veribus_core::transport::{Transport, TransportError};
use veribus_core::{EventHandler, EventId, InstanceId, Source};
use veribus_handlers::{ForwardHandler, SpoolSettings};

fn veribus(dir: &Path) -> (Output, serde_json::Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veribus"));
    let output = command.args(["spool", "check", "--json"]).arg(dir).output().expect("runs");
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
