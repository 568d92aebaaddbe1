//! One walk over events and batches for all formats: the canonical order of the wire stands here and nowhere else.

mod account;
mod sink;

use std::borrow::Borrow;

pub(super) use sink::{Mark, Sink};

use super::batch::BatchView;
use super::fields::{ActorField, BatchField, EventField, SourceField, Spelled, TargetField};
use super::joined::JoinedBatch;
use super::msgpack::MsgpackWriter;
use crate::event::{
    Actor, Attributes, EventId, EventKind, InstanceId, Source, Target, Text, Value, VerificationEvent,
};

/// Fields of an event that most events have; a guess for the size of a map's header.
const USUAL_FIELDS: usize = 8;

/// Writes a batch: version, source, instance, runs, events, losses, lanes, then what is unknown here.
pub(super) fn batch<S: Sink, E: Borrow<VerificationEvent>>(sink: &mut S, batch: &BatchView<'_, E>) {
    let runs = Runs::of(batch.instance, batch.events.iter().map(|e| e.borrow().id));
    let map = sink.open_map(USUAL_FIELDS);
    head(sink, batch.source, batch.extra.get(BatchField::Source.word()), batch.instance, &runs);
    sink.field(BatchField::Events);
    let list = sink.open_list(batch.events.len());
    for one in batch.events {
        let one = one.borrow();
        sink.item();
        let own_id = one.id.bits() != 0 && !in_run(batch.instance, one.id);
        event(sink, one, own_id.then_some(one.id));
    }
    sink.close_list(list);
    account::losses(sink, batch.losses);
    account::lanes(sink, batch.lanes);
    rest::<S, BatchField>(sink, batch.extra, |_| false);
    sink.close_map(map);
}

/// Writes a batch of events that are encoded already, each without its id; the bytes are the same as [`batch`]'s.
pub(super) fn joined(sink: &mut MsgpackWriter<'_>, batch: &JoinedBatch<'_>) {
    let runs = Runs::of(Some(batch.instance), batch.ids.iter().copied());
    let map = sink.open_map(USUAL_FIELDS);
    head(sink, batch.source, None, Some(batch.instance), &runs);
    sink.field(BatchField::Events);
    let list = sink.open_list(batch.ids.len());
    sink.items(batch.ids.len(), batch.events);
    sink.close_list(list);
    account::losses(sink, batch.losses);
    account::lanes(sink, batch.lanes);
    sink.close_map(map);
}

fn head<S: Sink>(
    sink: &mut S,
    of: &Source,
    unknown: Option<&Value>,
    instance: Option<InstanceId>,
    runs: &Runs,
) {
    sink.field(BatchField::Version);
    sink.unsigned(super::batch::VERSION);
    sink.field(BatchField::Source);
    source(sink, of, unknown);
    if let Some(instance) = instance {
        sink.field(BatchField::Instance);
        sink.instance(instance);
    }
    if !runs.any {
        return;
    }
    sink.field(BatchField::Runs);
    let list = sink.open_list(runs.list.len());
    for run in &runs.list {
        sink.item();
        let triple = sink.open_list(3);
        for number in [u64::from(run.lane), run.first_seq, run.count] {
            sink.item();
            sink.unsigned(number);
        }
        sink.close_list(triple);
    }
    sink.close_list(list);
}

/// Consecutive events of one lane, or (`first_seq` 0) events outside any lane of the batch's instance.
struct Run {
    lane: u16,
    first_seq: u64,
    count: u64,
}

struct Runs {
    list: Vec<Run>,
    /// Whether there is one with a sequence.
    any: bool,
}

fn in_run(instance: Option<InstanceId>, id: EventId) -> bool {
    instance == Some(id.instance()) && id.seq() != 0
}

