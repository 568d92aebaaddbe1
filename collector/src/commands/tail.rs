//! `veribus tail`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus tail`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus tail`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`tail` is not built yet"))
}
