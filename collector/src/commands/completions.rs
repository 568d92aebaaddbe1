//! `veribus completions SHELL`: a script that teaches a shell every command and option.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::{Cli, CommandError, Exit};
use crate::output::Output;

/// Arguments of `veribus completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: veribus completions bash > ~/.local/share/bash-completion/completions/veribus"
)]
pub struct Args {
    /// The shell: bash, zsh, fish, powershell or elvish
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Where standard output cannot be written.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "veribus", &mut script);
    out.bytes(&script)?;
    Ok(Exit::Fine)
}
