//! The binary `veribus`: parses, calls the library, ends with one of the documented exit codes.

use std::process::ExitCode;

fn main() -> ExitCode {
    veribus_collector::cli::main(std::env::args_os())
}
