//! `cargo xtask test`: everything the README promises, checked in one command, cheap steps first.

mod command;
mod console;
mod crates;
mod faults;
mod instructions;
mod node;
mod planted;
mod proofs;
mod python;
mod readme;
mod shell;
mod step;
mod suite;
mod three_services;
mod throughput;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use console::say;
use step::{Plan, Step};

const HELP: &str = "\
Tasks of this repository.

Usage: cargo xtask test [--quick]
       cargo xtask faults [--tier 0|1 | --planted]
       cargo xtask throughput [--quick]
       cargo xtask python
       cargo xtask node
       cargo xtask three-services

  test           everything the README promises, cheap steps first; stops at the first step that fails
  test --quick   for daily work: format, scripts, lints and tests; no models, no documentation, no feature
                 walk, no release build
  faults         the fault tests with real processes, at tier 0 (as in `test`) or 1 (ten times as much and more);
                 appends what was done to tests/LEDGER.md
  faults --planted   the fault tests against bugs that are planted on purpose, one at a time: each must be found
  throughput     what a collector stores and the transports move a second, written into docs/collector.md and
                 docs/transports.md; for a machine that does nothing else
  throughput --quick   the same, short, and nothing is written
  python         the Python package alone: wheel, virtual environment, pytest
  node           the Node package alone: addon, TypeScript, its tests
  three-services the example of that name, with what `python` and `node` have built

The last line counts the tests: `N passed, N failed`.
Exit code: 0 all green, 1 a step failed, 2 usage.";

const THREE_SERVICES: &str = "one trace through Node, Python and Rust";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test"] => run_plan(false),
        ["test", "--quick"] => run_plan(true),
        ["faults"] => run_faults("0"),
        ["faults", "--tier", tier @ ("0" | "1")] => run_faults(tier),
        ["faults", "--planted"] => run_planted(),
        ["throughput"] => run_throughput(throughput::Size::Full),
        ["throughput", "--quick"] => run_throughput(throughput::Size::Quick),
        ["python"] => run_one(Step::daily("the Python package", python::package_works)),
        ["node"] => run_one(Step::daily("the Node package", node::package_works)),
        ["three-services"] => run_one(Step::daily(THREE_SERVICES, three_services::work_together)),
        ["help" | "--help" | "-h"] => {
            say(HELP);
            ExitCode::SUCCESS
        }
        [] => usage("no task given"),
        ["faults", ..] => usage("`faults` takes `--tier 0`, `--tier 1` or `--planted`"),
        ["test", unknown, ..] => usage(&format!("unknown argument `{unknown}` for `test`")),
        [unknown, ..] => usage(&format!("unknown task `{unknown}`")),
    }
}

fn run_one(step: Step) -> ExitCode {
    if let Err(reason) = workspace::enter_root() {
        say(&format!("xtask: {reason}"));
        return ExitCode::FAILURE;
    }
    Plan { quick: false }.run(&[step])
}

fn run_plan(quick: bool) -> ExitCode {
    if let Err(reason) = workspace::enter_root() {
        say(&format!("xtask: {reason}"));
        return ExitCode::FAILURE;
    }
    Plan { quick }.run(&[
        Step::daily("toolchain", toolchain::check),
        Step::daily("format", toolchain::format_is_clean),
        Step::daily("shell scripts parse", shell::scripts_parse),
        Step::daily("dependencies stay few and allowed", crates::dependencies_are_allowed),
        Step::daily("lints, warnings denied", toolchain::lints_are_clean),
        Step::daily("build", toolchain::workspace_builds),
        Step::daily("tests", suite::tests),
        Step::daily("examples in the documentation", suite::doc_tests),
        Step::thorough("models of the ring, every interleaving", proofs::loom_models_hold),
        Step::thorough("the ring under random schedules", proofs::shuttle_finds_nothing),
        Step::thorough("the ring under AddressSanitizer", proofs::sanitizer_is_silent),
        Step::thorough("the ring under miri", proofs::miri_is_silent),
        Step::daily("the Python package", python::package_works),
        Step::daily("the Node package", node::package_works),
        Step::daily(THREE_SERVICES, three_services::work_together),
        Step::thorough("documentation, warnings denied", toolchain::documentation_is_clean),
        Step::thorough("each feature alone", crates::each_feature_alone),
        Step::daily("the program of the README", readme::program_runs),
        Step::thorough("instructions of the hot paths", instructions::stay_within_their_record),
        Step::thorough("the first command of the README", readme::first_command_runs),
    ])
}

fn run_faults(tier: &str) -> ExitCode {
    ended(workspace::enter_root().and_then(|()| faults::run(tier)))
}

fn run_throughput(size: throughput::Size) -> ExitCode {
    ended(workspace::enter_root().and_then(|()| throughput::run(size)))
}

fn run_planted() -> ExitCode {
    ended(workspace::enter_root().and_then(|()| planted::run()))
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say(&format!("xtask: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn usage(reason: &str) -> ExitCode {
    say(&format!("xtask: {reason}\n\n{HELP}"));
    ExitCode::from(2)
}
