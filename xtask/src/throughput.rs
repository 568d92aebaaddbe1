//! `cargo xtask throughput`: what a collector stores a second over each way, and what the transports move, written into
//! the documentation. Wants a machine that does nothing else.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::Run;
use crate::console::say;
use crate::workspace;

const PAGE: &str = "docs/collector.md";
const BEGIN: &str = "<!-- throughput: what follows is written by xtask -->\n";
const END: &str = "<!-- throughput: end -->";
/// How long a broker may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);

/// How parcels come, and how many events a second are to be stored.
const WAYS: [(&str, f64); 3] = [("HTTP", 100_000.0), ("NATS", 80_000.0), ("Redis", 80_000.0)];
/// Events of a parcel, and parcels under way.
const SHAPES: [(&str, &str); 2] = [("1000", "32"), ("100", "256")];

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Three runs of ten seconds each, and the pages are written.
    Full,
    /// One of three seconds; nothing is written.
    Quick,
}

/// Measures; an error if a program is missing or an event was lost.
pub(crate) fn run(size: Size) -> Result<(), String> {
    Run::cargo(&["build", "--release", "--locked", "--package", "veribus-collector"]).show()?;
    let target = workspace::scratch()?;
    let program = target.with_file_name("release").join("veribus");
    let (rounds, seconds) = if size == Size::Full { (3, "10") } else { (1, "3") };
    let machine = machine();
    let mut rows = Vec::new();
    for (way, goal) in WAYS {
        for shape in SHAPES {
            let runs = (0..rounds).map(|_| one(&program, &target, way, shape, seconds));
            let mut runs = runs.collect::<Result<Vec<Value>, String>>()?;
            runs.sort_by(|a, b| number(a, "events_per_second").total_cmp(&number(b, "events_per_second")));
            let median = runs.swap_remove(runs.len() / 2);
            let row = row(way, shape, &median);
            let verdict = if number(&median, "events_per_second") >= goal { "met" } else { "missed" };
            say(&format!("{row}   goal {goal}: {verdict}"));
            rows.push(row);
        }
    }
    let mut bench = vec!["bench", "--package", "veribus-transports", "--features", "http,nats,redis"];
    bench.extend(["--locked", "--bench", "throughput", "--"]);
    match size {
        Size::Full => {
            write(&table(&machine, rounds, seconds, &rows))?;
            bench.push("--write-docs");
        }
        Size::Quick => bench.extend(["--rounds", "1", "--events", "500000"]),
    }
    Run::cargo(&bench).show()
}

/// The processor, its cores and what else ran.
fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores for all of it, load before {}",
        model.unwrap_or("unknown processor"),
        load.join(" ")
    )
}

/// A broker in a folder of its own; both go with the value.
struct Broker {
    child: Child,
    folder: PathBuf,
    url: String,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // One that is gone already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn broker(way: &str, scratch: &Path) -> Result<Option<Broker>, String> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.map_err(|error| format!("no free port: {error}"))?;
    let (port, folder) = (address.port().to_string(), scratch.join(format!("throughput-{way}")));
    let _may_not_be_there = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    let folder_name = folder.to_string_lossy().into_owned();
    let (program, arguments, scheme) = match way {
        "NATS" => ("nats-server", vec!["-js", "-a", "127.0.0.1", "-p", &port, "-sd", &folder_name], "nats"),
        "Redis" => {
            let kept = ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"];
            let at = ["--bind", "127.0.0.1", "--port", &port, "--dir", &folder_name];
            ("redis-server", [at, kept].concat(), "redis")
        }
        _ => return Ok(None),
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| format!("cannot run `{program}`: {error}"))?;
    let broker = Broker { child, folder, url: format!("{scheme}://{address}") };
    let begun = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        if begun.elapsed() > LISTENS_WITHIN {
            return Err(format!("`{program}` does not listen"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Some(broker))
}

/// One run of `veribus bench` against an empty broker.
fn one(
    program: &Path,
    scratch: &Path,
    way: &str,
    (batch, window): (&str, &str),
    seconds: &str,
) -> Result<Value, String> {
    let broker = broker(way, scratch)?;
    let (program, dir) = (program.to_string_lossy(), scratch.to_string_lossy());
    let mut arguments = vec!["bench", "--json", "--quiet", "--dir", &dir, "--seconds", seconds];
    arguments.extend(["--batch", batch, "--in-flight", window]);
    if let Some(broker) = &broker {
        arguments.extend([if way == "NATS" { "--nats" } else { "--redis" }, &broker.url]);
    }
    let captured = Run::program(&program, &arguments).capture()?;
    serde_json::from_str(&captured.stdout).map_err(|error| format!("`veribus bench` is not JSON: {error}"))
}

fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or(f64::NAN)
}

fn row(way: &str, (batch, window): (&str, &str), report: &Value) -> String {
    let of = |name| number(report, name);
    let stored = (of("events_per_second") / 1e3).round();
    format!(
        "| {way} | {batch}, {window} | {stored:.0},000 | {:.0}, {:.0}, {:.0} ms | {:.1}, {:.1} µs | {:.0} |",
        of("p50_ms"),
        of("p99_ms"),
        of("p999_ms"),
        of("collector_cpu_us"),
        of("sender_cpu_us"),
        of("lost")
    )
}

fn table(machine: &str, rounds: usize, seconds: &str, rows: &[String]) -> String {
    format!(
        "{machine}; parcels of 232 bytes an event, {rounds} runs of {seconds} s, the one in the middle.\n\n\
         | way | events of a parcel, parcels under way | events/s stored | until the receipt: p50, p99, p99.9 | CPU an event: collector, load | lost |\n\
         | --- | --- | --- | --- | --- | --- |\n{}\n",
        rows.join("\n")
    )
}

/// Puts the table in the place of the last one.
fn write(table: &str) -> Result<(), String> {
    let page = fs::read_to_string(PAGE).map_err(|error| format!("cannot read `{PAGE}`: {error}"))?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("`{PAGE}` has no place for the table"))?;
    fs::write(PAGE, format!("{before}{BEGIN}{table}{END}{after}"))
        .map_err(|error| format!("cannot write `{PAGE}`: {error}"))
}
