//! `veribus doctor`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus doctor`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`doctor` is not built yet"))
}
