//! A plan of steps: each announced, timed, and either passed, skipped for a visible reason, or the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::console::say;

/// How a step ended that did not fail.
pub(crate) enum Outcome {
    /// All it promises holds.
    Passed,
    /// Passed, and there is something to say in the summary.
    Noted(String),
    /// It ran tests: so many passed, so many failed, and what they said they left out.
    Tests { passed: u64, failed: u64, skipped: Vec<String> },
}

/// What a step answers; the error is shown as it is.
pub(crate) type Answer = Result<Outcome, String>;

/// One promise and the function that checks it.
pub(crate) struct Step {
    name: &'static str,
    quick: bool,
    check: fn() -> Answer,
}

impl Step {
    /// A step that `--quick` keeps.
    pub(crate) const fn daily(name: &'static str, check: fn() -> Answer) -> Self {
        Step { name, quick: true, check }
    }

    /// A step that `--quick` leaves out.
    pub(crate) const fn thorough(name: &'static str, check: fn() -> Answer) -> Self {
        Step { name, quick: false, check }
    }
}

/// Which steps run.
pub(crate) struct Plan {
    pub(crate) quick: bool,
}

/// What has happened so far.
#[derive(Default)]
struct Summary {
    lines: Vec<String>,
    passed: u64,
    failed: u64,
}

impl Plan {
    /// Runs the steps in order and stops at the first that fails. The last line counts the tests.
    pub(crate) fn run(&self, steps: &[Step]) -> ExitCode {
        let began = Instant::now();
        let mut summary = Summary::default();
        let mut green = true;
        for (index, step) in steps.iter().enumerate() {
            let place = format!("[{}/{}]", index + 1, steps.len());
            if self.quick && !step.quick {
                say(&format!("\n{place} {}: skipped, --quick", step.name));
                summary.lines.push(format!("skip     -  {}: --quick", step.name));
                continue;
            }
            say(&format!("\n{place} {} ...", step.name));
            let step_began = Instant::now();
            let answer = (step.check)();
            green = summary.take(step.name, step_began.elapsed(), answer);
            if !green {
                break;
            }
        }
        summary.show(began.elapsed());
        if green { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Summary {
    /// Notes one step's answer; whether to go on.
    fn take(&mut self, name: &str, took: Duration, answer: Answer) -> bool {
        let took = format!("{:>6.1} s", took.as_secs_f64());
        let (verdict, notes) = match answer {
            Ok(Outcome::Passed) => ("ok", vec![]),
            Ok(Outcome::Noted(note)) => ("ok", vec![note]),
            Ok(Outcome::Tests { passed: 0, failed: 0, .. }) => ("FAILED", vec!["no test ran".into()]),
            Ok(Outcome::Tests { passed, failed, skipped }) => {
                self.passed += passed;
                self.failed += failed;
                let verdict = if failed == 0 { "ok" } else { "FAILED" };
                let count = format!("{passed} passed, {failed} failed");
                (verdict, [count].into_iter().chain(skipped).collect())
            }
            Err(reason) => ("FAILED", vec![reason]),
        };
        say(&format!("{verdict}, {}: {name}", took.trim_start()));
        self.lines.push(format!("{verdict:<6} {took}  {name}"));
        for note in notes.iter().flat_map(|note| note.lines()) {
            self.lines.push(format!("                   {note}"));
        }
        verdict == "ok"
    }

    fn show(&self, took: Duration) {
        say(&format!("\nsummary ({:.0} s in all)", took.as_secs_f64()));
        for line in &self.lines {
            say(line);
        }
        say(&format!("\n{} passed, {} failed", self.passed, self.failed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_tests_that_counts_none_fails_the_plan() {
        let tests = |passed, failed| Ok(Outcome::Tests { passed, failed, skipped: vec![] });
        for (answer, is_green) in
            [(tests(0, 0), false), (tests(2, 1), false), (tests(2, 0), true), (Ok(Outcome::Passed), true)]
        {
            assert_eq!(Summary::default().take("tests", Duration::ZERO, answer), is_green);
        }
    }

    #[test]
    fn a_plan_ends_red_where_its_tests_step_ran_nothing() {
        let none: fn() -> Answer = || Ok(Outcome::Tests { passed: 0, failed: 0, skipped: vec![] });
        let one: fn() -> Answer = || Ok(Outcome::Tests { passed: 1, failed: 0, skipped: vec![] });
        for (check, code) in [(none, ExitCode::FAILURE), (one, ExitCode::SUCCESS)] {
            let ended = Plan { quick: true }.run(&[Step::daily("tests", check)]);
            assert_eq!(format!("{ended:?}"), format!("{code:?}"));
        }
    }
}
