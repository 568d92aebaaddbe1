//! What is made of the turns: rows of medians, goals met or not, and the ways in which both are shown.

mod goals;
mod page;
mod picture;
mod row;
mod text;

use serde::Serialize;
use serde_json::{Value, json};

pub use goals::{Judged, Verdict, judge};
pub use page::page;
pub use picture::picture;
pub use row::{Over, Row, Rows};
pub use text::text;

use crate::machine::Machine;

/// One whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// How often every case had its turn.
    pub rounds: usize,
    /// Whether it was a short run, which shows that everything works and no more.
    pub quick: bool,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// Every case.
    pub rows: Rows,
}

impl Report {
    /// Everything, to be read by programs.
    pub fn to_json(&self) -> Value {
        json!({ "report": self, "goals": judge(&self.rows) })
    }

    /// The line that says how much to trust the figures.
    fn caveat(&self) -> &'static str {
        match (self.quick, self.rows.0.iter().all(|row| row.pinned)) {
            (true, _) => "A quick run: it shows that everything works; its figures are not for quoting.",
            (false, true) => "Every thread was on the core it was meant to be on.",
            (false, false) => "Some threads could not be pinned to a core: expect a wider spread.",
        }
    }
}
