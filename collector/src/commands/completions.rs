//! `veribus completions`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus completions`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus completions`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`completions` is not built yet"))
}
