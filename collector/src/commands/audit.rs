//! `veribus audit`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus audit`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus audit`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`audit` is not built yet"))
}
