//! `veribus audit verify PATH`: reads every line of an audit trail and names the first that was altered.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use veribus_core::escape::Escaped;
use veribus_handlers::AuditError;
use veribus_handlers::audit::{Anchor, VerifyReport, verify};

use crate::cli::{CommandError, Exit};
use crate::output::{Output, counted, grouped};

/// The trail's file in a folder that is named instead of it.
pub(crate) const LOG_NAME: &str = "audit.log";

/// How every line of a trail begins.
const LINE_BEGINS: &[u8] = br#"{"v":1,"log":""#;
/// Bytes that are searched for such a line.
const LOOK_BYTES: u64 = 1 << 20;

/// Arguments of `veribus audit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check that no line was changed, removed, added or moved
    ///
    /// Exits 0 if the trail is intact, 1 if it was altered (the segment and the line are named), 2 if there is
    /// no trail to read.
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// The trail that is written to (`audit.log`; closed segments beside it are read too), its folder, or a
    /// collector's data folder
    path: PathBuf,
    /// Fail also on what a crash left behind the last line, and on a missing head file
    #[arg(long)]
    strict: bool,
}

/// Runs `veribus audit verify`.
///
/// # Errors
/// Exit code 2 where the trail cannot be read.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let Command::Verify(args) = args.command;
    let path = log_in(&args.path);
    let path = if path.exists() { path } else { trail_of_collector(&args.path).unwrap_or(path) };
    let report = verify(&path).map_err(|error| unreadable(&path, error))?;
    if is_no_trail(&path, &report) {
        let shown = path.to_string_lossy();
        let told = CommandError::usage(format!("`{}` is not an audit trail", Escaped(&shown)));
        return Err(told.help(format!("name the trail itself or the folder that holds `{LOG_NAME}`")));
    }
    // A head that is there and cannot be read was damaged: what it held is held no more.
    let held = report.anchor != Anchor::Unreadable;
    let passed = if args.strict { report.is_spotless() } else { report.is_intact() && held };
    if out.is_json() {
        out.json(&Document::of(&path, &report, passed))?;
    } else {
        show(&path, &report, passed, out)?;
    }
    Ok(if passed { Exit::Fine } else { Exit::Found })
}

/// The trail itself, where its folder was named.
pub(crate) fn log_in(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(LOG_NAME) } else { path.to_owned() }
}

/// The trail in a collector's data folder, where that was named.
fn trail_of_collector(data: &Path) -> Option<PathBuf> {
    let path = data.join("audit").join(LOG_NAME);
    path.is_file().then_some(path)
}

/// Whether a file never was a trail: no line of it begins as a trail's do, and no head is kept beside it.
///
/// A trail whose first line was changed still has its other lines or its head, and was altered.
fn is_no_trail(path: &Path, report: &VerifyReport) -> bool {
    if report.lines > 0 || report.anchor != Anchor::Missing || report.segments.len() != 1 {
        return false;
    }
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOK_BYTES).read_to_end(&mut beginning));
    let begins = |line: &[u8]| line.starts_with(LINE_BEGINS) || LINE_BEGINS.starts_with(line);
    let mut lines = beginning.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    read.is_ok() && !beginning.is_empty() && !lines.any(begins)
}

fn unreadable(path: &Path, error: AuditError) -> CommandError {
    let shown = path.to_string_lossy();
    let failed = CommandError::usage(format!("cannot verify `{}`", Escaped(&shown))).because(error);
    failed.help(format!("name the trail itself or the folder that holds `{LOG_NAME}`"))
}

fn show(path: &Path, report: &VerifyReport, passed: bool, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    if let Some(bad) = &report.first_bad {
        let segment = bad.segment.to_string_lossy();
        out.line(format_args!("{}  {} line {}", style.red("ALTERED"), Escaped(&segment), grouped(bad.line)))?;
        out.line(format_args!("  what   {}", bad.problem))?;
        out.line(format_args!("  where  byte {} of the file, index {} of the trail", bad.offset, bad.index))?;
        return out.line(format_args!("  good   {} before it", counted(report.lines, "line")));
    }
    let head = report.head.map_or_else(|| "none".to_owned(), |head| head.to_string());
    let verdict = if passed { style.green("ok") } else { style.red("FAILED") };
    let (lines, events) = (counted(report.lines, "line"), counted(report.events, "event"));
    let files = counted(report.segments.len() as u64, "file");
    out.line(format_args!("{verdict}  {lines}, {events}, {files}, head {head}"))?;
    if report.removed > 0 {
        out.line(format_args!("  removed by retention: {}", counted(report.removed, "older line")))?;
    }
    if let Some(tail) = &report.crash_tail {
        let segment = tail.segment.to_string_lossy();
        let at = format_args!("{} line {}", Escaped(&segment), grouped(tail.line)).to_string();
        out.line(format_args!("  crash tail of {} bytes at {at}: no sign of tampering", tail.bytes))?;
    }
    if report.anchor != Anchor::Anchored {
        let head = format!("{}.head", path.to_string_lossy());
        let (state, why) = (report.anchor.as_str(), "a last line that was changed or cut off would not show");
        out.line(format_args!("  the head file `{}` is {state}: {why}", Escaped(&head)))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Document {
    path: String,
    verified: bool,
    intact: bool,
    log: Option<String>,
    lines: u64,
    events: u64,
    removed: u64,
    head: Option<String>,
    anchor: &'static str,
    anchored_lines: Option<u64>,
    segments: Vec<String>,
    first_bad: Option<Bad>,
    crash_tail: Option<Tail>,
}

#[derive(Serialize)]
struct Bad {
    segment: String,
    line: u64,
    offset: u64,
    index: u64,
    problem: String,
}

#[derive(Serialize)]
struct Tail {
    segment: String,
    line: u64,
    offset: u64,
    bytes: u64,
}

impl Document {
    fn of(path: &Path, report: &VerifyReport, passed: bool) -> Self {
        let name = |path: &Path| path.to_string_lossy().into_owned();
        Document {
            path: name(path),
            verified: passed,
            intact: report.is_intact(),
            log: report.log.map(|log| log.to_string()),
            lines: report.lines,
            events: report.events,
            removed: report.removed,
            head: report.head.map(|head| head.to_string()),
            anchor: report.anchor.as_str(),
            anchored_lines: report.anchored_lines,
            segments: report.segments.iter().map(|segment| name(segment)).collect(),
            first_bad: report.first_bad.as_ref().map(|bad| Bad {
                segment: name(&bad.segment),
                line: bad.line,
                offset: bad.offset,
                index: bad.index,
                problem: bad.problem.to_string(),
            }),
            crash_tail: report.crash_tail.as_ref().map(|tail| Tail {
                segment: name(&tail.segment),
                line: tail.line,
                offset: tail.offset,
                bytes: tail.bytes,
            }),
        }
    }
}