impl Runs {
    /// The fewest runs that cover the events in order; none for the events without one at the end.
    fn of(instance: Option<InstanceId>, ids: impl Iterator<Item = EventId>) -> Runs {
        let mut list: Vec<Run> = Vec::new();
        if instance.is_none() {
            return Runs { list, any: false };
        }
        for id in ids {
            let (lane, seq) = if in_run(instance, id) { (id.lane(), id.seq()) } else { (0, 0) };
            match list.last_mut() {
                Some(run) if run.lane == lane && run.follows(seq) => run.count += 1,
                _ => list.push(Run { lane, first_seq: seq, count: 1 }),
            }
        }
        list.pop_if(|last| last.first_seq == 0);
        let any = !list.is_empty();
        Runs { list, any }
    }
}

impl Run {
    fn follows(&self, seq: u64) -> bool {
        if self.first_seq == 0 { seq == 0 } else { seq == self.first_seq + self.count }
    }
}

fn source<S: Sink>(sink: &mut S, source: &Source, unknown: Option<&Value>) {
    let optional = [
        (SourceField::Instance, &source.instance),
        (SourceField::Host, &source.host),
        (SourceField::Environment, &source.environment),
        (SourceField::Network, &source.network),
        (SourceField::Sdk, &source.sdk),
        (SourceField::SdkVersion, &source.sdk_version),
    ];
    let map = sink.open_map(USUAL_FIELDS);
    sink.field(SourceField::Service);
    sink.text(&source.service);
    for (field, text) in optional {
        some_text(sink, field, text.as_ref());
    }
    rest_of::<S, SourceField>(sink, unknown);
    sink.close_map(map);
}

