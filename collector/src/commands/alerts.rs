//! `veribus alerts`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus alerts`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus alerts`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`alerts` is not built yet"))
}
