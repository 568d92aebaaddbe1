//! `veribus trace`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus trace`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus trace`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`trace` is not built yet"))
}
