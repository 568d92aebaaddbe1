//! The disk's whole state, and the one gate through which every operation passes: death, interrupts, errors.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::faults::{Death, DiskFaults, Operation};
use super::file::FileContent;
use super::names::{Names, Node};
use crate::seed::{Choices, Seed};

/// A process that uses the disk.
pub(super) type Process = u32;

/// Error numbers as Linux has them.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

#[derive(Debug, Clone)]
pub(super) enum Thing {
    File(FileContent),
    Directory,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) things: BTreeMap<Node, Thing>,
    pub(super) names: Names,
    pub(super) faults: DiskFaults,
    pub(super) choices: Choices,
    /// Changing operations so far.
    pub(super) operations: u64,
    /// At which operation the process that makes it dies.
    pub(super) death: Option<(u64, Death)>,
    pub(super) locks: HashMap<PathBuf, Process>,
    alive: BTreeSet<Process>,
    processes: Process,
    nodes: Node,
}

/// What the gate says: go on, or do a part of it and die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Whole,
    /// The process is dead already; whether the operation is still done, by half if it can be.
    Dying {
        done: bool,
    },
}

impl State {
    pub(super) fn new(seed: Seed) -> Self {
        State {
            things: BTreeMap::new(),
            names: Names::default(),
            faults: DiskFaults::default(),
            choices: seed.choices(),
            operations: 0,
            death: None,
            locks: HashMap::new(),
            alive: BTreeSet::new(),
            processes: 1000,
            nodes: 0,
        }
    }

    pub(super) fn new_process(&mut self) -> Process {
        self.processes += 1;
        self.alive.insert(self.processes);
        self.processes
    }

    pub(super) fn is_alive(&self, process: Process) -> bool {
        self.alive.contains(&process)
    }

    pub(super) fn kill(&mut self, process: Process) {
        self.alive.remove(&process);
        self.locks.retain(|_, holder| *holder != process);
    }

    pub(super) fn power_loss(&mut self) {
        self.alive.clear();
        self.locks.clear();
        self.names.lose_power(&mut self.choices);
        for thing in self.things.values_mut() {
            if let Thing::File(content) = thing {
                content.lose_power(&mut self.choices);
            }
        }
        let names = &self.names;
        self.things.retain(|node, _| names.has(*node));
    }

    /// Lets an operation pass, or says why not.
    pub(super) fn gate(&mut self, process: Process, operation: Operation) -> io::Result<Pass> {
        if !self.is_alive(process) {
            return Err(gone());
        }
        if self.choices.chance(self.faults.interrupts.into(), 1000) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if operation != Operation::Read && operation != Operation::Open {
            self.operations += 1;
            if let Some((at, how)) = self.death
                && at <= self.operations
            {
                self.death = None;
                let done = self.choices.chance(1, 2);
                self.kill(process);
                if how == Death::Power {
                    self.power_loss();
                    return Err(gone());
                }
                return Ok(Pass::Dying { done });
            }
        }
        let faults = self.faults.errors.clone();
        for (_, rate, number) in faults.into_iter().filter(|(kind, ..)| *kind == operation) {
            if self.choices.chance(rate.into(), 1000) {
                return Err(io::Error::from_raw_os_error(number));
            }
        }
        if operation == Operation::Sync && self.faults.failing_syncs > 0 {
            self.faults.failing_syncs -= 1;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(Pass::Whole)
    }

    /// Whether the next transfer takes a part only.
    pub(super) fn is_short(&mut self) -> bool {
        self.choices.chance(self.faults.short_writes.into(), 1000)
    }

    pub(super) fn create(&mut self, path: &Path, thing: Thing) -> Node {
        self.nodes += 1;
        self.things.insert(self.nodes, thing);
        self.names.link(path, self.nodes);
        self.nodes
    }

    pub(super) fn used(&self) -> u64 {
        let named: BTreeSet<Node> = self.names.iter().map(|(_, node)| node).collect();
        let files = self.things.iter().filter(|(node, _)| named.contains(node));
        files
            .map(|(_, thing)| if let Thing::File(content) = thing { content.now.len() as u64 } else { 0 })
            .sum()
    }

    /// How many of `bytes` more fit.
    ///
    /// # Errors
    /// `ENOSPC` if none do.
    pub(super) fn room_for(&self, bytes: u64) -> io::Result<u64> {
        let room = self.faults.room.map_or(u64::MAX, |room| room.saturating_sub(self.used()));
        if room == 0 && bytes > 0 {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        Ok(bytes.min(room))
    }

    pub(super) fn file(&mut self, node: Node) -> io::Result<&mut FileContent> {
        match self.things.get_mut(&node) {
            Some(Thing::File(content)) => Ok(content),
            Some(Thing::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(gone()),
        }
    }

    /// The directory above `path` must be there.
    pub(super) fn needs_parent(&self, path: &Path) -> io::Result<()> {
        let Some(parent) = path.parent().filter(|parent| parent.parent().is_some()) else { return Ok(()) };
        match self.names.get(parent).and_then(|node| self.things.get(&node)) {
            Some(Thing::Directory) => Ok(()),
            Some(Thing::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

pub(super) fn gone() -> io::Error {
    io::Error::other("the process is dead")
}
