//! Called the wrong way: exit code 2, what was meant, and nothing on standard output.

#![allow(clippy::unwrap_used)]

mod oneshot_support;

use std::fs;

use oneshot_support::veribus;

#[test]
fn a_misspelt_option_or_command_is_answered_with_the_right_one() {
    for (args, suggestion) in [
        (vec!["oneshot", "--jsn", "x"], "--json"),
        (vec!["onshot", "x"], "oneshot"),
        (vec!["audit", "verfy", "x"], "verify"),
        (vec!["oneshot", "--fail-on", "risk<70", "x"], "risk>=70"),
        (vec!["oneshot", "--format", "sshd", "x"], "openssh"),
        (vec!["oneshot", "--year", "1066", "x"], "1970"),
        (vec!["oneshot", "--utc-offset", "CET", "x"], "+02:00"),
        (vec!["completions", "basch"], "bash"),
    ] {
        let run = veribus(&args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.err.contains(suggestion), "{args:?}: {}", run.err);
    }
}

#[test]
fn a_failure_is_one_json_object_where_json_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let missing = missing.to_str().unwrap();
    for (args, code, message, help) in [
        (vec!["search", "--json", "--data", missing], "DATA_MISSING", "no data folder", false),
        (vec!["emit", "security", "x", "time=now", "--json"], "EVT_TIME_INVALID", "`now`", false),
        (vec!["audit", "verify", "--json", missing], "", "cannot verify", true),
        (vec!["oneshot", "--json", "--yaer", "2015"], "", "--yaer", true),
        (vec!["alerts", "--json"], "", "requires a subcommand", true),
    ] {
        let run = veribus(&args);
        let error = &run.json()["error"];
        assert_eq!((run.code, run.out.lines().count()), (Some(2), 1), "{args:?}: {}", run.out);
        assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{args:?}: {error}");
        let told = error["message"].as_str().unwrap();
        assert!(told.contains(message) && !told.starts_with("error"), "{args:?}: {error}");
        assert!(error["help"].is_string() == help && error.get("cause").is_some(), "{args:?}: {error}");
        assert!(!run.err.is_empty(), "a person is told as ever");
    }
    let plain = veribus(&["search", "--data", missing, "--", "--json"]);
    assert_eq!((plain.code, plain.out.as_str()), (Some(2), ""), "what stands behind the dashes is no option");
}

#[test]
fn help_and_version_are_answers() {
    let run = veribus(&["--version"]);
    assert_eq!((run.code, run.out.trim()), (Some(0), concat!("veribus ", env!("CARGO_PKG_VERSION"))));
    let run = veribus(&["--help"]);
    assert_eq!(run.code, Some(0));
    for command in [
        "oneshot",
        "collector",
        "emit",
        "tail",
        "search",
        "trace",
        "alerts",
        "rules",
        "audit",
        "prune",
        "doctor",
    ] {
        assert!(run.out.contains(command), "{command}");
        assert_eq!(veribus(&[command, "--help"]).code, Some(0), "{command}");
    }
    assert_eq!(veribus(&[]).code, Some(2));
}

#[test]
fn an_option_without_effect_is_not_in_the_help() {
    let help = veribus(&["oneshot", "--help"]).out;
    assert!(!help.contains("--exit") && help.contains("--color <WHEN>"), "{help}");
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = veribus(&["completions", shell]);
        assert_eq!(run.code, Some(0));
        assert!(run.out.contains("veribus") && run.out.contains("oneshot"), "{shell}");
    }
}

#[test]
fn the_starter_rules_pass_their_own_tests() {
    let run = veribus(&["rules", "test", "--json"]);
    assert_eq!(run.code, Some(0), "{}", run.out);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert!(report["passed"] == true && report["cases"].as_array().unwrap().len() >= 16, "{report}");
    let run = veribus(&["rules", "lint", "--deny-warnings"]);
    assert_eq!(run.code, Some(0), "{}", run.out);
}

#[test]
fn a_rule_that_is_wrong_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.yml");
    let rule = "title: Odd\nname: odd\nlogsource:\n  category: authentication\n\
        detection:\n  selection:\n    actr: root\n  condition: selection\nlevel: hgih\n";
    fs::write(&path, rule).unwrap();
    let run = veribus(&["rules", "lint", "--json", folder.path().to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let faults = report["faults"].as_array().unwrap();
    let at = |word: &str| rule.lines().position(|line| line.contains(word)).unwrap() as u64 + 1;
    for word in ["actr", "hgih"] {
        let named = faults.iter().any(|f| f["line"].as_u64() == Some(at(word)));
        assert!(named && faults.iter().all(|f| f["file"].as_str() == path.to_str()), "{word}: {report}");
    }
    let strict = veribus(&["rules", "lint", "--deny-warnings", folder.path().to_str().unwrap()]);
    assert_eq!(strict.code, Some(1), "{}", strict.out);
    assert!(strict.out.contains("odd.yml:"), "{}", strict.out);
}

#[test]
fn a_file_that_is_no_rule_is_one_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("README.yml");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"), &path).unwrap();
    let run = veribus(&["rules", "lint", path.to_str().unwrap()]);
    assert_eq!((run.code, run.out.lines().count()), (Some(1), 2), "{}", run.out);
    assert!(run.out.contains("1 error, 0 warnings in 1 file\n"), "{}", run.out);
}

#[test]
fn a_failing_case_is_named_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "title: Root failed\nid: 7d1f5ae2-95a5-4a5d-a3b1-3c0d1d1e1f10\nname: root-failed\nstatus: stable\n\
        logsource:\n  product: veribus\n  category: authentication\n\
        detection:\n  selection:\n    actor: root\n    outcome: failure\n  condition: selection\nlevel: high\n";
    fs::write(folder.path().join("root-failed.yml"), rule).unwrap();
    let event = |outcome: &str| {
        format!(
            r#"{{"event": {{"time": "2026-11-21T10:00:00Z", "kind": "authentication", "action": "login", "outcome": "{outcome}", "actor": {{"name": "root"}}}}}}"#
        )
    };
    let cases = format!(
        "{{\"case\": \"a failure fires\", \"alerts\": 1}}\n{}\n{{\"case\": \"a success fires\", \"alerts\": 1}}\n{}\n",
        event("failure"),
        event("success")
    );
    fs::write(folder.path().join("root-failed.jsonl"), cases).unwrap();
    let run = veribus(&["rules", "test", folder.path().to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{}", run.out);
    assert!(run.out.contains("FAIL") && run.out.contains("a success fires"), "{}", run.out);
    assert!(!run.out.contains("a failure fires"), "passing cases are not listed: {}", run.out);
}
