//! The bus: convert, call, convert.

use std::thread;
use std::time::Duration;

use napi_derive::napi;
use veribus_core::{Receipt, Redactor, Source, VerificationEventBus, WhenFull};

use crate::environment;
use crate::error::{self, Result, fault};
use crate::event::Given;
use crate::receipt::{self, Answered};
use crate::{health, stage, trace};

/// Longest deadline that is taken, in milliseconds: a day.
const DEADLINE_MAX_MS: f64 = 86_400_000.0;

/// A deadline in milliseconds: zero does not wait, a day is the most.
pub(crate) fn deadline(milliseconds: f64) -> Result<Duration> {
    if !(0.0..=f64::INFINITY).contains(&milliseconds) {
        let message = format!(
            "a deadline of {milliseconds} ms is not allowed; use 0 (do not wait) to {DEADLINE_MAX_MS} ms"
        );
        return Err(fault("CFG_VALUE_RANGE", message));
    }
    Ok(Duration::from_secs_f64(milliseconds.min(DEADLINE_MAX_MS) / 1000.0))
}

/// What a bus is made of; see `BusOptions` of `ts/bus.ts`.
#[napi(object)]
pub struct Settings {
    /// Typical events of the ring.
    pub capacity: f64,
    /// Events that may wait for one handler.
    pub handler_queue: f64,
    /// Who sends.
    pub service: String,
    /// Which of its copies.
    pub instance: Option<String>,
    /// On which host.
    pub host: Option<String>,
    /// `production`, `staging`.
    pub environment: Option<String>,
    /// Where several are collected.
    pub network: Option<String>,
    /// Longest wait of a publish for room, in milliseconds.
    pub block_ms: Option<f64>,
    /// More names whose values are secrets.
    pub redact: Vec<String>,
    /// Whether secrets are replaced at all.
    pub redaction: bool,
}

/// A new bus; answers its number on this thread.
#[napi]
pub fn open(settings: Settings) -> Result<u32> {
    let positive = |name: &str, number: f64| {
        let whole = number.fract() == 0.0 && (1.0..=f64::from(1 << 30)).contains(&number);
        let refused = || fault("CFG_VALUE_RANGE", format!("`{name}` is {number}; use 1 to {}", 1 << 30));
        if whole { Ok(number as usize) } else { Err(refused()) }
    };
    let redactor = settings.redact.iter().fold(Redactor::builder(), |rules, name| rules.name(name));
    let mut builder = VerificationEventBus::builder()
        .capacity(positive("capacity", settings.capacity)?)
        .handler_queue(positive("handlerQueue", settings.handler_queue)?)
        .redactor(if settings.redaction { redactor.build() } else { Redactor::none() });
    if let Some(milliseconds) = settings.block_ms {
        builder = builder.when_full(WhenFull::Block { timeout: deadline(milliseconds)? });
    }
    let mut source = Source::new(&settings.service);
    source.sdk = Some("veribus-node".into());
    source.instance = settings.instance.as_deref().map(Into::into);
    source.host = settings.host.as_deref().map(Into::into);
    source.environment = settings.environment.as_deref().map(Into::into);
    source.network = settings.network.as_deref().map(Into::into);
    environment::keep(builder.source(source).build())
}

/// Publishes the staged event, on the bus and from inside of the job that the stage names. Answers lane and number in
/// one, or −1: see `lastReceipt`.
#[napi]
pub fn publish() -> Result<f64> {
    let receipt = environment::staged_on(|bus, bytes, way, desk| {
        let _inside = desk.at(way.job);
        let ambient = if way.traced { trace::staged(bytes) } else { None };
        stage::read(bytes, ambient, |draft| bus.publish(draft))
    })?;
    settle(receipt)
}

/// As `publish`, of an event as JSON; `timed` if it has a time of its own.
#[napi]
pub fn publish_json(line: String, timed: bool) -> Result<f64> {
    let receipt = environment::staged_on(|bus, bytes, way, desk| {
        let _inside = desk.at(way.job);
        let ambient = if way.traced { trace::staged(bytes) } else { None };
        Given::read(&line, timed, ambient).map(|given| bus.publish(given.draft()))
    })?;
    settle(receipt)
}

#[inline]
fn settle(receipt: Result<Receipt>) -> Result<f64> {
    let refused = match receipt {
        Ok(receipt) => match receipt::number(&receipt) {
            Some(number) => return Ok(number),
            None => receipt.into(),
        },
        Err(found) => Answered::refused(&found.status, found.reason.clone()),
    };
    environment::here(|environment| environment.last = Some(refused))?;
    Ok(-1.0)
}

/// Publishes an event (staged, or as JSON) and answers its id; question number `asked` is told when durable handlers
/// have synced it, or why not.
#[napi]
pub fn publish_confirmed(line: Option<String>, timed: bool, asked: u32) -> Result<String> {
    let confirming = environment::staged_on(|bus, bytes, way, desk| {
        let _inside = desk.at(way.job);
        let ambient = if way.traced { trace::staged(bytes) } else { None };
        match &line {
            Some(line) => {
                Given::read(line, timed, ambient).map(|given| bus.publish_confirming(given.draft()))
            }
            None => stage::read(bytes, ambient, |draft| bus.publish_confirming(draft)),
        }
    })??
    .map_err(|found| error::confirm(&found))?;
    let desk = environment::here(|environment| environment.desk.clone())?;
    let id = confirming.id().to_string();
    confirming.then(move |answer| {
        let text = match answer {
            Ok(_) => String::new(),
            Err(found) => {
                let found = error::confirm(&found);
                format!("{}\n{}", found.status, found.reason)
            }
        };
        desk.tell(asked, "told", text);
    });
    Ok(id)
}

/// The ledger now.
#[napi]
pub fn health(bus: u32) -> Result<health::Health> {
    Ok(health::Health::from(&environment::bus(bus)?.health()))
}

/// Waits on another thread until all that was published before is handled and flushed; question `asked` is told.
#[napi]
pub fn flush(bus: u32, timeout_ms: f64, job: u32, asked: u32) -> Result<()> {
    let patience = deadline(timeout_ms)?;
    elsewhere(
        bus,
        job,
        asked,
        move |bus| {
            if bus.flush(patience) { "true".to_owned() } else { "false".to_owned() }
        },
    )
}

/// Closes the bus on another thread; question `asked` is told the report as JSON.
#[napi]
pub fn close(bus: u32, timeout_ms: f64, job: u32, asked: u32) -> Result<()> {
    let patience = deadline(timeout_ms)?;
    elsewhere(bus, job, asked, move |bus| health::report(&bus.close(patience)))
}

fn elsewhere(
    bus: u32,
    job: u32,
    asked: u32,
    wait: impl FnOnce(&VerificationEventBus) -> String + Send + 'static,
) -> Result<()> {
    let bus = environment::bus(bus)?;
    let desk = environment::here(|environment| environment.desk.clone())?;
    let spawned = thread::Builder::new().name("veribus-wait".into()).spawn(move || {
        let inside = desk.at(job);
        let text = wait(&bus);
        drop(inside);
        drop(bus);
        desk.tell(asked, "told", text);
    });
    spawned.map(drop).map_err(|found| fault("BUS_NO_THREAD", found))
}

/// What gives events their identity.
#[napi]
pub fn instance_id(bus: u32) -> Result<String> {
    Ok(environment::bus(bus)?.instance().to_string())
}
