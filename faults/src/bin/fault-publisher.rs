//! A service under test: publishes as fast as it is confirmed, and writes down what it tried and what it was told.
//!
//! `fault-publisher SPOOL URL JOURNAL STREAM RECEIPT_TIMEOUT_MS [NAME=VALUE …]`, the last for the transport. Says
//! `ready`, publishes on two threads until its standard input ends, then closes and exits with 0, or 3 if something
//! stays on disk.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use veribus_core::{ConfirmError, Receipt, Source, VerificationEventBus, event};
use veribus_handlers::forward::{ForwardHandler, SpoolSettings};
use veribus_testkit::oracle::{Answer, Class, Content, JournalWriter, Key, Ledger, Tag};
use veribus_transports::{Options, from_url};

/// Threads that publish, each with a stream of its own.
const THREADS: u32 = 2;
const BODY_BYTES: usize = 60;
/// How long one confirmation may take.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);
/// How long the close sends on.
const CLOSE_WITHIN: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [spool, url, journal, stream, timeout, options @ ..] = arguments.as_slice() else {
        panic!("six arguments and options, see above");
    };
    let named = options.iter().filter_map(|option| option.split_once('='));
    let options = named.fold(Options::new(), |options, (name, value)| options.set(name, value));
    let stream: u32 = stream.parse().expect("a number");
    let timeout = Duration::from_millis(timeout.parse().expect("milliseconds"));
    let source = Source::new("fault-publisher");
    let forward = ForwardHandler::builder(from_url(url, &options).expect("an address"), source.clone())
        .spool(SpoolSettings { segment_bytes: 256 << 10, ..SpoolSettings::new(spool) })
        .receipt_timeout(timeout)
        .back_off(Duration::from_millis(10), Duration::from_millis(200))
        .build()
        .expect("a spool always starts");
    let watch = forward.watch();
    let bus = Arc::new(VerificationEventBus::builder().capacity(1000).source(source).build());
    bus.register_handler(Box::new(forward));
    let instance = bus.instance().0;
    writer(journal).life(instance, stream, stream + THREADS).expect("a journal");
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (stream..stream + THREADS)
        .map(|stream| {
            let (bus, stop, journal) = (bus.clone(), stop.clone(), writer(journal));
            std::thread::spawn(move || publish(&bus, stream, journal, &stop))
        })
        .collect();
    let mut out = stdout();
    out.write_all(b"ready\n").and_then(|()| out.flush()).expect("somebody listens");
    let _ends = stdin().read_to_end(&mut Vec::new());
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    let report = bus.close(CLOSE_WITHIN);
    let health = bus.health();
    let ledger = Ledger {
        attempted: health.attempted,
        accepted: health.accepted,
        dropped: health.dropped.total(),
        rejected: health.rejected,
    };
    writer(journal).closed(instance, ledger).expect("a journal");
    let adopted = watch.health().adopted;
    if report.spooled > 0 || adopted > 0 {
        let told =
            format!("left on disk: {} events, {adopted} spools; {:?}\n", report.spooled, watch.health());
        let _nobody_listens = std::io::stderr().write_all(told.as_bytes());
    }
    ExitCode::from(if report.spooled > 0 || !report.unfinished.is_empty() { 3 } else { 0 })
}

fn writer(journal: impl AsRef<Path>) -> JournalWriter<File> {
    let file = OpenOptions::new().create(true).append(true).open(journal);
    JournalWriter::new(file.expect("a journal"))
}

fn publish(bus: &VerificationEventBus, stream: u32, mut journal: JournalWriter<File>, stop: &AtomicBool) {
    for number in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let tag = Tag { stream, number };
        let content = Content::of(tag, BODY_BYTES);
        let class = if number % 4 == 0 { Class::Buffered } else { Class::Durable };
        journal.attempt(tag, class, content.digest()).expect("a journal");
        let text = tag.to_string();
        let event = event::authentication(content.action.as_str())
            .failure()
            .actor(&content.actor)
            .attribute("tag", text.as_str())
            .attribute("body", content.body.as_str());
        let answer = match class {
            Class::Buffered => match bus.publish(event) {
                Receipt::Accepted(id) => Answer::Accepted(Key::from_bits(id.bits())),
                Receipt::Dropped { reason, id } => {
                    Answer::Dropped(id.map(|id| Key::from_bits(id.bits())), reason.as_str().into())
                }
                Receipt::Rejected(error) => Answer::Rejected(error.to_string()),
            },
            Class::Durable => match bus.publish_confirmed(event, CONFIRM_WITHIN) {
                Ok(id) => Answer::Confirmed(Key::from_bits(id.bits())),
                Err(ConfirmError::TimedOut { id, .. } | ConfirmError::NotDurable { id, .. }) => {
                    Answer::Doubtful(Some(Key::from_bits(id.bits())), "no_confirmation".into())
                }
                Err(ConfirmError::Dropped(reason)) => Answer::Dropped(None, reason.as_str().into()),
                Err(error) => Answer::Rejected(error.to_string()),
            },
        };
        journal.answer(tag, &answer).expect("a journal");
    }
}
