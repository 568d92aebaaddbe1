//! `veribus collector`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus collector`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus collector`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`collector` is not built yet"))
}
