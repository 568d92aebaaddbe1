//! `veribus prune`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus prune`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus prune`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`prune` is not built yet"))
}
