//! Runs the tests of the whole workspace and counts them; what a test left out for want of data is shown.

use std::fs;
use std::path::PathBuf;

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::workspace;

/// Every test of every crate, under cargo-nextest where it is installed.
pub(crate) fn tests() -> Answer {
    let nextest = Run::cargo(&["nextest", "--version"]).capture().is_ok();
    let run = if nextest {
        let show = ["--success-output", "immediate", "--failure-output", "immediate"];
        let run = ["nextest", "run", "--locked", "--workspace", "--no-fail-fast"];
        Run::cargo(&[run.as_slice(), show.as_slice()].concat()).env("CARGO_TERM_COLOR", "never")
    } else {
        let targets = ["--lib", "--bins", "--tests", "--examples"];
        let run = ["test", "--locked", "--workspace", "--no-fail-fast"];
        Run::cargo(&[run.as_slice(), targets.as_slice(), &["--", "--show-output"]].concat())
            .env("CARGO_TERM_COLOR", "never")
    };
    count(run, "tests")
}

/// Every example in a doc comment; nextest does not run these.
pub(crate) fn doc_tests() -> Answer {
    let run = Run::cargo(&["test", "--locked", "--workspace", "--no-fail-fast", "--doc"]);
    count(run.env("CARGO_TERM_COLOR", "never"), "doc-tests")
}

/// Runs a test runner, shows what matters of its output and keeps the whole in a log.
pub(crate) fn count(run: Run, log_name: &str) -> Answer {
    let mut report = Report::default();
    let mut whole = String::new();
    let status = run.lines(|line| {
        whole.push_str(line);
        whole.push('\n');
        if report.read(line) {
            say(line);
        }
    })?;
    let log = write_log(log_name, &whole)?;
    let Report { passed, failed, skipped, .. } = report;
    if passed + failed == 0 {
        return Err(format!("no test ran; the whole output is in `{}`", log.display()));
    }
    if failed == 0 && !status.success() {
        return Err(format!(
            "{passed} tests passed and the runner still ended with {status}; the whole output is in `{}`",
            log.display()
        ));
    }
    if failed > 0 {
        say(&format!("the whole output is in `{}`", log.display()));
    }
    Ok(Outcome::Tests { passed, failed, skipped })
}

fn write_log(name: &str, whole: &str) -> Result<PathBuf, String> {
    let path = workspace::scratch()?.join(format!("{name}.log"));
    fs::write(&path, whole).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    Ok(path)
}

/// What a runner has said so far.
#[derive(Debug, Default)]
struct Report {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    quiet: bool,
}

/// Most skip lines that a summary names one by one.
const SKIPS_SHOWN: usize = 40;

impl Report {
    /// Takes one line of nextest's or libtest's output in; whether it is worth showing.
    fn read(&mut self, line: &str) -> bool {
        let text = line.trim_start();
        if let Some(counts) = text.strip_prefix("Summary [").and_then(|rest| rest.split_once("run:")) {
            self.add(counts.1, &["passed"], &["failed", "timed", "exec"]);
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.add(counts, &["passed"], &["failed"]);
        } else if let Some(counts) = pytest_summary(text) {
            self.add(counts, &["passed"], &["failed", "error", "errors"]);
        } else if let Some((what, number)) = node_summary(text) {
            self.add(&format!("{number} {what}"), &["pass"], &["fail", "cancelled"]);
        }
        if text.to_ascii_lowercase().starts_with("skip") {
            let news = self.skipped.len() < SKIPS_SHOWN && !self.skipped.iter().any(|known| known == text);
            if news {
                self.skipped.push(text.to_owned());
            }
            return news;
        }
        self.is_shown(line, text)
    }

    /// The output of a test that passed stays in the log; what failed is shown whole.
    fn is_shown(&mut self, line: &str, text: &str) -> bool {
        match text.split_once(" [").map(|(status, _)| status.trim()) {
            Some("PASS") => {
                self.quiet = true;
                return false;
            }
            Some("FAIL" | "TIMEOUT" | "SLOW" | "Summary" | "SIGABRT" | "SIGSEGV" | "ABORT") => {
                self.quiet = false
            }
            _ => {}
        }
        let passed = line.starts_with("test ") && line.ends_with("... ok") || text.starts_with("✔ ");
        !self.quiet && !passed && !text.is_empty()
    }

    fn add(&mut self, counts: &str, passed: &[&str], failed: &[&str]) {
        let words: Vec<&str> = counts.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            if passed.contains(&pair[1]) {
                self.passed += number;
            } else if failed.contains(&pair[1]) {
                self.failed += number;
            }
        }
    }
}

/// The counts in pytest's last line: `2 failed, 5 passed, 1 skipped in 1.23s`.
fn pytest_summary(line: &str) -> Option<&str> {
    let (counts, took) = line.trim_matches(['=', ' ']).split_once(" in ")?;
    let is_time = took.split(' ').next()?.strip_suffix('s')?.parse::<f64>().is_ok();
    let is_count = |part: &str| part.split_once(' ').is_some_and(|(number, _)| number.parse::<u64>().is_ok());
    (is_time && counts.split(", ").all(is_count)).then_some(counts)
}

/// One of the last lines of Node's runner: `ℹ pass 12`.
fn node_summary(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("ℹ ")?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_summaries_are_counted() {
        let mut report = Report::default();
        report.read(
            "     Summary [   1.234s] 12 tests run: 9 passed (2 slow), 2 failed, 1 timed out, 4 skipped",
        );
        assert_eq!((report.passed, report.failed), (9, 3));
        report.read(
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert_eq!((report.passed, report.failed), (14, 3));
        report.read("==== 2 failed, 352 passed, 1 skipped, 1 error in 75.10s (0:01:15) ====");
        report.read("it waited 5 times in 3 places");
        assert_eq!((report.passed, report.failed), (366, 6));
        for line in ["ℹ tests 9", "ℹ pass 7", "ℹ fail 1", "ℹ cancelled 1", "ℹ duration_ms 5"] {
            report.read(line);
        }
        assert!(!report.read("✔ a test that passed (1.5ms)"));
        assert_eq!((report.passed, report.failed), (373, 8));
    }

    #[test]
    fn what_a_passing_test_left_out_is_shown_and_its_other_output_is_not() {
        let mut report = Report::default();
        assert!(!report.read("        PASS [   0.004s] (1/2) veribus-sources::real_log reads_it"));
        assert!(!report.read("    test reads_it ... ok"));
        assert!(
            !report.read("    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out")
        );
        assert!(report.read("    skipped: ../shared/data/ssh-logs is not there"));
        assert!(report.read("        FAIL [   0.004s] (2/2) veribus-core event::id::ids_are_ordered"));
        assert!(report.read("    thread panicked at core/src/event/id.rs"));
        assert_eq!((report.passed, report.failed), (0, 0), "nextest counts in its summary, once");
        assert_eq!(report.skipped, ["skipped: ../shared/data/ssh-logs is not there"]);
    }
}
