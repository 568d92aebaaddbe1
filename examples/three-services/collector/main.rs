//! The binary `veribus` under another name, so that the test of this package has it built for it.

use std::process::ExitCode;

fn main() -> ExitCode {
    veribus_collector::cli::main(std::env::args_os())
}
