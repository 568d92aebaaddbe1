//! Does publishing make system calls? `strace` counts those of the publishing thread, between two marks.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Column, Entry, Role, Section, Table, column};
use crate::case::{Case, channel, floor, tokio, tracing, veribus};
use crate::measure::{Plan, paced_events};
use crate::sample::Sample;
use crate::turn::{Figure, Turn};

const COLUMNS: &[Column] = &[column(Figure::SystemCalls, "calls for 1,000 events", 1)];

/// Events between the marks; each takes 20 µs and, where it makes a call, the tracer's time.
const EVENTS: usize = 1000;

/// Events before that, as fast as they go: four times what a queue holds.
const WARM_UP: usize = 4096;

/// How long the far side may work them off.
const REST: Duration = Duration::from_millis(100);

/// The call that [`crate::machine::mark`] makes.
const MARK: &str = "getppid(";

/// Set in the process that is traced.
const TRACED: &str = "VERIBUS_BENCH_TRACED";

pub(super) const SECTION: Section = Section {
    name: "syscalls",
    title: "System calls of the publishing thread",
    method: "1,000 events, one each 20 µs, in a process under `strace -f`; the calls of the publishing thread between two \
        marks are counted, behind 4,096 events without a pause that let buffers grow. Other threads' calls do not count, \
        waking them does. The tracer makes everything slower, so sleepers are found awake more often than without it: \
        the peers' figures are too low rather than too high.",
    tables: &[Table { title: "System calls", columns: COLUMNS }],
    entries: ENTRIES,
};

const ENTRIES: &[Entry] = &[
    Entry {
        name: "veribus",
        title: "veribus: build + publish, paced",
        role: Role::Subject,
        run: |plan| traced("veribus", plan, veribus::Publish::start),
    },
    Entry {
        name: "floor",
        title: "floor: copy to a local array, paced",
        role: Role::Floor,
        run: |plan| traced("floor", plan, || Ok(floor::Copy::default())),
    },
    Entry {
        name: "tokio",
        title: "tokio mpsc: try_send, paced",
        role: Role::Peer,
        run: |plan| traced("tokio", plan, tokio::TrySend::start),
    },
    Entry {
        name: "channel",
        title: "crossbeam-channel: try_send, paced",
        role: Role::Peer,
        run: |plan| traced("channel", plan, channel::Channel::start),
    },
    Entry {
        name: "tracing",
        title: "tracing + JSON + tracing-appender, paced",
        role: Role::Peer,
        run: |plan| traced("tracing", plan, tracing::Log::start),
    },
];

/// In the traced process: publishes. Outside of it: starts that process, the same program again, and reads what the
/// tracer wrote.
fn traced<C: Case>(
    name: &str,
    _plan: &Plan,
    start: impl FnOnce() -> Result<C, String>,
) -> Result<Turn, String> {
    if std::env::var_os(TRACED).is_some() {
        return publish(start()?);
    }
    let missing = |_| "strace is not installed";
    if let Err(why) = Command::new("strace").arg("-V").stdout(Stdio::null()).status().map_err(missing) {
        return Ok(Turn::skipped(why));
    }
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let log = folder.path().join("calls");
    let program = std::env::current_exe().map_err(|error| format!("cannot find my own program: {error}"))?;
    let case = format!("syscalls/{name}");
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-o"]).arg(&log).arg(program).args(["--case", &case]);
    let output = command.env(TRACED, "1").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot start strace: {error}"))?;
    let calls = fs::read_to_string(&log).unwrap_or_default();
    let answer = String::from_utf8_lossy(&output.stdout);
    let Some(calls) = between_marks(&calls) else {
        let said = String::from_utf8_lossy(&output.stderr);
        if may_not_trace(&said) {
            return Ok(Turn::skipped(format!("strace may not trace here: {}", said.trim())));
        }
        return Err(format!("strace traced nothing: {}{}", answer.trim(), said.trim()));
    };
    let inner: Turn = serde_json::from_str(&answer).map_err(|error| format!("`{answer}`: {error}"))?;
    let turn = Turn::of([(Figure::SystemCalls, calls as f64 * 1000.0 / EVENTS as f64)]);
    Ok(turn.with_ledger(inner.ledger))
}

/// Whether the system forbids it, as in many containers.
fn may_not_trace(said: &str) -> bool {
    said.contains("PTRACE") && said.contains("not permitted")
}

fn publish<C: Case>(mut case: C) -> Result<Turn, String> {
    let samples = Sample::all();
    // Rings, buffers and arenas grow to their size while they are full.
    case.prepare(&samples, WARM_UP);
    for sample in samples.iter().cycle().take(WARM_UP) {
        case.once(sample);
    }
    std::thread::sleep(REST);
    paced_events(&mut case, &samples, EVENTS);
    let ledger = case.finish((WARM_UP + EVENTS) as u64)?;
    Ok(Turn::default().with_ledger(ledger))
}

/// How many calls the marking thread made between its last two marks; `None` if there are no two.
///
/// A line is `PID call(…) = …`; a call that another thread interrupts is split in `… <unfinished ...>` and
/// `<... call resumed> …`, of which the first counts.
fn between_marks(log: &str) -> Option<usize> {
    let parsed =
        log.lines().filter_map(|line| line.split_once(' ').map(|(pid, call)| (pid, call.trim_start())));
    let marking = parsed.clone().rfind(|(_, call)| call.starts_with(MARK))?.0;
    let own: Vec<&str> = parsed.filter(|(pid, _)| *pid == marking).map(|(_, call)| call).collect();
    let marks: Vec<usize> =
        own.iter().enumerate().filter(|(_, call)| call.starts_with(MARK)).map(|(at, _)| at).collect();
    let [.., first, last] = marks[..] else { return None };
    Some(
        own[first + 1..last]
            .iter()
            .filter(|call| !call.starts_with("<...") && !call.starts_with("---"))
            .count(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_between_the_last_two_marks_of_the_marking_thread() {
        let log = "\
7 getppid() = 1
7 write(1, \"warm up\", 7) = 7
7 getppid() = 1
7 getppid() = 1
8 futex(0x1, FUTEX_WAIT_PRIVATE, 0, NULL <unfinished ...>
7 futex(0x1, FUTEX_WAKE_PRIVATE, 1 <unfinished ...>
8 <... futex resumed>) = 0
7 <... futex resumed>) = 1
7 --- SIGALRM {si_signo=SIGALRM} ---
7 getppid() = 1
7 exit_group(0) = ?
";
        assert_eq!(between_marks(log), Some(1));
        assert_eq!(between_marks("7 getppid() = 1\n"), None);
        assert_eq!(between_marks(""), None);
    }
}
