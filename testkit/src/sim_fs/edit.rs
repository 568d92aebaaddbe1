//! What happens to files while nobody has them open: rot, editors, other hosts' files.

use std::path::{Path, PathBuf};

use super::SimDisk;
use super::file::FileContent;
use super::state::Thing;
use crate::seed::Choices;

impl SimDisk {
    /// Every file and its length, by path.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.state();
        let file = |(path, node): (&Path, _)| match state.things.get(&node) {
            Some(Thing::File(content)) => Some((path.to_owned(), content.now.len() as u64)),
            _ => None,
        };
        state.names.iter().filter_map(file).collect()
    }

    /// A file as it is read now; `None` if there is none.
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let mut state = self.state();
        let node = state.names.get(path)?;
        state.file(node).ok().map(|content| content.now.clone())
    }

    /// Changes a file behind everybody's back, on the disk itself; whether there is one.
    pub fn edit(&self, path: &Path, edit: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = self.state();
        let Some(node) = state.names.get(path) else { return false };
        let Ok(content) = state.file(node) else { return false };
        content.edit(edit);
        true
    }

    /// Turns one bit of a file; nothing in an empty one.
    pub fn flip_bit(&self, path: &Path, choices: &mut Choices) -> bool {
        self.edit(path, |bytes| {
            if !bytes.is_empty() {
                let at = choices.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << choices.below(8);
            }
        })
    }

    /// Puts a file there, its directory included, replacing what had the name.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let mut above: Vec<&Path> = path.ancestors().skip(1).filter(|path| path.parent().is_some()).collect();
        above.reverse();
        for dir in above {
            if state.names.get(dir).is_none() {
                state.create(dir, Thing::Directory);
            }
        }
        let mut content = FileContent::default();
        content.edit(|now| now.extend_from_slice(bytes));
        state.create(path, Thing::File(content));
        state.names.settle();
    }

    /// Removes a file for good; whether there was one.
    pub fn remove(&self, path: &Path) -> bool {
        let mut state = self.state();
        let found = state.names.get(path).is_some();
        if found {
            state.names.unlink(path);
            state.names.settle();
        }
        found
    }
}