/// Writes an event: identity, what every event has, the payload, attributes, then what is unknown here.
pub(super) fn event<S: Sink>(sink: &mut S, event: &VerificationEvent, id: Option<EventId>) {
    let map = sink.open_map(USUAL_FIELDS);
    if let Some(id) = id {
        sink.field(EventField::Id);
        sink.id(id);
    }
    sink.field(EventField::Time);
    sink.time(event.time);
    sink.field(EventField::Kind);
    sink.kind(&event.kind);
    sink.field(EventField::Action);
    sink.text(&event.action);
    sink.field(EventField::Severity);
    sink.severity(event.severity);
    sink.field(EventField::Outcome);
    sink.outcome(event.outcome);
    some_text(sink, EventField::Reason, event.reason.as_ref());
    actor(sink, event.actor.as_ref(), event.extra.get(EventField::Actor.word()));
    if let Some(about) = &event.target {
        target(sink, about, event.extra.get(EventField::Target.word()));
    }
    if let Some(trace) = event.trace {
        sink.field(EventField::Trace);
        sink.trace(trace);
    }
    if let Some(duration) = event.duration {
        sink.field(EventField::Duration);
        sink.unsigned(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }
    payload(sink, &event.kind);
    if !event.attributes.is_empty() {
        sink.field(EventField::Attributes);
        attributes(sink, &event.attributes);
    }
    if !event.extra.is_empty() {
        let family = event.kind.family();
        rest::<S, EventField>(sink, &event.extra, |f| f.family().is_some_and(|of| of != family));
    }
    sink.close_map(map);
}

fn some_text<S: Sink, F: Spelled>(sink: &mut S, field: F, text: Option<&Text>) {
    if let Some(text) = text {
        sink.field(field);
        sink.text(text);
    }
}

fn actor<S: Sink>(sink: &mut S, actor: Option<&Actor>, unknown: Option<&Value>) {
    if actor.is_none() && unknown.is_none() {
        return;
    }
    sink.field(EventField::Actor);
    let map = sink.open_map(4);
    if let Some(actor) = actor {
        some_text(sink, ActorField::Name, actor.name.as_ref());
        if let Some(ip) = actor.ip {
            sink.field(ActorField::Ip);
            sink.ip(ip);
        }
        if let Some(port) = actor.port {
            sink.field(ActorField::Port);
            sink.unsigned(port.into());
        }
        some_text(sink, ActorField::Host, actor.host.as_ref());
    }
    rest_of::<S, ActorField>(sink, unknown);
    sink.close_map(map);
}

fn target<S: Sink>(sink: &mut S, target: &Target, unknown: Option<&Value>) {
    sink.field(EventField::Target);
    let map = sink.open_map(2);
    sink.field(TargetField::Name);
    sink.text(&target.name);
    some_text(sink, TargetField::Kind, target.kind.as_ref());
    rest_of::<S, TargetField>(sink, unknown);
    sink.close_map(map);
}

fn payload<S: Sink>(sink: &mut S, kind: &EventKind) {
    match kind {
        EventKind::Authentication(p) => {
            some_text(sink, EventField::Method, p.method.as_ref());
            some_text(sink, EventField::Credential, p.credential.as_ref());
        }
        EventKind::Authorization(p) => {
            some_text(sink, EventField::Permission, p.permission.as_ref());
            some_text(sink, EventField::Policy, p.policy.as_ref());
        }
        EventKind::Configuration(p) => {
            some_text(sink, EventField::Setting, p.setting.as_ref());
            some_text(sink, EventField::OldValue, p.old_value.as_ref());
            some_text(sink, EventField::NewValue, p.new_value.as_ref());
        }
        EventKind::Performance(p) => {
            if let Some(value) = p.value {
                sink.field(EventField::Value);
                sink.float(value);
            }
            some_text(sink, EventField::Unit, p.unit.as_ref());
            some_number(sink, EventField::Count, p.count);
            some_number(sink, EventField::Errors, p.errors);
        }
        EventKind::Security(p) => {
            some_text(sink, EventField::Technique, p.technique.as_ref());
            some_text(sink, EventField::Rule, p.rule.as_ref());
            some_number(sink, EventField::Score, p.score.map(u64::from));
        }
        EventKind::Unknown(_) => {}
    }
}

fn some_number<S: Sink>(sink: &mut S, field: EventField, number: Option<u64>) {
    if let Some(number) = number {
        sink.field(field);
        sink.unsigned(number);
    }
}

/// What came in a map whose own fields are of table `F` and is not one of them.
fn rest_of<S: Sink, F: Spelled>(sink: &mut S, unknown: Option<&Value>) {
    if let Some(Value::Map(unknown)) = unknown {
        rest::<S, F>(sink, unknown, |_| false);
    }
}

/// Unknown names as they came. A name of the table is written where `of_another` owns it (a payload field of
/// another family); otherwise its place is taken by the field itself and decoders never keep it here.
fn rest<S: Sink, F: Spelled>(sink: &mut S, unknown: &Attributes, of_another: impl Fn(F) -> bool) {
    for (name, content) in unknown.iter() {
        match F::find(name) {
            None => sink.name(name),
            Some(field) if of_another(field) => sink.field(field),
            Some(_) => continue,
        }
        value(sink, content);
    }
}

fn attributes<S: Sink>(sink: &mut S, attributes: &Attributes) {
    let map = sink.open_map(attributes.len());
    for (name, content) in attributes.iter() {
        sink.name(name);
        value(sink, content);
    }
    sink.close_map(map);
}

/// Writes a value of an attribute.
pub(super) fn value<S: Sink>(sink: &mut S, content: &Value) {
    match content {
        Value::Bool(v) => sink.boolean(*v),
        Value::I64(v) => sink.integer(*v),
        Value::U64(v) => sink.unsigned(*v),
        Value::F64(v) => sink.float(*v),
        Value::String(v) => sink.text(v),
        Value::Bytes(v) => sink.bytes(v),
        Value::List(values) => {
            let list = sink.open_list(values.len());
            for content in values {
                sink.item();
                value(sink, content);
            }
            sink.close_list(list);
        }
        Value::Map(values) if sink.must_wrap(values.iter().map(|(name, _)| name)) => {
            sink.wrap();
            attributes(sink, values);
            sink.unwrap();
        }
        Value::Map(values) => attributes(sink, values),
    }
}
