//! What an encoder writes to, whatever the format.

use std::net::IpAddr;

use super::super::fields::Spelled;
use crate::event::{EventId, EventKind, InstanceId, Outcome, Severity, Timestamp};
use crate::trace::TraceContext;

/// The place of an open map or list, to be closed again.
#[derive(Debug)]
pub(in crate::codec) struct Mark {
    /// Where its header stands.
    pub(in crate::codec) at: usize,
    /// Bytes held free for its header.
    pub(in crate::codec) header: usize,
    /// Entries of the container around it so far.
    pub(in crate::codec) outer: usize,
}

/// A format being written. Maps and lists are opened with the number of entries expected and counted as they
/// are written: only MessagePack needs the number, and a wrong expectation costs it a move of the bytes.
pub(in crate::codec) trait Sink {
    fn open_map(&mut self, expected: usize) -> Mark;
    fn close_map(&mut self, mark: Mark);
    fn open_list(&mut self, expected: usize) -> Mark;
    fn close_list(&mut self, mark: Mark);

    /// Before each item of a list.
    fn item(&mut self);
    /// Before each value of a field of the table.
    fn field<F: Spelled>(&mut self, field: F);
    /// Before each value of an open name.
    fn name(&mut self, name: &str);

    fn boolean(&mut self, value: bool);
    fn integer(&mut self, value: i64);
    fn unsigned(&mut self, value: u64);
    fn float(&mut self, value: f64);
    fn text(&mut self, value: &str);
    fn bytes(&mut self, value: &[u8]);

    fn id(&mut self, id: EventId);
    fn instance(&mut self, instance: InstanceId);
    fn time(&mut self, time: Timestamp);
    fn kind(&mut self, kind: &EventKind);
    fn severity(&mut self, severity: Severity);
    fn outcome(&mut self, outcome: Outcome);
    fn ip(&mut self, ip: IpAddr);
    fn trace(&mut self, trace: TraceContext);

    /// Whether a map with one of these names has to be wrapped in a tag.
    fn must_wrap<'a>(&self, names: impl Iterator<Item = &'a str>) -> bool;
    /// Opens that wrapping.
    fn wrap(&mut self);
    /// Closes it.
    fn unwrap(&mut self);
}
