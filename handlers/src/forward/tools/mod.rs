//! What people do with spools by hand: count, look inside, make a damaged one whole. None deletes anything.

mod check;
mod dump;
mod repair;

pub use check::{SpoolCheck, check};
pub use dump::{SpoolEntry, SpoolFound, dump};
pub use repair::{Repair, RepairOutcome, repair};
