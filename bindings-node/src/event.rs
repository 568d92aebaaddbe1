//! Events in and out beside the stage: as one line of the wire's JSON, which can say everything.

use std::sync::Arc;

use napi_derive::napi;
use veribus_core::codec::{event_from_json, event_to_json};
use veribus_core::{Draft, EventError, EventId, Timestamp, TraceContext, VerificationEvent};

use crate::error::{self, Result};
use crate::{environment, stage};

/// An event that came as JSON; `timed` if it has a time of its own.
pub(crate) struct Given {
    pub(crate) event: VerificationEvent,
    pub(crate) timed: bool,
}

impl Given {
    pub(crate) fn read(line: &str, timed: bool, ambient: Option<TraceContext>) -> Result<Given> {
        let mut event = event_from_json(line.as_bytes()).map_err(|found| error::codec(&found))?;
        event.trace = event.trace.or(ambient);
        Ok(Given { event, timed })
    }

    pub(crate) fn draft(&self) -> Draft<'_> {
        let draft = Draft::from(&self.event);
        if self.timed { draft } else { draft.without_time() }
    }
}

/// Throws what is wrong with the staged event.
#[napi]
pub fn check_staged() -> Result<()> {
    let checked: Result<Result<(), EventError>> =
        environment::staged(|bytes| stage::read(bytes, None, |draft| draft.check()))?;
    checked?.map_err(|found| error::event(&found))
}

/// Throws what is wrong with an event as JSON.
#[napi]
pub fn check_json(line: String) -> Result<()> {
    Given::read(&line, true, None).map(drop)
}

/// An event as JSON in its canonical form.
#[napi]
pub fn canonical(line: String) -> Result<String> {
    Given::read(&line, true, None).map(|given| self::line(&given.event))
}

/// The staged event as a line of the wire's JSON, at time 0 and without an id.
#[napi]
pub fn staged_to_json() -> Result<String> {
    let made = environment::staged(|bytes| {
        stage::read(bytes, None, |draft| {
            draft.clone().into_event(EventId::from_bits(0), Timestamp::default())
        })
    })?;
    let event = made?.map_err(|found| error::event(&found))?;
    Ok(line(&event))
}

/// One event as a line.
pub(crate) fn line(event: &VerificationEvent) -> String {
    let mut out = Vec::new();
    event_to_json(event, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// A batch as lines, without a line break at the end.
pub(crate) fn lines(batch: &[Arc<VerificationEvent>]) -> String {
    let mut out = Vec::with_capacity(batch.len() * 256);
    for event in batch {
        if !out.is_empty() {
            out.push(b'\n');
        }
        event_to_json(event, &mut out);
    }
    String::from_utf8(out).unwrap_or_default()
}
