//! `veribus search`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus search`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus search`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`search` is not built yet"))
}
