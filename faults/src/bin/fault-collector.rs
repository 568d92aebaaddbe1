//! The binary `veribus` under another name, so that the tests of this package have it built for them.

use std::process::ExitCode;

fn main() -> ExitCode {
    veribus_collector::cli::main(std::env::args_os())
}
