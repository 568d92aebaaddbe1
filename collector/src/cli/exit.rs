//! How a command ended: one table for all commands.

use std::process::ExitCode;

/// The exit codes of every `veribus` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// 0: done, and the answer is yes.
    Fine = 0,
    /// 1: ran, and found something: `--fail-on` met, a proof that failed, an input that could not be read.
    Found = 1,
    /// 2: called the wrong way: options, configuration, a path that cannot be opened.
    Usage = 2,
    /// 3: ended, with unsent data kept on disk.
    Unsent = 3,
    /// 4: ended, and data was lost; how much and why is on standard error and in `--json`.
    Lost = 4,
    /// 70: a fault in veribus itself.
    Bug = 70,
}

impl Exit {
    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The graver of two endings: a fault over a loss over a finding over nothing.
    #[must_use]
    pub fn worst(self, other: Exit) -> Exit {
        if other.code() > self.code() { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
