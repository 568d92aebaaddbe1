//! `veribus emit`: sends events to a running collector and shows its receipt.

mod fields;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use veribus_core::codec::event_from_json;
use veribus_core::escape::{Escaped, truncated};
use veribus_core::event::limits::{BATCH_EVENTS_MAX, EVENT_BYTES_MAX};
use veribus_core::{Batch, EventId, InstanceId, Source, VerificationEvent};

use crate::cli::{CommandError, Exit};
use crate::client::{Client, ClientError, CollectorArgs};
use crate::output::{Output, counted, grouped};

/// Bytes of events after which a batch is sent.
const BATCH_BYTES: usize = 1 << 20;
/// How often a collector that is busy is asked again, once a second.
const RETRIES: u32 = 10;

/// Arguments of `veribus emit`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Family: authentication, authorization, configuration, performance or security
    #[arg(required_unless_present = "from_json")]
    kind: Option<String>,
    /// What was verified: login, jwt.signature …
    #[arg(required_unless_present = "from_json")]
    action: Option<String>,
    /// Fields of the event, and attributes for all other names; NAME:=JSON for a value that is not text
    #[arg(value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// Send the events of a file of JSON lines, `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "action", "fields"])]
    from_json: Option<PathBuf>,
    /// Name of the service that sends
    #[arg(long, env = "VERIBUS_SERVICE", default_value = "veribus-cli", value_name = "NAME")]
    service: String,
    #[command(flatten)]
    collector: CollectorArgs,
    /// The collector's data folder, where its token is
    #[arg(long, env = "VERIBUS_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Fields: actor, outcome, severity, source_ip, source_port, source_host, target, target_kind, reason, trace, time,
duration (250ms), and those of the family: method, credential, permission, policy, setting, old_value, new_value,
value, unit, count, errors, technique, rule, score.

trace is a trace id (32 hexadecimal digits; a span id is made) or a whole traceparent.

Example: veribus emit authentication login outcome=failure actor=alice source_ip=203.0.113.9 reason=bad_password";

/// What became of all events.
#[derive(Debug, Default, Serialize)]
struct Summary {
    ids: Vec<String>,
    accepted: u64,
    duplicates: u64,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Rejected {
    index: u64,
    code: String,
    message: String,
}

/// The collector's answer.
#[derive(Debug, Deserialize)]
struct Receipt {
    accepted: u64,
    duplicates: u64,
    rejected: Vec<Rejected>,
}

/// Gives events the identity of this run, in order.
struct Sender {
    client: Client,
    batch: Batch,
    bytes: usize,
    sequence: u64,
    sent: u64,
    summary: Summary,
}

/// What is to be sent: looked at before a collector is, so that a wrong word is what is said first.
enum Given<'a> {
    Event(Box<VerificationEvent>),
    Lines(&'a Path, BufReader<Box<dyn Read>>),
}

impl<'a> Given<'a> {
    fn of(args: &'a Args) -> Result<Self, CommandError> {
        let Some(path) = &args.from_json else {
            let (Some(kind), Some(action)) = (&args.kind, &args.action) else {
                return Err(CommandError::usage("an event needs a kind and an action"));
            };
            return Ok(Given::Event(Box::new(fields::event(kind, action, &args.fields)?)));
        };
        let input: Box<dyn Read> = match path.as_os_str().to_str() {
            Some("-") => Box::new(io::stdin()),
            _ => Box::new(File::open(path).map_err(|error| cannot_read(path, error))?),
        };
        Ok(Given::Lines(path, BufReader::new(input)))
    }
}

/// Sends one event, or those of a file.
///
/// # Errors
/// [`CommandError`]: exit code 2 for an event that is wrong or a collector that does not answer.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let given = Given::of(&args)?;
    let mut sender = Sender::new(args.collector.client(args.data.as_deref())?, &args.service);
    match given {
        Given::Event(event) => sender.add(*event, 0)?,
        Given::Lines(path, lines) => from_lines(path, lines, &mut sender, out)?,
    }
    sender.send()?;
    report(&sender.summary, out)
}

