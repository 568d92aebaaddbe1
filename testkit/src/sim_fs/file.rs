//! The content of one file: as it is read now, as it is known to survive, and the changes between.

use crate::seed::Choices;

/// A change that no sync has covered.
#[derive(Debug, Clone)]
enum Change {
    /// Bytes written at an offset; `lost` if a sync of them failed, for then no later sync brings them to the disk.
    Write {
        at: usize,
        bytes: Vec<u8>,
        lost: bool,
    },
    Length(usize),
}

#[derive(Debug, Clone, Default)]
pub(super) struct FileContent {
    /// What reads give.
    pub(super) now: Vec<u8>,
    /// What a power loss cannot take.
    stable: Vec<u8>,
    changes: Vec<Change>,
}

impl FileContent {
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let at = self.now.len();
        self.now.extend_from_slice(bytes);
        self.changes.push(Change::Write { at, bytes: bytes.to_vec(), lost: false });
    }

    pub(super) fn resize(&mut self, length: usize) {
        self.now.resize(length, 0);
        self.changes.push(Change::Length(length));
    }

    /// Brings every change to the disk but those that an earlier sync lost.
    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            match &change {
                Change::Length(length) => self.stable.resize(*length, 0),
                Change::Write { at, bytes, lost } => {
                    let end = at + bytes.len();
                    if self.stable.len() < end {
                        self.stable.resize(end, 0);
                    }
                    if *lost {
                        self.changes.push(change);
                    } else {
                        self.stable[*at..end].copy_from_slice(bytes);
                    }
                }
            }
        }
    }

    /// A sync failed: of what it should have written some is on the disk, and the rest never will be.
    pub(super) fn fail_sync(&mut self, choices: &mut Choices) {
        for change in &mut self.changes {
            if let Change::Write { lost, .. } = change {
                *lost |= choices.chance(3, 4);
            }
        }
    }

    /// Of what is not stable, keeps a part.
    pub(super) fn lose_power(&mut self, choices: &mut Choices) {
        let mut lengths = vec![self.stable.len()];
        // Bytes below the stable length shorten nothing, unless a cut came before them.
        let mut least = self.stable.len();
        let mut content = self.stable.clone();
        // Each crash has its own mind: nearly all survives, nearly nothing, or anything.
        let survives = *choices.one(&[1, 8, 15, 16]);
        for change in std::mem::take(&mut self.changes) {
            match change {
                Change::Length(length) => {
                    lengths.push(length);
                    least = least.min(length);
                }
                Change::Write { at, bytes, lost } => {
                    lengths.push(least.max(at + bytes.len()));
                    lengths.push(least.max(at + choices.below(bytes.len() as u64 + 1) as usize));
                    if content.len() < at + bytes.len() {
                        content.resize(at + bytes.len(), 0);
                    }
                    let survives = if lost { survives.min(1) } else { survives };
                    keep_pieces(&mut content[at..at + bytes.len()], &bytes, survives, choices);
                }
            }
        }
        content.resize(*choices.one(&lengths), 0);
        self.now = content.clone();
        self.stable = content;
    }

    /// Changes what is on the disk itself, as rot or an editor does.
    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        edit(&mut self.now);
        self.stable = self.now.clone();
        self.changes.clear();
    }
}

/// Copies pieces of `from` into `into`, each with the chance `survives` of 16; torn at any byte.
fn keep_pieces(into: &mut [u8], from: &[u8], survives: u64, choices: &mut Choices) {
    let mut at = 0;
    while at < from.len() {
        let end = (at + 1 + choices.below(512) as usize).min(from.len());
        if choices.chance(survives, 16) {
            into[at..end].copy_from_slice(&from[at..end]);
        }
        at = end;
    }
}
