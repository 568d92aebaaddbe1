//! One module per command: its arguments, and what it does with the parts of the library.

pub mod accounting;
pub mod alerts;
pub mod audit;
pub mod bench;
pub mod collector;
pub mod compare;
pub mod completions;
pub mod deadletters;
pub mod doctor;
pub mod emit;
pub mod oneshot;
pub mod prune;
pub mod rules;
pub mod search;
pub mod spool;
pub mod status;
pub mod tail;
pub mod trace;

use crate::cli::{Command, CommandError, Exit};
use crate::output::Output;

/// Runs one parsed command to its end.
///
/// # Errors
/// [`CommandError`]: what went wrong, and the exit code for it.
pub fn run(command: Command, out: &mut Output) -> Result<Exit, CommandError> {
    match command {
        Command::Oneshot(args) => oneshot::run(args, out),
        Command::Collector(args) => collector::run(args, out),
        Command::Emit(args) => emit::run(args, out),
        Command::Tail(args) => tail::run(args, out),
        Command::Search(args) => search::run(args, out),
        Command::Trace(args) => trace::run(args, out),
        Command::Alerts(args) => alerts::run(args, out),
        Command::Accounting(args) => accounting::run(args, out),
        Command::Compare(args) => compare::run(args, out),
        Command::Status(args) => status::run(&args, out),
        Command::Deadletters(args) => deadletters::run(args, out),
        Command::Rules(args) => rules::run(args, out),
        Command::Audit(args) => audit::run(args, out),
        Command::Spool(args) => spool::run(args, out),
        Command::Prune(args) => prune::run(args, out),
        Command::Doctor(args) => doctor::run(args, out),
        Command::Bench(args) => bench::run(&args, out),
        Command::Completions(args) => completions::run(args, out),
    }
}