fn report(summary: &Summary, out: &mut Output) -> Result<Exit, CommandError> {
    if out.is_json() {
        out.json(summary)?;
    } else {
        let id = if let [id] = &*summary.ids { format!(" {id}") } else { String::new() };
        out.line(format_args!(
            "{} accepted, {}, {} rejected{id}",
            grouped(summary.accepted),
            counted(summary.duplicates, "duplicate"),
            grouped(summary.rejected.len() as u64)
        ))?;
    }
    for rejected in summary.rejected.iter().take(20) {
        out.warn(format_args!(
            "event {} rejected: {} {}",
            rejected.index + 1,
            Escaped(&rejected.code),
            truncated(&rejected.message, 200)
        ));
    }
    Ok(if summary.rejected.is_empty() { Exit::Fine } else { Exit::Found })
}

fn cannot_read(path: &Path, error: io::Error) -> CommandError {
    let shown = path.to_string_lossy();
    CommandError::usage(format_args!("cannot read `{}`", Escaped(&shown))).because(error)
}

fn from_lines(
    path: &Path,
    mut lines: BufReader<Box<dyn Read>>,
    sender: &mut Sender,
    out: &mut Output,
) -> Result<(), CommandError> {
    let cannot = |error| cannot_read(path, error);
    let (mut line, mut index) = (Vec::new(), 0);
    loop {
        line.clear();
        let most = 8 * EVENT_BYTES_MAX as u64;
        if lines.by_ref().take(most).read_until(b'\n', &mut line).map_err(cannot)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match event_from_json(line.trim_ascii()) {
            Ok(event) => sender.add(event, line.len())?,
            Err(error) => {
                out.detail(format_args!("line {}: {error}", index + 1));
                let (code, message) = (error.code().to_owned(), error.to_string());
                sender.summary.rejected.push(Rejected { index, code, message });
            }
        }
        index += 1;
    }
}

impl Sender {
    fn new(client: Client, service: &str) -> Self {
        let batch =
            Batch { source: Source::new(service), instance: Some(InstanceId::random()), ..Batch::default() };
        Sender { client, batch, bytes: 0, sequence: 0, sent: 0, summary: Summary::default() }
    }

    /// Adds an event of about `bytes`; one that has no identity gets one.
    fn add(&mut self, mut event: VerificationEvent, bytes: usize) -> Result<(), CommandError> {
        if event.id.bits() == 0 {
            self.sequence += 1;
            event.id = EventId::new(self.batch.instance.expect("set when it was made"), 0, self.sequence);
        }
        self.batch.events.push(event);
        self.bytes += bytes;
        if self.batch.events.len() == BATCH_EVENTS_MAX || self.bytes >= BATCH_BYTES {
            self.send()
        } else {
            Ok(())
        }
    }

    fn send(&mut self) -> Result<(), CommandError> {
        if self.batch.events.is_empty() {
            return Ok(());
        }
        let mut body = Vec::new();
        self.batch
            .encode_json(&mut body)
            .map_err(|e| CommandError::usage("the events cannot be sent").because(e))?;
        let receipt = self.post(&body)?;
        self.summary.accepted += receipt.accepted;
        self.summary.duplicates += receipt.duplicates;
        let before = self.sent;
        self.summary
            .rejected
            .extend(receipt.rejected.into_iter().map(|r| Rejected { index: before + r.index, ..r }));
        if self.summary.ids.len() < BATCH_EVENTS_MAX {
            self.summary.ids.extend(self.batch.events.iter().map(|event| event.id.to_string()));
        }
        self.sent += self.batch.events.len() as u64;
        self.batch.events.clear();
        self.bytes = 0;
        Ok(())
    }

    /// The same bytes again while the collector is busy: their identities make that safe.
    fn post(&self, body: &[u8]) -> Result<Receipt, ClientError> {
        for _ in 0..RETRIES {
            match self.client.post("/v1/events", "application/json", body) {
                Err(ClientError::Refused { status: 429 | 503, .. }) => {
                    std::thread::sleep(Duration::from_secs(1))
                }
                answered => return answered,
            }
        }
        self.client.post("/v1/events", "application/json", body)
    }
}
