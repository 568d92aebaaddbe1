//! What the doctor looks at, each by itself: one that fails hides no other.

use std::error::Error;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use veribus_core::escape::truncated;
use veribus_core::{Batch, EventId, InstanceId, Source, Timestamp, VerificationEvent, event};
use veribus_handlers::audit;

use super::{Check, Verdict};
use crate::api::Status;
use crate::client::{Client, ClientError, CollectorArgs};
use crate::data_dir::{DataDir, DataDirError};
use crate::store::{Query, Reader};

/// How long the test event may take to be found in the store.
const ROUND_TRIP_DEADLINE: Duration = Duration::from_secs(5);

/// Every check, in the order in which one would look.
pub(super) fn all(data: &Path, collector: &CollectorArgs) -> Vec<Check> {
    let mut checks = vec![versions()];
    match DataDir::open(data) {
        Err(error @ DataDirError::Missing { .. }) => checks.push(note("data", told(&error))),
        Err(error) => checks.push(bad("data", told(&error))),
        Ok(dir) => {
            checks.push(folder(&dir));
            checks.push(files(&dir));
            checks.push(token(&dir));
            checks.push(store(&dir));
            checks.push(trail(&dir));
        }
    }
    match collector.client(Some(data)) {
        // Without a folder there is no token yet; one that was named and cannot be used is a fault.
        Err(error) if collector.token_file.is_none() && !data.exists() => {
            checks.push(note("collector", told(&error)))
        }
        Err(error) => checks.push(bad("collector", told(&error))),
        Ok(client) => reach(&client, data, &mut checks),
    }
    checks
}

fn note(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Note, detail: detail.into() }
}

/// An error with its causes, in one line.
fn told(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn ok(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Ok, detail: detail.into() }
}

fn bad(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Bad, detail: detail.into() }
}

fn versions() -> Check {
    ok("version", format!("veribus {}, SQLite {}", env!("CARGO_PKG_VERSION"), rusqlite::version()))
}

fn folder(dir: &DataDir) -> Check {
    match dir.mode() {
        Ok(mode) if mode & 0o077 == 0 => {
            ok("data", format!("`{}` is closed to others", dir.path().display()))
        }
        Ok(mode) => {
            let detail = format!("`{}` has mode {mode:04o}; close it with `chmod 700`", dir.path().display());
            Check {
                name: "data",
                verdict: if mode & 0o022 == 0 { Verdict::Note } else { Verdict::Bad },
                detail,
            }
        }
        Err(error) => bad("data", error.to_string()),
    }
}

/// Every file of the folder is its owner's alone.
fn files(dir: &DataDir) -> Check {
    let open_to_others = |found: &Metadata| found.is_file() && found.mode() & 0o077 != 0;
    let mut open = Vec::new();
    let entries = [dir.path().to_owned(), dir.path().join("audit")];
    for entry in entries.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        if entry.metadata().is_ok_and(|found| open_to_others(&found)) {
            open.push(truncated(&entry.file_name().to_string_lossy(), 64).to_string());
        }
    }
    match open.as_slice() {
        [] => ok("files", "readable by their owner alone"),
        some => bad("files", format!("others can read {}; close them with `chmod 600`", some.join(", "))),
    }
}

fn token(dir: &DataDir) -> Check {
    match dir.token() {
        Ok(_) => ok("token", "there, and readable by its owner alone"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
            bad("token", format!("{error}{cause}"))
        }
    }
}

fn store(dir: &DataDir) -> Check {
    let looked = Reader::open(&dir.database()).and_then(|store| Ok((store.quick_check()?, store.totals()?)));
    match looked {
        Ok((None, (events, alerts))) => ok("store", format!("sound; {events} events, {alerts} alerts")),
        Ok((Some(fault), _)) => bad("store", format!("damaged: {}", truncated(&fault, 200))),
        Err(error) => bad("store", format!("{error} [{}]", error.code())),
    }
}

fn trail(dir: &DataDir) -> Check {
    match audit::verify(dir.audit_log()) {
        Ok(report) => match &report.first_bad {
            None => ok(
                "audit",
                format!("{} line{}, unbroken", report.lines, if report.lines == 1 { "" } else { "s" }),
            ),
            Some(first) => bad(
                "audit",
                format!("line {} of `{}`: {}", first.line, first.segment.display(), first.problem),
            ),
        },
        Err(error) => bad("audit", error.to_string()),
    }
}

/// Whether a collector answers, how it is, and whether an event arrives where it is looked for.
fn reach(client: &Client, data: &Path, checks: &mut Vec<Check>) {
    let status: Status = match client.get("/v1/status") {
        Ok(status) => status,
        Err(error @ ClientError::Unreachable { .. }) => return checks.push(note("collector", told(&error))),
        Err(error) => return checks.push(bad("collector", told(&error))),
    };
    let up = format!(
        "version {}, up {} s at {}",
        truncated(&status.version, 20),
        status.uptime_seconds,
        client.url()
    );
    checks.push(match (&status.store_error, status.audit_failing) {
        (None, false) => ok("collector", up),
        (Some(code), _) => bad("collector", format!("{up}; its store fails with {}", truncated(code, 40))),
        (None, true) => bad("collector", format!("{up}; its audit trail cannot be written")),
    });
    let began = Instant::now();
    checks.push(match round_trip(client, data) {
        Ok(true) => ok("round trip", format!("an event was stored and found in {:.1?}", began.elapsed())),
        Ok(false) => {
            bad("round trip", "the event was accepted and is not in this folder's store: another collector?")
        }
        Err(error) => bad("round trip", error),
    });
}

/// Sends one event and looks for it in the store.
fn round_trip(client: &Client, data: &Path) -> Result<bool, String> {
    let event = test_event()?;
    let id = event.id;
    let instance = Some(id.instance());
    let batch =
        Batch { source: Source::new("veribus-doctor"), instance, events: vec![event], ..Batch::default() };
    let mut body = Vec::new();
    batch.encode_json(&mut body).map_err(|error| error.to_string())?;
    let _receipt: serde_json::Value =
        client.post("/v1/events", "application/json", &body).map_err(|error| error.to_string())?;
    let query = Query::parse(&format!("id:{id}")).map_err(|error| error.to_string())?;
    let began = Instant::now();
    loop {
        let dir = DataDir::open(data).map_err(|error| error.to_string())?;
        let found = Reader::open(&dir.database()).and_then(|store| store.count(&query));
        match found.map_err(|error| error.to_string())? {
            0 if began.elapsed() < ROUND_TRIP_DEADLINE => std::thread::sleep(Duration::from_millis(50)),
            found => return Ok(found > 0),
        }
    }
}

fn test_event() -> Result<VerificationEvent, String> {
    let id = EventId::new(InstanceId::random(), 0, 1);
    let event = event::performance("doctor.round_trip").success();
    event.into_event(id, Timestamp::now()).map_err(|error| error.to_string())
}
