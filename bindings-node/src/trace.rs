//! The trace of the moment, as `ts/trace.ts` knows it and leaves it on the stage; and W3C contexts for it.

use napi_derive::napi;
use veribus_core::TraceContext;

use crate::error::{Result, fault};

/// Where the stage holds the `traceparent` of the moment, behind all text.
const AT: usize = 65_472;
const BYTES: usize = 55;

/// The trace on the stage. Never an error: an event without its trace beats no event.
#[inline]
pub(crate) fn staged(bytes: &[u8]) -> Option<TraceContext> {
    let text = std::str::from_utf8(bytes.get(AT..AT + BYTES)?).ok()?;
    TraceContext::parse(text).ok()
}

/// The canonical text of a W3C `traceparent` header.
#[napi]
pub fn trace_parse(header: String) -> Result<String> {
    let parsed = TraceContext::parse(&header).map_err(|found| fault("EVT_TRACE_INVALID", found))?;
    Ok(parsed.to_string())
}

/// The root of a new trace.
#[napi]
pub fn trace_root() -> String {
    TraceContext::new_root().to_string()
}

/// A new span in the same trace.
#[napi]
pub fn trace_child(header: String) -> Result<String> {
    let parsed = TraceContext::parse(&header).map_err(|found| fault("EVT_TRACE_INVALID", found))?;
    Ok(parsed.child().to_string())
}
