//! The questions, one file each: the cases that answer it, and the tables in which they stand side by side.

mod added;
mod arrival;
mod encode;
mod handoff;
mod idle;
mod memory;
mod producers;
mod sustained;
mod syscalls;

use serde::Serialize;

use crate::measure::Plan;
use crate::turn::{Figure, Turn};

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The subject, in one of its states.
    Subject,
    /// What the machine cannot undercut.
    Floor,
    /// What others use for the same.
    Peer,
}

/// A case by name.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// How it is asked for, with its section before it: `handoff/veribus`.
    pub name: &'static str,
    /// What it does, for the table.
    pub title: &'static str,
    /// What its row is about.
    pub role: Role,
    run: fn(&Plan) -> Result<Turn, String>,
}

impl Entry {
    /// Measures this case in this process.
    ///
    /// # Errors
    /// In words, where the case cannot be set up or its ledger does not balance.
    pub fn run(&self, plan: &Plan) -> Result<Turn, String> {
        (self.run)(plan)
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// What stands in it.
    pub figure: Figure,
    /// Its head.
    pub head: &'static str,
    /// Digits behind the point.
    pub digits: usize,
}

/// Columns that are read together.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// What is counted, and in which unit.
    pub title: &'static str,
    /// The columns; the first one's spread over the rounds is shown beside it.
    pub columns: &'static [Column],
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// How it is asked for.
    pub name: &'static str,
    /// The question.
    pub title: &'static str,
    /// How it is measured, and what to keep in mind.
    pub method: &'static str,
    /// Where the answers stand.
    pub tables: &'static [Table],
    /// Who answers.
    pub entries: &'static [Entry],
}

/// All questions, in the order in which they are asked.
pub const SECTIONS: [Section; 9] = [
    handoff::SECTION,
    producers::SECTION,
    added::SECTION,
    idle::SECTION,
    arrival::SECTION,
    sustained::SECTION,
    encode::SECTION,
    memory::SECTION,
    syscalls::SECTION,
];

/// The entry of this name, as `section/entry`.
pub fn entry(name: &str) -> Option<&'static Entry> {
    static ALL: [Section; 9] = SECTIONS;
    let (section, entry) = name.split_once('/')?;
    let section = ALL.iter().find(|known| known.name == section)?;
    section.entries.iter().find(|known| known.name == entry)
}

const fn column(figure: Figure, head: &'static str, digits: usize) -> Column {
    Column { figure, head, digits }
}
