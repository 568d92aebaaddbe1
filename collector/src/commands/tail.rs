//! `veribus tail`: follows events as the running collector commits them.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use veribus_core::codec::event_from_json;

use crate::cli::{CommandError, Exit};
use crate::client::CollectorArgs;
use crate::output::Output;
use crate::shown::EventLine;

/// Longest line of the stream, in bytes: an event, its source, and the escapes of both.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Arguments of `veribus tail`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus tail --json | jq .event.actor")]
pub struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// The collector's data folder, where its token is
    #[arg(long, env = "VERIBUS_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Stop after this many events
    #[arg(long, value_name = "EVENTS")]
    count: Option<u64>,
}

/// Shows events until the collector stops or the reader of the output goes away.
///
/// # Errors
/// [`CommandError`]: exit code 2 if no collector answers; 1 if the stream ends.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let client = args.collector.client(args.data.as_deref())?;
    let mut stream = BufReader::new(client.stream("/v1/live")?);
    let (mut name, mut shown) = (String::new(), 0_u64);
    let mut line = Vec::new();
    while args.count.is_none_or(|count| shown < count) {
        line.clear();
        let read = stream.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|error| CommandError::found("the stream broke off").because(error))?;
        if read == 0 {
            return Err(CommandError::found("the collector has stopped"));
        }
        let text = String::from_utf8_lossy(&line);
        match text.trim_end().split_once(": ") {
            Some(("event", event)) => name = event.to_owned(),
            Some(("data", data)) if name == "stored" => {
                show(data, out)?;
                shown += 1;
            }
            Some(("data", data)) if name == "missed" => {
                out.warn(format_args!("too slow: some events were not shown ({})", missed(data)));
            }
            _ => {}
        }
    }
    Ok(Exit::Fine)
}

fn show(data: &str, out: &mut Output) -> Result<(), CommandError> {
    if out.is_json() {
        out.line(data)?;
        return out.flush();
    }
    let document: serde_json::Value = serde_json::from_str(data).map_err(not_an_event)?;
    let event = event_from_json(document["event"].to_string().as_bytes()).map_err(not_an_event)?;
    let service = document["source"]["service"].as_str().unwrap_or_default();
    let style = out.style();
    out.line(EventLine { event: &event, service, style })?;
    out.flush()
}

fn not_an_event(error: impl std::error::Error + Send + Sync + 'static) -> CommandError {
    CommandError::found("the collector sent what is not an event").because(error)
}

fn missed(data: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(data).unwrap_or_default();
    format!("{} commits", document["commits"].as_u64().unwrap_or(0))
}
