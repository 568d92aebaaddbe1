//! Input that is not as it should be: said clearly, counted, and the rest is read all the same.

#![allow(clippy::unwrap_used)]

mod oneshot_support;

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use oneshot_support::{Finished, VERIBUS, attack, command, failed_line, oneshot, veribus, veribus_fed};
use tempfile::TempDir;

/// A folder with a good log in it, beside which something else is tried.
struct Beside {
    folder: TempDir,
}

impl Beside {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("good.log"), attack("203.0.113.9")).unwrap();
        Beside { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }
}

/// The good log was read although something beside it could not be.
fn the_rest_was_read(run: &Finished) {
    let report = run.json();
    assert!(report["events_total"].as_u64().unwrap() >= 6, "{report}");
    assert!(report["alerts"].as_array().unwrap().iter().any(|a| a["entity"]["value"] == "203.0.113.9"));
    assert_eq!((&report["audit"]["verified"], &report["losses"]["total"]), (&true.into(), &0.into()));
}

fn error_of(run: &Finished) -> String {
    let report = run.json();
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(run.err.contains("warning:"), "said on standard error too: {}", run.err);
    format!("{} {}", errors[0]["message"], errors[0]["help"])
}

#[test]
fn an_empty_file_that_was_named_fails_and_one_in_a_folder_is_a_note() {
    let beside = Beside::new();
    let empty = beside.write("empty.log", b"");
    let run = oneshot(&[&empty, &beside.path("good.log")]);
    assert_eq!(run.code, Some(1));
    assert!(error_of(&run).contains("empty"));
    the_rest_was_read(&run);

    let run = oneshot(&[beside.folder.path()]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.json()["notes"][0]["message"].as_str().unwrap().contains("empty"));
    the_rest_was_read(&run);
}

#[test]
fn what_is_no_log_is_named_for_what_it_is() {
    let cases: [(&[u8], &str); 5] = [
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0", "binary"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "zcat"),
        (b"\xff\xfea\0b\0", "iconv"),
        (b"LPKSHHRH\0\0\0\0", "journalctl"),
        (b"Dear diary,\ntoday nothing happened.\n", "--format"),
    ];
    for (bytes, word) in cases {
        let beside = Beside::new();
        beside.write("other", bytes);
        let run = oneshot(&[beside.folder.path()]);
        assert_eq!(run.code, Some(1), "{word}");
        assert!(error_of(&run).contains(word), "{word}: {}", run.err);
        the_rest_was_read(&run);
    }
}

#[test]
fn a_missing_path_fails_and_the_rest_is_read() {
    let beside = Beside::new();
    let run = oneshot(&[Path::new("/nowhere/at.log"), &beside.path("good.log")]);
    assert_eq!(run.code, Some(1));
    assert!(error_of(&run).contains("No such file"));
    the_rest_was_read(&run);
}

/// Runs as a user who may read only what everybody may. Root may read everything, so tests that run as root
/// become `nobody`, with a copy of the binary where nobody may run it.
fn as_somebody_else(args: &[&str]) -> Finished {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        return veribus(args);
    }
    let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let program = folder.path().join("veribus");
    fs::copy(VERIBUS, &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command.args(args).env("TMPDIR", "/tmp").current_dir("/").uid(65534).gid(65534).stdin(Stdio::null());
    loop {
        match command.output() {
            // Another test's child was forked while the copy was being written, and holds it open until it execs.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            output => return output.unwrap().into(),
        }
    }
}

#[test]
fn folders_and_files_without_permission_are_said_and_the_rest_is_read() {
    let beside = Beside::new();
    let open = |mode| Permissions::from_mode(mode);
    fs::set_permissions(beside.folder.path(), open(0o755)).unwrap();
    fs::set_permissions(beside.path("good.log"), open(0o644)).unwrap();
    let (folder, file) = (beside.path("closed"), beside.write("closed.log", attack("192.0.2.1").as_bytes()));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, open(0o000)).unwrap();
    fs::set_permissions(&file, open(0o000)).unwrap();
    let run = as_somebody_else(&["oneshot", "--exit", "--json", beside.folder.path().to_str().unwrap()]);
    fs::set_permissions(&folder, open(0o755)).unwrap();
    assert_eq!(run.code, Some(1), "{}", run.err);
    let report = run.json();
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{errors:?}");
    for (error, name) in errors.iter().zip(["closed", "closed.log"]) {
        assert!(error["path"].as_str().unwrap().ends_with(name), "{error}");
        let said = error["message"].as_str().unwrap();
        assert!(said.contains("Permission denied"), "{said}");
        assert!(error["help"].as_str().unwrap().contains("may read"));
    }
    the_rest_was_read(&run);
}

#[test]
fn a_line_of_ten_megabytes_is_passed_over_and_counted() {
    let beside = Beside::new();
    let giant = vec![b'x'; 10 * 1024 * 1024];
    for (before, name) in [(attack("192.0.2.7"), "middle"), (String::new(), "first")] {
        let text = [before.as_bytes(), &giant, b"\n", attack("192.0.2.8").as_bytes()].concat();
        let run = oneshot(&[&beside.write(name, &text), &beside.path("good.log")]);
        assert_eq!(run.code, Some(1), "{}", run.err);
        let number = before.lines().count() + 1;
        let said = error_of(&run);
        assert!(said.contains("10485760 bytes") && said.contains(&format!("line {number}")), "{said}");
        let report = run.json();
        assert_eq!(report["files"][0]["unparsed_by"]["too_long"], 1);
        assert_eq!(report["files"][0]["lines"].as_u64(), Some(before.lines().count() as u64 + 7));
        assert!(report["alerts"].as_array().unwrap().iter().any(|a| a["entity"]["value"] == "192.0.2.8"));
        the_rest_was_read(&run);
    }
}

