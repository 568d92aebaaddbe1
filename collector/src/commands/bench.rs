//! `veribus bench`: how many events a second a collector stores, how long a parcel waits for its receipt, what is lost.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use veribus_core::InstanceId;
use veribus_core::escape::Escaped;
use veribus_core::transport::Transport;
use veribus_transports::{Options, from_url};

use super::search::open;
use crate::bench::{BenchCollector, Load, Measured, Samples, cpu_seconds};
use crate::cli::{CommandError, Exit};
use crate::output::{Output, counted, grouped};

/// The stream of a measurement, so that it meets nobody's events.
const STREAM: &str = "veribus-bench";
/// How long the transport may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Arguments of `veribus bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus bench --seconds 30 --redis redis://127.0.0.1:6379")]
#[command(group(clap::ArgGroup::new("way").args(["nats", "redis", "to"])))]
pub struct Args {
    /// Send through this NATS server, stream `veribus-bench` [default: HTTP]
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    /// Send through this Redis server, stream `veribus-bench`
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Send to this address, and start no collector: it STORES the events of the measurement
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// For how long
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Events of a parcel
    #[arg(long, default_value_t = 1_000, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,
    /// Parcels without a receipt at once
    #[arg(long, default_value_t = 32, value_name = "PARCELS", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    in_flight: u32,
    /// Events a second; a parcel that is late has waited since it was due [default: as many as go]
    #[arg(long, value_name = "EVENTS")]
    rate: Option<NonZeroU32>,
    /// Pack parcels with zstd
    #[arg(long)]
    compress: bool,
    /// Folder for the collector's data while it is measured: on the disk that is to be measured
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    dir: PathBuf,
}

/// What was measured. Times are milliseconds.
#[derive(Debug, Serialize)]
struct Report {
    way: String,
    seconds: f64,
    batch: u32,
    in_flight: u32,
    rate: Option<u32>,
    events_per_second: f64,
    bytes_per_event: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    /// Events that were sent and are not in the store.
    lost: u64,
    #[serde(flatten)]
    measured: Measured,
    /// Processor time for an event, in microseconds.
    collector_cpu_us: Option<f64>,
    sender_cpu_us: Option<f64>,
    cores: usize,
}

/// Measures.
///
/// # Errors
/// [`CommandError`]: exit code 2 for an address that cannot be used.
pub fn run(args: &Args, out: &mut Output) -> Result<Exit, CommandError> {
    let collector = match args.to {
        None => Some(start(args)?),
        Some(_) => None,
    };
    let mut transport = sender(args, collector.as_ref())?;
    let mut samples = Samples::new(args.compress);
    out.say(format_args!(
        "sending to {} for {}",
        Escaped(&transport.destination()),
        counted(args.seconds.into(), "second")
    ));
    let load = Load {
        time: Duration::from_secs(args.seconds.into()),
        batch: args.batch,
        window: args.in_flight as usize,
        rate: args.rate.map(NonZeroU32::get),
    };
    let cpu = |collector: Option<&BenchCollector>| {
        (collector.and_then(BenchCollector::cpu_seconds), cpu_seconds("self"))
    };
    let before = cpu(collector.as_ref());
    let measured = load.run(&mut *transport, &mut samples);
    let after = cpu(collector.as_ref());
    let way = transport.destination();
    transport.close(Instant::now() + CLOSE_WITHIN);
    let measured = measured.map_err(|error| CommandError::usage(&error).because(error))?;
    let lost = match collector {
        Some(collector) => measured.events - in_store(collector, samples.instance())?.min(measured.events),
        None => measured.unanswered + measured.refused,
    };
    let per_event = |before: Option<f64>, after: Option<f64>| {
        Some((after? - before?) * 1e6 / measured.events.max(1) as f64)
    };
    let (collector_cpu_us, sender_cpu_us) = (per_event(before.0, after.0), per_event(before.1, after.1));
    let report = report(args, way, measured, lost, collector_cpu_us, sender_cpu_us);
    show(&report, out)?;
    Ok(if lost > 0 { Exit::Lost } else { Exit::Fine })
}

fn start(args: &Args) -> Result<BenchCollector, CommandError> {
    let nats = args.nats.as_ref().map(|url| ("VERIBUS_NATS", own_stream(url)));
    let redis = args.redis.as_ref().map(|url| ("VERIBUS_REDIS", own_stream(url)));
    let broker = nats.or(redis);
    let broker = broker.as_ref().map(|(variable, url)| (*variable, url.as_str()));
    BenchCollector::start(&args.dir, broker).map_err(|error| CommandError::usage(&error).because(error))
}

