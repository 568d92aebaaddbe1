//! An attempt that PAM's own error told already is not counted again.

use super::statement::Statement;

const SLOTS: usize = 256;

/// Attempts told by `error: PAM: …` and not yet by `Failed keyboard-interactive/pam …`, by process.
///
/// sshd writes the first for each such attempt, the second only from the middle of the allowed number on.
/// A process whose slot another one takes is forgotten: its second line then counts as an attempt.
#[derive(Debug)]
pub(crate) struct PendingPam {
    /// Process and number of attempts; process 0 is none.
    slots: Box<[(u32, u32); SLOTS]>,
}

impl Default for PendingPam {
    fn default() -> Self {
        PendingPam { slots: Box::new([(0, 0); SLOTS]) }
    }
}

impl PendingPam {
    /// Whether `statement` tells of an attempt for the second time; remembers it if it is the first.
    pub(crate) fn is_told_already(&mut self, pid: Option<u32>, statement: &Statement<'_>) -> bool {
        let Some(pid) = pid.filter(|_| statement.of_keyboard_interactive()) else { return false };
        let slot = &mut self.slots[pid as usize % SLOTS];
        if slot.0 != pid {
            *slot = (pid, 0);
        }
        if statement.by_pam {
            slot.1 = slot.1.saturating_add(1);
            return false;
        }
        let told = slot.1 > 0;
        slot.1 = slot.1.saturating_sub(1);
        told
    }
}