#[test]
fn lines_that_are_not_utf8_are_counted_and_read() {
    let mut text = attack("192.0.2.9").into_bytes();
    text.extend_from_slice(
        b"Dec 10 00:02:00 web1 sshd[1]: Failed password for \xff\xfe\x80 from 192.0.2.9 port 1 ssh2\n",
    );
    let run = veribus_fed(&["oneshot", "--json", "-"], &text);
    let report = run.json();
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!((&report["files"][0]["invalid_utf8"], &report["events_total"]), (&1.into(), &7.into()));
    assert!(report["notes"][0]["message"].as_str().unwrap().contains("UTF-8"));
    assert!(run.err.contains("note: standard input: lines that are not valid UTF-8: 1"), "{}", run.err);
}

#[test]
fn a_file_truncated_while_it_is_read_is_said() {
    let beside = Beside::new();
    let line = failed_line(1, "root", "192.0.2.3");
    let big = beside.write("big.log", line.repeat(LINES_TO_BE_CAUGHT_IN).as_bytes());
    let size = fs::metadata(&big).unwrap().len();
    let child = read_with_good(&beside, &big);
    wait_until_half_read(child.id(), &big);
    OpenOptions::new().write(true).open(&big).unwrap().set_len(0).unwrap();
    let run = Finished::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(1), "{}", run.err);
    let said = error_of(&run);
    assert!(said.contains("truncated while it was read") && said.contains(&size.to_string()), "{said}");
    the_rest_was_read(&run);
}

/// Lines of a file that takes long enough to be caught being read.
const LINES_TO_BE_CAUGHT_IN: usize = 400_000;

fn read_with_good(beside: &Beside, first: &Path) -> Child {
    let good = beside.path("good.log");
    command(&["oneshot", "--json", first.to_str().unwrap(), good.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns when the process has begun with the file and is not through with it.
fn wait_until_half_read(process: u32, file: &Path) {
    let (size, until) = (fs::metadata(file).unwrap().len(), Instant::now() + Duration::from_secs(60));
    loop {
        match position_in(process, file) {
            Some(position) if position > 0 => {
                return assert!(position < size, "the file was read too fast to be caught");
            }
            _ => assert!(Instant::now() < until, "the file was never read"),
        }
    }
}

/// How far a process has read a file that it has open.
fn position_in(process: u32, file: &Path) -> Option<u64> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).ok()?;
    let open = entries.flatten().find(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == file))?;
    let info = format!("/proc/{process}/fdinfo/{}", open.file_name().to_str()?);
    let info = fs::read_to_string(info).ok()?;
    info.lines().find_map(|line| line.strip_prefix("pos:"))?.trim().parse().ok()
}

#[test]
fn what_is_added_while_it_is_read_is_said_and_the_last_line_is_whole() {
    let beside = Beside::new();
    let line = failed_line(1, "root", "192.0.2.3");
    let log = beside.write("live.log", line.repeat(LINES_TO_BE_CAUGHT_IN).as_bytes());
    let child = read_with_good(&beside, &log);
    wait_until_half_read(child.id(), &log);
    OpenOptions::new().append(true).open(&log).unwrap().write_all(line.repeat(3).as_bytes()).unwrap();
    let run = Finished::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let report = run.json();
    assert_eq!(report["files"][0]["lines"], LINES_TO_BE_CAUGHT_IN);
    let said = report["notes"][0]["message"].as_str().unwrap();
    assert!(said.contains(&format!("grew by {} bytes", line.len() * 3)), "{said}");
    the_rest_was_read(&run);
}

#[test]
fn nothing_to_read_is_not_a_clean_bill() {
    let run = veribus_fed(&["oneshot", "--json", "-"], b"");
    assert_eq!(run.code, Some(1));
    let folder = tempfile::tempdir().unwrap();
    let run = oneshot(&[folder.path()]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("nothing to read"), "{}", run.err);
}

#[test]
fn unparsed_lines_are_counted_and_shown_escaped() {
    let mut text = attack("192.0.2.4");
    text += "Dec 10 00:03:00 web1 sshd[1]: something \x1b[31mnew\u{202e} entirely\n";
    let run = veribus_fed(&["oneshot", "-"], text.as_bytes());
    assert_eq!(run.code, Some(0));
    assert!(run.out.contains("line 7:") && run.out.contains(r"\u{1b}[31mnew\u{202e}"), "{}", run.out);
    let report = veribus_fed(&["oneshot", "--json", "-"], text.as_bytes()).json();
    let file = &report["files"][0];
    let count = |name: &str| file[name].as_u64().unwrap();
    assert_eq!((count("unparsed"), &file["unparsed_samples"][0]["line"]), (1, &7.into()));
    assert_eq!(count("lines"), count("lines_with_events") + count("ignored") + count("unparsed"));
}

#[test]
fn where_nothing_was_read_no_page_of_zeroes_is_shown() {
    let run = veribus(&["oneshot", "/nonexistent/auth.log"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.err.contains("`/nonexistent/auth.log`: cannot open: No such file"), "{}", run.err);
}
