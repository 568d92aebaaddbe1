//! A collector of its own for a measurement: this program again, on a folder that goes with the value.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a collector may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// How often is looked whether it has.
const STOP_CHECK: Duration = Duration::from_millis(10);

/// A running collector.
#[derive(Debug)]
pub struct BenchCollector {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// No folder for its data.
    #[error("cannot make a folder in `{}`", .within.display())]
    Folder {
        /// Where.
        within: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not start.
    #[error("cannot start a collector")]
    Start(#[source] std::io::Error),
    /// It ended before it listened; it says itself why.
    #[error("the collector does not listen")]
    NotListening,
}

impl BenchCollector {
    /// Starts one in a new folder within `within`, that also receives from `broker` (option and address).
    ///
    /// # Errors
    /// [`ProcessError`].
    pub fn start(within: &Path, broker: Option<(&str, &str)>) -> Result<Self, ProcessError> {
        let folder = tempfile::Builder::new().prefix("veribus-bench-").tempdir_in(within);
        let folder = folder.map_err(|source| ProcessError::Folder { within: within.to_owned(), source })?;
        let mut command = Command::new(std::env::current_exe().map_err(ProcessError::Start)?);
        command
            .args(["collector", "--quiet", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"));
        // Of the environment it gets nothing that would set it up otherwise.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VERIBUS_") {
                command.env_remove(name);
            }
        }
        if let Some((variable, url)) = broker {
            // Not an argument: those of a process can be read by everybody.
            command.env(variable, url);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(ProcessError::Start)?;
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let collector = BenchCollector { child, address: address.unwrap_or_default(), folder };
        if collector.address.is_empty() { Err(ProcessError::NotListening) } else { Ok(collector) }
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Processor time that it has taken, in seconds; `None` where the system does not say.
    pub fn cpu_seconds(&self) -> Option<f64> {
        cpu_seconds(&self.child.id().to_string())
    }

    /// Tells it to stop and waits until it has.
    pub fn stop(&mut self) {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let until = Instant::now() + STOP_WITHIN;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(STOP_CHECK);
        }
    }
}

impl Drop for BenchCollector {
    fn drop(&mut self) {
        // One that has stopped already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time of a process (`self` for this one), in seconds; `None` where the system does not say.
///
/// Source: proc(5), fields 14 and 15 of `/proc/PID/stat`, in clock ticks of 10 ms.
pub fn cpu_seconds(pid: &str) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold blanks and parentheses.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}
