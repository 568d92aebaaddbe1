//! `veribus emit`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus emit`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus emit`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`emit` is not built yet"))
}
