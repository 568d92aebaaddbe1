//! What one call costs in instructions: does one thing N times, so that a counting tool can tell the cost of each.
//!
//! Run by `cargo xtask test` under callgrind with two different N; the difference of the main thread's counts divided
//! by the difference of N is exact on every machine with the same compiler.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use veribus::codec::event_to_json;
use veribus::{
    AuditLogger, Batch, EventHandler, EventId, InstanceId, Name, SpanId, Timestamp, TraceContext, TraceId,
    VerificationEvent, VerificationEventBus, event,
};

const ACTION: Name<'static> = Name::new("jwt.signature");
const SESSION: Name<'static> = Name::new("session");
const USER_AGENT: Name<'static> = Name::new("user_agent");
const REGION: Name<'static> = Name::new("region");

/// Publishes before those that are counted.
const WARM_UP: usize = 20_000;

/// What an application has in its hands.
struct Login {
    actor: String,
    ip: IpAddr,
    resource: String,
    session: String,
    trace: TraceContext,
}

impl Login {
    fn new() -> Self {
        let ids = (TraceId::from_bytes([0x4b; 16]), SpanId::from_bytes([0x7a; 8]));
        let (Ok(trace), Ok(span)) = ids else { unreachable!("neither is all zero") };
        Login {
            actor: "user-00000000001".into(),
            ip: IpAddr::from([203, 0, 113, 7]),
            resource: "/api/v1/orders/00000000000000017".into(),
            session: "00000000deadbeef".into(),
            trace: TraceContext::new(trace, span, 1),
        }
    }
}

#[inline(never)]
fn publish_constant_names(bus: &VerificationEventBus, login: &Login) {
    let draft = event::authentication(ACTION)
        .attribute(SESSION, &login.session)
        .attribute(USER_AGENT, "Mozilla/5.0 (X11) rv")
        .attribute(REGION, "eu-central-1-az2");
    let draft = draft.failure().actor(&login.actor).source_ip(login.ip).target(&login.resource);
    let draft = draft.method("password").reason("bad_password").duration(Duration::from_nanos(1_800));
    bus.publish(draft.trace(login.trace));
}

#[inline(never)]
fn publish_text_names(bus: &VerificationEventBus, login: &Login) {
    let draft = event::authentication("jwt.signature")
        .attribute("session", &login.session)
        .attribute("user_agent", "Mozilla/5.0 (X11) rv")
        .attribute("region", "eu-central-1-az2");
    let draft = draft.failure().actor(&login.actor).source_ip(login.ip).target(&login.resource);
    let draft = draft.method("password").reason("bad_password").duration(Duration::from_nanos(1_800));
    bus.publish(draft.trace(login.trace));
}

fn owned(login: &Login) -> VerificationEvent {
    let draft = event::authentication("jwt.signature").attribute("session", &login.session);
    let draft = draft.attribute("user_agent", "Mozilla/5.0 (X11) rv").attribute("region", "eu-central-1-az2");
    let draft = draft.failure().actor(&login.actor).source_ip(login.ip).target(&login.resource);
    let draft = draft.method("password").reason("bad_password").trace(login.trace);
    let id = EventId::new(InstanceId(1), 1, 1);
    draft.into_event(id, Timestamp::from_seconds(1_700_000_000)).expect("a valid event")
}

fn publish(times: usize, once: fn(&VerificationEventBus, &Login)) -> VerificationEventBus {
    let bus = VerificationEventBus::builder().capacity(100_000).trust_tsc(true).build();
    let login = Login::new();
    // The ring grows to what it needs before anything is counted: this part is the same in every run.
    (0..WARM_UP).for_each(|_| once(&bus, &login));
    assert!(bus.flush(Duration::from_secs(60)), "the bus keeps up");
    (0..times).for_each(|_| once(&bus, &login));
    assert_eq!(bus.health().accepted, (WARM_UP + times) as u64, "nothing was refused");
    bus
}

/// Publishes, and waits until the dispatcher has taken all of it: its thread's instructions are what counts.
fn drain(times: usize) {
    let bus = publish(times, publish_constant_names);
    assert!(bus.flush(Duration::from_secs(60)), "the dispatcher keeps up");
}

fn encode_json(times: usize) {
    let (event, mut out) = (owned(&Login::new()), Vec::with_capacity(4096));
    for _ in 0..times {
        out.clear();
        event_to_json(black_box(&event), &mut out);
    }
}

fn encode_msgpack(times: usize) {
    let event = owned(&Login::new());
    let batch = Batch { events: vec![event; 100], ..Batch::default() };
    let mut out = Vec::with_capacity(64 * 1024);
    for _ in 0..times / 100 {
        out.clear();
        batch.encode_msgpack(&mut out).expect("a valid batch");
    }
}

fn append_audit(times: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut logger = AuditLogger::new(folder.path().join("audit.log")).expect("a trail");
    let batch: Vec<_> = (0..100).map(|_| Arc::new(owned(&Login::new()))).collect();
    for _ in 0..times / 100 {
        logger.handle(&batch).expect("a disk with room");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let times = arguments.get(2).and_then(|times| times.parse().ok());
    match (arguments.get(1).map(String::as_str), times) {
        (Some("publish, constant names"), Some(times)) => drop(publish(times, publish_constant_names)),
        (Some("publish, names as text"), Some(times)) => drop(publish(times, publish_text_names)),
        (Some("drain, by the dispatcher"), Some(times)) => drain(times),
        (Some("encode as JSON"), Some(times)) => encode_json(times),
        (Some("encode as MessagePack"), Some(times)) => encode_msgpack(times),
        (Some("append to the audit trail"), Some(times)) => append_audit(times),
        _ => {} // `cargo bench` without a task: nothing to count
    }
}
