//! `veribus rules`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus rules`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus rules`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`rules` is not built yet"))
}