/// The sending end; over HTTP with the collector's token.
fn sender(args: &Args, collector: Option<&BenchCollector>) -> Result<Box<dyn Transport>, CommandError> {
    let broker = args.nats.as_ref().or(args.redis.as_ref()).map(|url| own_stream(url));
    let mut options = Options::new();
    let url = match (broker.or(args.to.clone()), collector) {
        (Some(url), _) => url,
        (None, Some(collector)) => {
            options = options.set("token_file", collector.data().join("token").to_string_lossy());
            collector.url().to_owned()
        }
        (None, None) => String::new(),
    };
    let factory = from_url(&url, &options).and_then(|factory| factory());
    factory.map_err(|error| {
        CommandError::usage(&error)
            .code(error.code())
            .help("docs/transports.md has the addresses and their options")
    })
}

/// The address with a stream of its own, unless it names one.
fn own_stream(url: &str) -> String {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    match query {
        "" => format!("{}?stream={STREAM}", url.trim_end_matches('?')),
        query if query.split('&').any(|option| option.starts_with("stream=")) => url.to_owned(),
        _ => format!("{url}&stream={STREAM}"),
    }
}

/// How many events of the bus start are in the store, by its own books, once the collector has stopped.
fn in_store(mut collector: BenchCollector, instance: InstanceId) -> Result<u64, CommandError> {
    collector.stop();
    let accounting = open(&collector.data())?.accounting(Some(instance), 1);
    let accounting = accounting.map_err(|error| CommandError::usage(&error).because(error))?;
    Ok(accounting.producers.iter().map(|producer| producer.stored).sum())
}

fn report(
    args: &Args,
    way: String,
    mut measured: Measured,
    lost: u64,
    collector_cpu_us: Option<f64>,
    sender_cpu_us: Option<f64>,
) -> Report {
    let seconds = measured.took.as_secs_f64();
    let mut within = |share| measured.latencies.within(share).as_secs_f64() * 1e3;
    let (p50_ms, p99_ms, p999_ms, max_ms) = (within(0.5), within(0.99), within(0.999), within(1.0));
    Report {
        way,
        seconds,
        batch: args.batch,
        in_flight: args.in_flight,
        rate: args.rate.map(NonZeroU32::get),
        events_per_second: (measured.stored + measured.duplicates) as f64 / seconds.max(f64::MIN_POSITIVE),
        bytes_per_event: measured.bytes as f64 / measured.events.max(1) as f64,
        p50_ms,
        p99_ms,
        p999_ms,
        max_ms,
        lost,
        measured,
        collector_cpu_us,
        sender_cpu_us,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
    }
}

fn show(report: &Report, out: &mut Output) -> Result<(), CommandError> {
    if out.is_json() {
        return out.json(report);
    }
    let Report { measured, .. } = report;
    out.line(format_args!(
        "{} events/s stored: {} of {:.0} bytes in {}, {:.1} s",
        grouped(report.events_per_second as u64),
        counted(measured.events, "event"),
        report.bytes_per_event,
        counted(measured.parcels, "parcel"),
        report.seconds,
    ))?;
    out.line(format_args!(
        "until the receipt: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, longest {:.1} ms",
        report.p50_ms, report.p99_ms, report.p999_ms, report.max_ms
    ))?;
    out.line(format_args!(
        "lost {}, refused {}, sent again {}, duplicates removed {}",
        grouped(report.lost),
        grouped(measured.refused),
        grouped(measured.retries),
        grouped(measured.duplicates)
    ))?;
    if let (Some(collector), Some(sender)) = (report.collector_cpu_us, report.sender_cpu_us) {
        let cores = report.cores;
        out.line(format_args!(
            "processor time for an event: collector {collector:.1} µs, sender {sender:.1} µs; {cores} cores"
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_has_a_stream_of_its_own() {
        for (url, expected) in [
            ("redis://127.0.0.1", "redis://127.0.0.1?stream=veribus-bench"),
            ("redis://127.0.0.1?", "redis://127.0.0.1?stream=veribus-bench"),
            ("nats://127.0.0.1?group=a", "nats://127.0.0.1?group=a&stream=veribus-bench"),
            ("nats://127.0.0.1?stream=mine", "nats://127.0.0.1?stream=mine"),
        ] {
            assert_eq!(own_stream(url), expected);
        }
    }
}
