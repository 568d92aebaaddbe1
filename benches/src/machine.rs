//! The machine that measures, in words, and the core on which a thread runs.

use std::fs;

/// Processor, number of cores and kernel, as far as the system tells.
pub fn describe() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, {cores} cores, {} {}",
        model.unwrap_or("unknown processor"),
        std::env::consts::OS,
        kernel.trim()
    )
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
