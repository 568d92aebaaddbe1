//! The machine that measures, in words; and where a thread runs, what the process has used, what the system counts.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

/// The peers whose versions a table names.
const PEERS: [&str; 15] = [
    "argon2",
    "crossbeam-channel",
    "disruptor",
    "ed25519-dalek",
    "fastrace",
    "jsonwebtoken",
    "opentelemetry_sdk",
    "ring",
    "rtrb",
    "serde_json",
    "sha2",
    "tokio",
    "tracing",
    "tracing-appender",
    "tracing-subscriber",
];

/// What a table says about where it was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Processor, as it calls itself.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// System and kernel.
    pub system: String,
    /// File system of the folder for temporary files, to which the sustained cases write.
    pub disk: String,
    /// The compiler.
    pub compiler: String,
    /// Names and versions of the peers.
    pub peers: Vec<(String, String)>,
    /// Load averages over 1, 5 and 15 minutes when the run began: what else was running.
    pub load_before: String,
    /// The same at its end; the run itself is in it.
    pub load_after: String,
}

impl Machine {
    /// As far as the system tells; what it does not tell is `unknown`.
    pub fn look() -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            processor: model.unwrap_or("unknown processor").to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: kib("/proc/meminfo", "MemTotal:").unwrap_or(0) / 1024,
            // A version, without what a distributor calls its build.
            system: format!(
                "{} {}",
                std::env::consts::OS,
                kernel.split('-').next().unwrap_or_default().trim()
            ),
            disk: file_system(&std::env::temp_dir()),
            compiler: compiler(),
            peers: peers(include_str!("../../Cargo.lock")),
            load_before: load(),
            load_after: "unknown".to_owned(),
        }
    }

    /// The machine in one line.
    pub fn line(&self) -> String {
        format!(
            "{}, {} cores, {} MiB, {}, temporary files on {}, {}, load {}",
            self.processor,
            self.cores,
            self.memory_mib,
            self.system,
            self.disk,
            self.compiler,
            self.load_before
        )
    }
}

/// Load averages over 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let figures: Vec<&str> = text.split(' ').take(3).collect();
    if figures.len() == 3 { figures.join(" ") } else { "unknown".to_owned() }
}

fn compiler() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("-V").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    version.ok().filter(|version| !version.is_empty()).unwrap_or_else(|| "unknown compiler".to_owned())
}

/// The versions of [`PEERS`] in a lock file; the newest where there are several.
fn peers(lock: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"')) else {
            continue;
        };
        let version = lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
        if let (true, Some(version)) = (PEERS.contains(&name), version) {
            found.retain(|(known, _)| known != name);
            found.push((name.to_owned(), version.to_owned()));
        }
    }
    found
}

/// A line of a file of `/proc` that counts KiB.
fn kib(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Memory that this process holds, in bytes; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    kib("/proc/self/status", "VmRSS:").map(|kib| kib * 1024)
}

/// Processor time of all threads of this process; `None` where the system does not tell.
#[cfg(unix)]
pub fn processor_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// Processor time of this process; not on this system.
#[cfg(not(unix))]
pub fn processor_time() -> Option<Duration> {
    None
}

/// A system call that does nothing and that nothing else here makes, for `strace` to see where a stretch begins and
/// ends: `getppid`.
pub fn mark() {
    #[cfg(unix)]
    let _ = rustix::process::getppid();
}

/// The file system that holds `path`, by name where it is a usual one.
#[cfg(target_os = "linux")]
pub fn file_system(path: &Path) -> String {
    match rustix::fs::statfs(path).map(|found| found.f_type as u64) {
        Ok(0xEF53) => "ext4".to_owned(),
        Ok(0x5846_5342) => "xfs".to_owned(),
        Ok(0x9123_683E) => "btrfs".to_owned(),
        Ok(0x794C_7630) => "overlayfs".to_owned(),
        Ok(0x0102_1994) => "tmpfs (memory, no disk)".to_owned(),
        Ok(other) => format!("file system {other:#x}"),
        Err(_) => "an unknown file system".to_owned(),
    }
}

/// The file system that holds `path`; not on this system.
#[cfg(not(target_os = "linux"))]
pub fn file_system(_path: &Path) -> String {
    "an unknown file system".to_owned()
}

/// Moves this thread to one core; whether that worked. Threads that it starts begin on the same core.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) -> bool {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set).is_ok()
}

/// Moves this thread to one core; not on this system.
#[cfg(not(target_os = "linux"))]
pub fn pin(_core: usize) -> bool {
    false
}

/// Puts the threads that `start` starts on core 1 and the calling thread on core 0; whether both are so now.
pub fn apart<T>(start: impl FnOnce() -> T) -> (T, bool) {
    let consumers = pin(1);
    let started = start();
    (started, pin(0) && consumers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_of_the_lock_file_has_its_version() {
        let found = peers(include_str!("../../Cargo.lock"));
        let mut names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, PEERS);
        assert!(found.iter().all(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit())));
    }

    #[test]
    fn the_newest_of_two_versions_is_named() {
        let lock = "name = \"rtrb\"\nversion = \"0.3.4\"\n\nname = \"rtrb\"\nversion = \"0.4.1\"\n";
        assert_eq!(peers(lock), [("rtrb".to_owned(), "0.4.1".to_owned())]);
    }
}
