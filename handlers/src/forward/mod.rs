//! Events to a collector: kept on disk until its store has them, sent in batches, in order, again until receipted.

mod accounts;
mod adopt;
mod cursor;
mod disk;
mod error;
mod flight;
mod handler;
#[cfg(test)]
mod handler_tests;
mod health;
mod reader;
mod record;
mod segment;
mod sender;
mod settings;
mod shared;
mod spool;
#[cfg(test)]
mod spool_tests;
mod tools;

pub use disk::Disk;
pub use error::ForwardError;
pub use handler::{ForwardBuilder, ForwardHandler};
pub use health::{Breaker, ForwardHealth, ForwardWatch};
pub use settings::SpoolSettings;
pub use spool::{SpoolHealth, SpoolState};
pub use tools::{Repair, RepairOutcome, SpoolCheck, SpoolEntry, SpoolFound, check, dump, repair};
