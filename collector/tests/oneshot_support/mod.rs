//! Runs the real binary and reads what it says.

#![allow(dead_code, unreachable_pub)] // each test file uses a part of it
#![allow(clippy::print_stderr, clippy::unwrap_used)] // a skipped test has to be seen

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub const VERIBUS: &str = env!("CARGO_BIN_EXE_veribus");

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Finished {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Finished {
    /// Standard output as the one JSON document that it has to be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }
}

/// The binary, without colours or surprises from the environment.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(VERIBUS);
    command.args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

pub fn veribus(args: &[&str]) -> Finished {
    command(args).output().unwrap().into()
}

/// As [`veribus`], with `input` piped in.
pub fn veribus_fed(args: &[&str], input: &[u8]) -> Finished {
    let mut command = command(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _a_reader_may_stop_early = feeder.join().unwrap();
    output.into()
}

/// `oneshot --json` on these paths.
pub fn oneshot(paths: &[&Path]) -> Finished {
    let mut args = vec!["oneshot", "--exit", "--json"];
    args.extend(paths.iter().map(|path| path.to_str().unwrap()));
    veribus(&args)
}

/// The real log that is not shipped; says so when it is not there.
pub fn ssh_log() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ssh-logs/OpenSSH_2k.log");
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

/// One failed login of sshd.
pub fn failed_line(second: u32, user: &str, source: &str) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "Dec 10 {hour:02}:{minute:02}:{second:02} web1 sshd[4242]: Failed password for {user} from {source} port 4711 ssh2\n"
    )
}

/// Six failed logins of one source within a minute: one alert.
pub fn attack(source: &str) -> String {
    (0..6).map(|n| failed_line(n * 10, "root", source)).collect()
}
