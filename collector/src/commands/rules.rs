//! `veribus rules test|lint`: rules are tried on their own events and read with a critical eye before they are used.

use std::path::PathBuf;

use serde::Serialize;
use veribus_core::escape::Escaped;
use veribus_detection::{CaseResult, RuleError, RuleSet, TestReport, test_rules};

use crate::cli::{CommandError, Exit};
use crate::oneshot::rule_files::{RuleFiles, borrowed};
use crate::output::{Output, counted};

/// Arguments of `veribus rules`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run each rule's own test cases: events that fire it, and events that leave it silent
    ///
    /// Cases are the *.jsonl files in the folders that are named, or files that are named themselves. Exits 1 if
    /// a case fails, or an alerting rule is not tested both ways.
    Test(TestArgs),
    /// Say what is wrong or odd with rules
    ///
    /// Exits 1 if a rule could not be used.
    Lint(LintArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Folders or files of rules and test cases [default: the starter set]
    paths: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct LintArgs {
    /// Folders or files of rules [default: the starter set]
    paths: Vec<PathBuf>,
    /// Exit with 1 for warnings too
    #[arg(long)]
    deny_warnings: bool,
}

/// Runs `veribus rules test` or `lint`.
///
/// # Errors
/// Exit code 2 where files cannot be read, or (`test`) rules cannot be used.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    match args.command {
        Command::Test(args) => test(&args.paths, out),
        Command::Lint(args) => lint(&args, out),
    }
}

fn test(paths: &[PathBuf], out: &mut Output) -> Result<Exit, CommandError> {
    let report = if paths.is_empty() {
        test_rules(&RuleSet::starter(), RuleSet::starter_tests())
    } else {
        let files = RuleFiles::rules_and_tests(paths)?;
        test_rules(&files.parse()?, &borrowed(&files.tests))
    };
    if out.is_json() {
        out.json(&TestDocument { passed: report.passed(), report: &report })?;
    } else {
        show_test(&report, out)?;
    }
    Ok(if report.passed() { Exit::Fine } else { Exit::Found })
}

#[derive(Serialize)]
struct TestDocument<'a> {
    passed: bool,
    #[serde(flatten)]
    report: &'a TestReport,
}

fn show_test(report: &TestReport, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    let same_rule = |a: &CaseResult, b: &CaseResult| a.rule == b.rule && a.file == b.file;
    for cases in report.cases.chunk_by(same_rule) {
        let failed = cases.iter().filter(|case| case.failure.is_some()).count();
        let verdict = if failed == 0 { style.green("PASS") } else { style.red("FAIL") };
        out.line(format_args!(
            "{verdict} {:<28} {}",
            Escaped(&cases[0].rule).to_string(),
            counted(cases.len() as u64, "case")
        ))?;
        for case in cases {
            let Some(why) = &case.failure else { continue };
            let (file, line) = (Escaped(&case.file), case.line);
            out.line(format_args!("  {file}:{line}: case \"{}\"", Escaped(&case.case)))?;
            out.line(format_args!("    {}", Escaped(why)))?;
        }
    }
    for untested in &report.untested {
        let rule = Escaped(&untested.rule).to_string();
        out.line(format_args!("{} {rule:<28} lacks {}", style.red("FAIL"), untested.lacks))?;
    }
    let failed = report.failures().count();
    let passed = report.cases.len() - failed;
    let (failed, untested) = (counted(failed as u64, "case"), counted(report.untested.len() as u64, "rule"));
    out.line(format_args!("{failed} failed, {passed} passed, {untested} not tested both ways"))
}

fn lint(args: &LintArgs, out: &mut Output) -> Result<Exit, CommandError> {
    let (mut faults, files) = if args.paths.is_empty() {
        (RuleSet::lint(RuleSet::starter_files()), RuleSet::starter_files().len())
    } else {
        let files = RuleFiles::rules(&args.paths)?;
        (RuleSet::lint(&borrowed(&files.rules)), files.rules.len())
    };
    // What is no YAML is said once, however many documents the parser took it for.
    faults.dedup_by(|next, first| {
        let place = |fault: &RuleError| (fault.file.clone(), fault.line, fault.code.as_str());
        first.code.as_str() == "RULE_YAML" && place(next) == place(first)
    });
    let warnings = faults.iter().filter(|fault| fault.code.is_warning()).count();
    let errors = faults.len() - warnings;
    let passed = errors == 0 && (warnings == 0 || !args.deny_warnings);
    if out.is_json() {
        out.json(&LintDocument { passed, files, errors, warnings, faults: &faults })?;
    } else {
        show_lint(&faults, out)?;
        let (errors, warnings) = (counted(errors as u64, "error"), counted(warnings as u64, "warning"));
        out.line(format_args!("{errors}, {warnings} in {}", counted(files as u64, "file")))?;
    }
    Ok(if passed { Exit::Fine } else { Exit::Found })
}

#[derive(Serialize)]
struct LintDocument<'a> {
    passed: bool,
    files: usize,
    errors: usize,
    warnings: usize,
    faults: &'a [RuleError],
}

fn show_lint(faults: &[RuleError], out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    for fault in faults {
        let kind = match fault.code.is_warning() {
            true => style.yellow("warning"),
            false => style.red("error"),
        };
        let (file, line) = (Escaped(&fault.file), fault.line);
        out.line(format_args!("{file}:{line}: {kind} {}: {}", fault.code.as_str(), Escaped(&fault.message)))?;
    }
    Ok(())
}
