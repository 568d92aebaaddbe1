//! The names on the disk: as they are now, as they are known to survive, and the changes between.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::seed::Choices;

/// A file or directory, whatever its names.
pub(super) type Node = u64;

/// A change that no sync of its directory has covered.
#[derive(Debug, Clone)]
enum Change {
    Link(PathBuf, Node),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

impl Change {
    /// Whether a sync of `dir` covers it. A rename between two directories is one entry of the journal: either sync
    /// brings it to the disk.
    fn is_in(&self, dir: &Path) -> bool {
        match self {
            Change::Link(path, _) | Change::Unlink(path) => path.parent() == Some(dir),
            Change::Rename(from, to, _) => from.parent() == Some(dir) || to.parent() == Some(dir),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Change::Link(path, node) => {
                names.insert(path.clone(), *node);
            }
            Change::Unlink(path) => {
                names.remove(path);
            }
            Change::Rename(from, to, node) => {
                if names.get(from) == Some(node) {
                    names.remove(from);
                }
                names.insert(to.clone(), *node);
            }
        }
    }
}

/// Full paths and what they name; directories are named too, the root is not.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    now: BTreeMap<PathBuf, Node>,
    stable: BTreeMap<PathBuf, Node>,
    changes: Vec<Change>,
}

impl Names {
    pub(super) fn get(&self, path: &Path) -> Option<Node> {
        self.now.get(path).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Path, Node)> {
        self.now.iter().map(|(path, node)| (path.as_path(), *node))
    }

    /// What is directly in `dir`.
    pub(super) fn within<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = (&'a Path, Node)> {
        self.iter().filter(move |(path, _)| path.parent() == Some(dir))
    }

    /// Whether any name, now or after a power loss, stands for `node`.
    pub(super) fn has(&self, node: Node) -> bool {
        let names = self.now.values().chain(self.stable.values());
        let coming = self.changes.iter().filter_map(|change| match change {
            Change::Link(_, node) | Change::Rename(_, _, node) => Some(node),
            Change::Unlink(_) => None,
        });
        names.chain(coming).any(|known| *known == node)
    }

    pub(super) fn link(&mut self, path: &Path, node: Node) {
        self.change(Change::Link(path.to_owned(), node));
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        self.change(Change::Unlink(path.to_owned()));
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, node: Node) {
        self.change(Change::Rename(from.to_owned(), to.to_owned(), node));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self, dir: &Path) {
        let stable = &mut self.stable;
        self.changes.retain(|change| {
            let covered = change.is_in(dir);
            if covered {
                change.apply(stable);
            }
            !covered
        });
    }

    /// Of what is not stable, keeps a part; names below a directory that is gone go with it.
    pub(super) fn lose_power(&mut self, choices: &mut Choices) {
        for change in std::mem::take(&mut self.changes) {
            if choices.chance(1, 2) {
                change.apply(&mut self.stable);
            }
        }
        let known = self.stable.clone();
        let is_there = |path: &Path| {
            let mut above = path.ancestors().skip(1);
            above.all(|dir| dir.parent().is_none() || dir.as_os_str().is_empty() || known.contains_key(dir))
        };
        self.stable.retain(|path, _| is_there(path));
        self.now = self.stable.clone();
    }

    /// Makes everything stable, as a disk that was left alone for a while.
    pub(super) fn settle(&mut self) {
        self.stable = self.now.clone();
        self.changes.clear();
    }
}
