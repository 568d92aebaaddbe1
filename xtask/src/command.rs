//! Runs a program without a standard input: shown as it goes, captured, or line by line.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::console::say;

/// A program with its arguments, about to run.
pub(crate) struct Run {
    shown: String,
    command: Command,
}

/// What a captured program wrote, as text; bytes that are not UTF-8 are replaced.
pub(crate) struct Captured {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// A program by name.
    pub(crate) fn program(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        // What cargo tells us about this task's own package is not meant for what cargo builds from there: build
        // scripts look at it (that of ring), and everything would be built anew each time.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        Run { shown: [&[program], arguments].concat().join(" "), command }
    }

    /// The cargo that started this task.
    pub(crate) fn cargo(arguments: &[&str]) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut run = Run::program(&cargo, arguments);
        run.shown = format!("cargo {}", arguments.join(" "));
        run
    }

    /// Sets a variable for this program alone.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.shown = format!("{name}='{value}' {}", self.shown);
        self.command.env(name, value);
        self
    }

    /// Runs it in another folder.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it with its output passed through.
    pub(crate) fn show(mut self) -> Result<(), String> {
        say(&format!("$ {}", self.shown));
        let status =
            self.command.status().map_err(|error| format!("cannot run `{}`: {error}", self.shown))?;
        if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", self.shown)) }
    }

    /// Runs it and keeps what it wrote, whatever its exit code.
    pub(crate) fn output(mut self) -> Result<Captured, String> {
        let output =
            self.command.output().map_err(|error| format!("cannot run `{}`: {error}", self.shown))?;
        Ok(Captured {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it and keeps what it wrote; another exit code than 0 is an error that shows it.
    pub(crate) fn capture(self) -> Result<Captured, String> {
        let shown = self.shown.clone();
        let captured = self.output()?;
        match captured.code {
            Some(0) => Ok(captured),
            code => Err(format!(
                "`{shown}` ended with {code:?}\n{}{}",
                captured.stdout.trim_end(),
                captured.stderr.trim_end()
            )),
        }
    }

    /// Runs it and gives each line of both its outputs to `line`, in the order in which they arrive.
    pub(crate) fn lines(mut self, mut line: impl FnMut(&str)) -> Result<ExitStatus, String> {
        say(&format!("$ {}", self.shown));
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let cannot = |error| format!("cannot run `{}`: {error}", self.shown);
        let mut child = self.command.spawn().map_err(cannot)?;
        let (lines, arriving) = mpsc::sync_channel(1024);
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ];
        let readers: Vec<_> = pipes
            .into_iter()
            .flatten()
            .map(|pipe| {
                let lines = lines.clone();
                thread::spawn(move || {
                    let mut pipe = BufReader::new(pipe);
                    let mut bytes = Vec::new();
                    while pipe.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
                        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                        bytes.clear();
                        if lines.send(text).is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        drop(lines);
        arriving.iter().for_each(|text| line(&text));
        for reader in readers {
            reader.join().map_err(|_| format!("reading the output of `{}` panicked", self.shown))?;
        }
        child.wait().map_err(cannot)
    }
}
