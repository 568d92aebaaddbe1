//! `veribus oneshot`.

use crate::cli::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus oneshot`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs `veribus oneshot`.
///
/// # Errors
/// [`CommandError`]: not built yet.
pub fn run(_args: Args, _out: &mut Output) -> Result<Exit, CommandError> {
    Err(CommandError::usage("`oneshot` is not built yet"))
}
