//! A collector as a process of its own: started, killed, stopped, or run under strace that kills or fails a call.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::sender::Target;

/// How long a start and an end may take.
const WITHIN: Duration = Duration::from_secs(30);

/// What strace does to the process: at the `nth` call of `call` in a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Injection {
    /// Names of system calls, joined by commas.
    pub call: &'static str,
    /// Counted from 1, in each thread.
    pub nth: u64,
    /// As strace names it: `signal=KILL`, `error=EIO`.
    pub what: &'static str,
    /// Also at each later one.
    pub and_later: bool,
}

/// A running collector; killed when dropped.
#[derive(Debug)]
pub struct Collector {
    child: Child,
    target: Option<Target>,
    data: PathBuf,
}

/// Whether crash points can be chosen; a test that needs them prints why it is skipped.
pub fn strace_is_there() -> bool {
    let probe = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

impl Collector {
    /// Starts `program` on `data` and waits until it listens.
    ///
    /// # Panics
    /// If it does not listen in time.
    pub fn start(program: &str, data: &Path) -> Self {
        Collector::start_with(program, data, &[])
    }

    /// Starts `program` on `data` with further arguments, and waits until it listens.
    ///
    /// # Panics
    /// If it does not listen in time.
    pub fn start_with(program: &str, data: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg("collector").args(arguments);
        let collector = Collector::begin(command, data);
        assert!(collector.target.is_some(), "the collector does not start");
        collector
    }

    /// Starts it under strace, which may end it before it listens: then [`Collector::target`] is `None`.
    pub fn start_injected(program: &str, data: &Path, injection: &Injection) -> Self {
        let Injection { call, nth, what, and_later } = injection;
        let later = if *and_later { "+" } else { "" };
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qqq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:{what}:when={nth}{later}")]).arg(program).arg("collector");
        Collector::begin(strace, data)
    }

    fn begin(mut command: Command, data: &Path) -> Self {
        command.args(["--listen", "127.0.0.1:0", "--quiet", "--data"]).arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let listening = |line: String| line.strip_prefix("listening on http://").map(str::to_owned);
        let address = lines.map_while(Result::ok).find_map(listening);
        let target = address.and_then(|address| {
            let token = std::fs::read_to_string(data.join("token")).ok()?.trim().to_owned();
            Some(Target { address: address.parse::<SocketAddr>().ok()?, token })
        });
        Collector { child, target, data: data.to_owned() }
    }

    /// Where it takes batches; `None` if it died before it listened.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop and waits; its exit code.
    ///
    /// # Panics
    /// If it does not stop in time.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        let began = Instant::now();
        while began.elapsed() < WITHIN {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the collector does not stop");
    }

    /// Sends a signal: `-STOP`, `-CONT`, `-TERM`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status();
        sent.expect("kill is a program");
    }

    fn end(&mut self) {
        // strace ends with its tracee, its only child, and the tracee must be gone before its files are looked at.
        let pid = self.child.id().to_string();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        for tracee in children.split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", tracee]).stderr(Stdio::null()).status();
        }
        // One that is gone already is what we want.
        if children.trim().is_empty() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.end();
    }
}
