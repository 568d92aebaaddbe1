//! `veribus spool drain DIR --to URL`: what dead processes have left is sent, and removed once a collector has stored it.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Serialize;
use veribus_core::escape::Escaped;
use veribus_core::{EventHandler, Source};
use veribus_handlers::forward::{Disk, ForwardHandler, ForwardHealth, SpoolSettings, check};
use veribus_transports::{Options, from_url};

use super::{DirArgs, not_listed};
use crate::cli::{CommandError, Exit};
use crate::output::{Output, counted};

/// How long what is under way has when time is over.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus spool drain /var/lib/orders/spool --to https://collector.example")]
pub(super) struct Args {
    #[command(flatten)]
    dir: DirArgs,
    /// Where to: http(s)://, nats://, tls://, redis:// or rediss://, as services have it
    #[arg(long, value_name = "URL")]
    to: String,
    /// File that holds the collector's token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Give up after so many seconds; what is left stays on disk
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    within: u64,
}

#[derive(Serialize)]
struct Document {
    stored: u64,
    duplicates: u64,
    spools_left: u64,
    in_use: u64,
    pending: u64,
    set_aside: Vec<String>,
    last_error: Option<String>,
}

/// Runs `veribus spool drain`.
///
/// # Errors
/// Exit code 2 where the directory cannot be listed or the address cannot be used.
pub(super) fn run(args: &Args, out: &mut Output) -> Result<Exit, CommandError> {
    let dir = &args.dir.dir;
    check(&Disk, dir).map_err(|error| not_listed("drain", dir, error))?;
    let health = drain(args, dir)?;
    let left = check(&Disk, dir).map_err(|error| not_listed("drain", dir, error))?;
    // The locks of those that live are theirs; ours are gone.
    let spools_left = health.adopted + health.set_aside.len() as u64;
    let document = Document {
        stored: health.stored,
        duplicates: health.duplicates,
        spools_left,
        in_use: (left.len() as u64).saturating_sub(spools_left),
        pending: left.iter().map(|spool| spool.pending).sum(),
        set_aside: health.set_aside,
        last_error: health.last_error,
    };
    if out.is_json() {
        out.json(&document)?;
    } else {
        show(&document, out)?;
    }
    Ok(if spools_left == 0 { Exit::Fine } else { Exit::Unsent })
}

/// A forwarder that publishes nothing takes over what is left behind, as every service does at its start.
fn drain(args: &Args, dir: &Path) -> Result<ForwardHealth, CommandError> {
    let options = args
        .token_file
        .iter()
        .fold(Options::new(), |options, file| options.set("token_file", file.to_string_lossy().into_owned()));
    let factory = from_url(&args.to, &options).map_err(|error| {
        let told = CommandError::usage("the address cannot be used").because(error);
        told.help("for example --to http://127.0.0.1:8765 --token-file veribus-data/token")
    })?;
    let settings = SpoolSettings { reserve_bytes: 0, ..SpoolSettings::new(dir) };
    let builder = ForwardHandler::builder(factory, Source::new("veribus-spool-drain")).spool(settings);
    let mut forwarder = builder.build().map_err(|error| not_listed("drain", dir, error))?;
    let (watch, until) = (forwarder.watch(), Instant::now() + Duration::from_secs(args.within));
    let is_done = |health: &ForwardHealth| health.looked && health.adopted == 0;
    while !is_done(&watch.health()) && Instant::now() < until {
        sleep(Duration::from_millis(5));
    }
    forwarder.close(Instant::now() + CLOSE_WITHIN);
    drop(forwarder);
    Ok(watch.health())
}

fn show(done: &Document, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    let (stored, known) = (counted(done.stored, "event"), done.duplicates);
    out.line(format_args!("{}  {stored} stored, {known} were stored before", style.green("sent")))?;
    if done.in_use > 0 {
        let spools = counted(done.in_use, "spool");
        out.line(format_args!("in use  {spools}, whose processes send them"))?;
    }
    for why in &done.set_aside {
        out.line(format_args!("{}  {}", style.red("left alone"), Escaped(why)))?;
    }
    if done.spools_left > 0 {
        let (left, pending) = (counted(done.spools_left, "spool"), counted(done.pending, "event"));
        let why = done.last_error.as_deref().unwrap_or("time was over");
        out.line(format_args!("{}  {left}, {pending}: {}", style.red("left"), Escaped(why)))?;
    }
    Ok(())
}
