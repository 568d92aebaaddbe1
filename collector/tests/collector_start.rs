//! Starting and stopping: one process a folder, files closed to others, loopback only, an orderly end.

#![allow(clippy::unwrap_used)]

mod support_collector;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use support_collector::{Running, VERIBUS, veribus};

fn refused(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(VERIBUS).arg("collector").args(args).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_the_collector_keeps_is_its_owners_alone() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let collector = Running::start(&data);
    let emitted = collector.veribus(&["emit", "authentication", "login", "actor=alice"]);
    assert!(emitted.status.success(), "{}", String::from_utf8_lossy(&emitted.stderr));
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    let mut files = 0;
    for folder in [data.clone(), data.join("audit")] {
        for entry in fs::read_dir(folder).unwrap() {
            let found = entry.as_ref().unwrap().metadata().unwrap();
            if found.is_file() {
                assert_eq!(found.mode() & 0o777, 0o600, "{:?}", entry.unwrap().path());
                files += 1;
            }
        }
    }
    assert!(files >= 6, "store, log beside it, token, lock, trail, head: {files}");
    let token = collector.token.clone();
    assert!(token.starts_with("vbt_") && token.len() == 68);
    assert_eq!(collector.stop(), Some(0));
}

#[test]
fn a_journal_is_told_where_the_token_is_and_not_the_token() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    for is_new in [true, false] {
        let output = Command::new("timeout")
            .args(["-s", "TERM", "2", VERIBUS, "collector", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("listening on") && !said.contains("vbt_"), "{said}");
        let file = data.join("token");
        assert_eq!(said.contains(&format!("a new token is in `{}`", file.display())), is_new, "{said}");
        assert!(fs::read_to_string(file).unwrap().starts_with("vbt_"));
    }
}

#[test]
fn bad_73_a_second_process_is_told_who_has_the_folder() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    let first = Running::start(&data);
    let (exit, said) = refused(&["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains(&format!("process {}", first.child.id())) && said.contains("[LOCKED]"), "{said}");
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    for address in ["0.0.0.0:0", "192.0.2.1:7480", "[::]:0"] {
        let (exit, said) = refused(&["--listen", address, "--data", data.to_str().unwrap()]);
        assert_eq!(exit, Some(2), "{said}");
        assert!(said.contains("TLS") && said.contains("loopback"), "{said}");
    }
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn a_token_that_others_can_read_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    Running::start(&data).kill();
    fs::set_permissions(data.join("token"), fs::Permissions::from_mode(0o644)).unwrap();
    let (exit, said) = refused(&["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn a_store_of_a_newer_version_is_not_touched() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("data");
    assert_eq!(Running::start(&data).stop(), Some(0));
    let database = rusqlite::Connection::open(data.join("events.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let (exit, said) = refused(&["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("STORE_VERSION") && said.contains("99"), "{said}");
    let search = veribus(&data, None, &["search"]);
    assert!(String::from_utf8_lossy(&search.stderr).contains("STORE_VERSION"));
}

#[test]
fn a_collector_that_says_it_listens_stops_in_good_order_at_once() {
    let temp = tempfile::tempdir().unwrap();
    for _ in 0..10 {
        assert_eq!(Running::start(&temp.path().join("data")).stop(), Some(0));
    }
}

#[test]
fn rules_of_its_own_stand_in_for_the_starter_set_and_wrong_ones_are_named() {
    let temp = tempfile::tempdir().unwrap();
    let (data, rules) = (temp.path().join("data"), temp.path().join("rules.yml"));
    let with = ["--rules", rules.to_str().unwrap()];
    let rule = "title: The door\nname: door\nlogsource:\n  product: veribus\ndetection:\n  selection:\n    \
                action: door.opened\n  condition: selection\nlevel: high\n";
    fs::write(&rules, rule).unwrap();
    let collector = Running::start_with(&data, &with);
    // In the starter set a critical security event is an alert by itself.
    for event in [["configuration", "door.opened", "severity=low"], ["security", "e", "severity=critical"]] {
        assert!(collector.veribus(&[&["emit"], &event[..]].concat()).status.success());
    }
    let alerts = collector.json(&["alerts", "list", "--json"]);
    let found: Vec<_> = alerts["alerts"].as_array().unwrap().iter().map(|alert| &alert["rule"]).collect();
    assert_eq!(found, ["door"], "{alerts}");
    assert_eq!(collector.stop(), Some(0));

    fs::write(&rules, rule.replace("condition", "conditoin")).unwrap();
    let data = data.to_str().unwrap();
    let (exit, said) = refused(&[&["--listen", "127.0.0.1:0", "--data", data], &with[..]].concat());
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("rules.yml"), "{said}");
}
