//! Makes a damaged spool of a dead process whole: what is sound is written into a new spool, and the old one is moved to
//! `quarantine/`, never deleted.
//!
//! The new spool is synced before the old one moves. A death between the two leaves both: their events are sent twice
//! and stored once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use veribus_core::fs::{Fs, Locking};
use veribus_core::{Account, Clock, LossReason, Rng, Source};

use super::super::adopt::{Strangers, segments, spool_id};
use super::super::error::ForwardError;
use super::super::reader::{Chunk, Reader};
use super::super::settings::SpoolSettings;
use super::super::spool::{Encoded, Room, Spool};
use super::check::{SpoolCheck, check};

/// Where damaged spools go, beside the others.
const QUARANTINE: &str = "quarantine";
/// Events and bytes that are copied at once.
const CHUNK: (usize, usize) = (1000, 1 << 20);

/// What became of one spool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// What was wrong with it.
    pub before: SpoolCheck,
    /// What was done, or would be.
    pub outcome: RepairOutcome,
}

/// What was done with one spool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairOutcome {
    /// Nothing: it is sound.
    Sound,
    /// Nothing: the process that writes it lives.
    InUse(Option<u32>),
    /// It would be repaired.
    WouldRepair,
    /// Repaired.
    Repaired {
        /// Where what is sound is now; `None` if nothing was.
        to: Option<PathBuf>,
        /// Events in it.
        events: u64,
        /// Losses that it tells the collector of.
        losses: u64,
        /// Where the old one is.
        kept: PathBuf,
    },
    /// It could not be, and why.
    Failed(String),
}

/// Repairs every damaged spool in `root` that no process holds; with `dry_run` only says what it would do.
///
/// # Errors
/// [`ForwardError::Io`] if `root` cannot be listed; what goes wrong with one spool is in the answer.
pub fn repair(
    fs: &Arc<dyn Fs>,
    clock: &Arc<dyn Clock>,
    rng: &dyn Rng,
    root: &Path,
    dry_run: bool,
) -> Result<Vec<Repair>, ForwardError> {
    let found = check(&**fs, root)?;
    let one = |before: SpoolCheck| {
        let outcome = match before.is_sound() {
            true => RepairOutcome::Sound,
            false => one(fs, clock, rng, root, &before.path, dry_run).unwrap_or_else(RepairOutcome::Failed),
        };
        Repair { before, outcome }
    };
    Ok(found.into_iter().map(one).collect())
}

fn one(
    fs: &Arc<dyn Fs>,
    clock: &Arc<dyn Clock>,
    rng: &dyn Rng,
    root: &Path,
    dir: &Path,
    dry_run: bool,
) -> Result<RepairOutcome, String> {
    let said = |error: std::io::Error| error.to_string();
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(id) = spool_id(&name) else { return Err("it is no spool".to_owned()) };
    let lock = match fs.lock(&dir.join("lock")).map_err(said)? {
        Locking::Held(pid) => return Ok(RepairOutcome::InUse(pid)),
        Locking::Taken(lock) => lock,
    };
    let found = segments(&**fs, dir, id, Strangers::PassedOver)?;
    if dry_run {
        return Ok(RepairOutcome::WouldRepair);
    }
    let bytes_max = fs.space(root).map_err(said)?.total;
    let settings = SpoolSettings { bytes_max, reserve_bytes: 0, ..SpoolSettings::new(root.to_owned()) };
    let source = Source::new("spool");
    let old = Spool::of(dir.to_owned(), id, found, settings, source, fs.clone(), clock.clone(), lock);
    let copied = copy(&old, rng).map_err(|error| describe(&error))?;
    let kept = set_aside(&**fs, root, dir, &name).map_err(said)?;
    Ok(RepairOutcome::Repaired { to: copied.to, events: copied.events, losses: copied.losses, kept })
}

#[derive(Default)]
struct Copied {
    to: Option<PathBuf>,
    events: u64,
    losses: u64,
}

/// Writes what is sound, and what is known to be lost, into a new spool.
fn copy(old: &Spool, rng: &dyn Rng) -> Result<Copied, ForwardError> {
    let (mut reader, mut copied) = (Reader::new(old, true), Copied::default());
    let mut new: Option<(Source, Spool)> = None;
    while let Some(chunk) = reader.next(old, CHUNK.0, CHUNK.1)? {
        // A spool says once whose events it holds.
        let spool = match new.take() {
            Some((source, spool)) if source == chunk.source => spool,
            before => {
                before.map(|(_, spool)| spool.sync()).transpose()?;
                old.beside(chunk.source.clone(), rng)?
            }
        };
        let Chunk { instance, source, ids, events, ends, losses, lanes, .. } = chunk;
        copied.events += ids.len() as u64;
        copied.losses += losses.iter().filter(|loss| loss.reason == LossReason::SpoolCorrupt).count() as u64;
        if !losses.is_empty() || !lanes.is_empty() {
            spool.append_account(&Account { instance, losses, lanes }, Room::Last)?;
        }
        let durable = vec![true; ids.len()];
        spool.append(&Encoded { ids, durable, ends, bytes: events })?;
        copied.to = Some(spool.dir.clone());
        new = Some((source, spool));
    }
    new.map(|(_, spool)| spool.sync()).transpose()?;
    Ok(copied)
}

/// Moves a spool into the quarantine, under a name that is free there.
fn set_aside(fs: &dyn Fs, root: &Path, dir: &Path, name: &str) -> std::io::Result<PathBuf> {
    let quarantine = root.join(QUARANTINE);
    fs.create_dir(&quarantine)?;
    let taken: Vec<String> = fs.list(&quarantine)?.into_iter().map(|entry| entry.name).collect();
    let free = (1_u32..).map(|number| if number == 1 { name.to_owned() } else { format!("{name}.{number}") });
    let free = free.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
    let kept = quarantine.join(free);
    fs.rename(dir, &kept)?;
    fs.sync_dir(&quarantine)?;
    fs.sync_dir(root)?;
    Ok(kept)
}

fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
