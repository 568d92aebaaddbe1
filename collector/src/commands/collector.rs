//! `veribus collector`: takes events in, stores, detects, answers questions, until it is told to stop.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use veribus_core::escape::Escaped;
use veribus_detection::RuleSet;

use crate::auth::Token;
use crate::cli::{CommandError, Exit};
use crate::data_dir::{DEFAULT_DATA_DIR, DataDirError};
use crate::oneshot::rule_files::RuleFiles;
use crate::output::Output;
use crate::receive::Notice;
use crate::server::{Collector, CollectorError, Config, DEFAULT_LISTEN};

/// Arguments of `veribus collector`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus collector --data /var/lib/veribus")]
pub struct Args {
    /// Loopback address and port to listen on; port 0 takes a free one
    #[arg(long, env = "VERIBUS_LISTEN", default_value = DEFAULT_LISTEN, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Folder of the store, the audit trail and the token
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
    /// Also receive parcels from NATS JetStream: tls://HOST:4222, or nats://127.0.0.1:4222; may be repeated
    #[arg(long, env = "VERIBUS_NATS", value_name = "URL", hide_env_values = true)]
    nats: Vec<String>,
    /// Also receive parcels from Redis Streams: rediss://HOST:6379, or redis://127.0.0.1:6379; may be repeated
    #[arg(long, env = "VERIBUS_REDIS", value_name = "URL", hide_env_values = true)]
    redis: Vec<String>,
    /// Use the Sigma rules of this folder or file instead of the starter set; may be repeated
    #[arg(long, env = "VERIBUS_RULES", value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Most events a second over HTTP; beyond it senders get 429 and come again [default: no limit]
    #[arg(long, env = "VERIBUS_MAX_EVENTS_PER_SECOND", value_name = "EVENTS")]
    max_events_per_second: Option<NonZeroU32>,
}

/// Runs the collector until SIGTERM or SIGINT.
///
/// # Errors
/// [`CommandError`]: exit code 2 if it does not start, 70 if one of its threads ended with a fault.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let collector = Collector::open(&Config {
        listen: args.listen,
        data: args.data.clone(),
        receive: brokers(&args)?,
        rules: rules(&args.rules)?,
        events_per_second_max: args.max_events_per_second,
    })
    .map_err(told)?;
    let address =
        collector.address().map_err(|e| CommandError::usage("cannot tell the address").because(e))?;
    if let Some(token) = collector.new_token() {
        show(token, &args.data, out)?;
    }
    let origins: Vec<String> = collector.origins().map(str::to_owned).collect();
    let mut announced = Ok(());
    let tell = |notice| match notice {
        Notice::Ready => {
            announced = announce(address, &origins, &args.data, out);
        }
        Notice::Receiving { origin } => out.say(format_args!("receiving from {}", Escaped(&origin))),
        Notice::NotReceiving { origin, error } => {
            let (origin, error) = (Escaped(&origin), Escaped(&error));
            out.warn(format_args!("not receiving from {origin}, trying on: {error}"));
        }
    };
    collector.serve(tell).map_err(told)?;
    announced?;
    out.say("stopped; everything that was answered is stored");
    Ok(Exit::Fine)
}

/// The rules of `paths`, read once; without any those in the binary.
fn rules(paths: &[PathBuf]) -> Result<RuleSet, CommandError> {
    if paths.is_empty() { Ok(RuleSet::starter()) } else { RuleFiles::rules(paths)?.parse() }
}

fn announce(
    address: SocketAddr,
    origins: &[String],
    data: &Path,
    out: &mut Output,
) -> Result<(), CommandError> {
    out.line(format_args!("listening on http://{address}"))?;
    for origin in origins {
        out.line(format_args!("subscribed to {}", Escaped(origin)))?;
    }
    out.flush()?;
    out.say(format_args!("data in `{}`; stop with Ctrl-C", data.display()));
    Ok(())
}

/// The addresses of the brokers, each behind the option that is for it.
fn brokers(args: &Args) -> Result<Vec<String>, CommandError> {
    let options: [(&str, &[String], [&str; 2]); 2] =
        [("--nats", &args.nats, ["tls://", "nats://"]), ("--redis", &args.redis, ["rediss://", "redis://"])];
    let mut urls = Vec::new();
    for (option, given, [safe, local]) in options {
        for url in given {
            if !url.starts_with(safe) && !url.starts_with(local) {
                // Not shown: it may hold a password.
                let what = format_args!("{option} takes an address that begins with `{safe}` or `{local}`");
                let example = format_args!("for example {option} {safe}broker.example").to_string();
                return Err(CommandError::usage(what).help(example));
            }
            urls.push(url.clone());
        }
    }
    Ok(urls)
}

/// A new token: itself to a person at a terminal, once; elsewhere (a journal, a file) only where it is kept.
fn show(token: &Token, data: &Path, out: &mut Output) -> Result<(), CommandError> {
    let file = data.join("token");
    let file = file.to_string_lossy();
    if out.is_terminal() {
        out.line(format_args!("token: {}", token.reveal()))?;
        out.say(format_args!("The token is shown once. It is kept in `{}`.", Escaped(&file)));
        return Ok(());
    }
    out.line(format_args!("a new token is in `{}`", Escaped(&file)))
}

fn told(error: CollectorError) -> CommandError {
    let what = error.to_string();
    let told = match (&error, code(&error)) {
        (CollectorError::Fault { .. }, _) => CommandError::bug(what),
        (_, Some(code)) => CommandError::usage(format_args!("{what} [{code}]")).code(code),
        (_, None) => CommandError::usage(what),
    };
    match error {
        CollectorError::NotLoopback { .. } => {
            told.help("listen on 127.0.0.1, and put a proxy with TLS before it")
        }
        CollectorError::Listen { source, .. } => {
            told.because(source).help("choose another address with --listen")
        }
        CollectorError::Data(DataDirError::Io { source, .. }) => told.because(source),
        CollectorError::Data(DataDirError::Token { source, .. }) => told.because(source),
        CollectorError::Store { source, .. } => told.because(source),
        CollectorError::Receive(source) => {
            told.because(source).help("docs/transports.md has the addresses and their options")
        }
        CollectorError::Threads(source) => told.because(source),
        CollectorError::Trail(source) => told.because(source),
        CollectorError::Detection(source) => told.because(source),
        _ => told,
    }
}

/// The code that a script may look for, where there is one.
fn code(error: &CollectorError) -> Option<&'static str> {
    match error {
        CollectorError::Data(data) => Some(data.code()),
        CollectorError::Store { source, .. } => Some(source.code()),
        CollectorError::Receive(source) => Some(source.code()),
        _ => None,
    }
}
