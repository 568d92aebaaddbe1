//! `cargo bench -p veribus-benches --bench publish`: starts the program `veribus-bench`, where everything is.
//!
//! The program is one of its own because a turn of a case is a process of its own: the run, the tests and `strace` all
//! start the same one.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--bench"); // cargo bench says so
    let mut command = Command::new(env!("CARGO_BIN_EXE_veribus-bench"));
    let error = become_it(command.args(arguments));
    veribus_benches::console::say(&format!("publish: cannot start `veribus-bench`: {error}"));
    ExitCode::FAILURE
}

/// Runs it in this process's place, so that a signal to the one reaches the other; returns only if it cannot.
#[cfg(unix)]
fn become_it(command: &mut Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

/// Runs it and ends as it did; returns only if it cannot be started.
#[cfg(not(unix))]
fn become_it(command: &mut Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
