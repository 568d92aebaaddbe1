//! `veribus spool check DIR`: what waits in the spools of a directory, and what is damaged; changes nothing.

use serde::Serialize;
use veribus_core::escape::Escaped;
use veribus_handlers::forward::{Disk, SpoolCheck, check};

use super::{DirArgs, not_listed};
use crate::cli::{CommandError, Exit};
use crate::output::{Output, counted};

/// Runs `veribus spool check`.
///
/// # Errors
/// Exit code 2 where the directory cannot be listed.
pub(super) fn run(DirArgs { dir }: &DirArgs, out: &mut Output) -> Result<Exit, CommandError> {
    let spools = check(&Disk, dir).map_err(|error| not_listed("check", dir, error))?;
    let sound = spools.iter().all(SpoolCheck::is_sound);
    if out.is_json() {
        let spools = spools.iter().map(Found::of).collect();
        out.json(&Document { path: dir.to_string_lossy().into_owned(), sound, spools })?;
    } else {
        show(&spools, out)?;
    }
    Ok(if sound { Exit::Fine } else { Exit::Found })
}

fn show(spools: &[SpoolCheck], out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    if spools.is_empty() {
        return out.line(format_args!("no spools: nothing waits here"));
    }
    for spool in spools {
        let verdict = if spool.is_sound() { style.green("ok") } else { style.red("DAMAGED") };
        let shown = spool.path.to_string_lossy();
        let (pending, segments) = (counted(spool.pending, "event"), counted(spool.segments, "segment"));
        out.line(format_args!("{verdict}  {}  {pending} pending, {segments}", Escaped(&shown)))?;
        if spool.damaged_bytes > 0 {
            out.line(format_args!("  damaged     {}", counted(spool.damaged_bytes, "byte")))?;
        }
        if spool.tail_bytes > 0 {
            let tail = counted(spool.tail_bytes, "byte");
            out.line(format_args!("  crash tail  {tail} behind the last record, or being written now"))?;
        }
        for why in &spool.unreadable {
            out.line(format_args!("  unreadable  {}", Escaped(why)))?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Document {
    path: String,
    sound: bool,
    spools: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    path: String,
    sound: bool,
    segments: u64,
    bytes: u64,
    pending: u64,
    tail_bytes: u64,
    damaged_bytes: u64,
    unreadable: Vec<String>,
}

impl Found {
    fn of(spool: &SpoolCheck) -> Self {
        Found {
            path: spool.path.to_string_lossy().into_owned(),
            sound: spool.is_sound(),
            segments: spool.segments,
            bytes: spool.bytes,
            pending: spool.pending,
            tail_bytes: spool.tail_bytes,
            damaged_bytes: spool.damaged_bytes,
            unreadable: spool.unreadable.clone(),
        }
    }
}
