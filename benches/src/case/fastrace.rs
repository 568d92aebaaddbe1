//! fastrace: a root span with the event's ten properties; a reporter that counts and throws away.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrace::collector::{Config, Reporter, SpanContext, SpanId, SpanRecord, TraceId};
use fastrace::{Span, flush, set_reporter};

use super::Case;
use crate::sample::Sample;
use crate::turn::Ledger;

/// Spans that the reporter of this process got; the library has one reporter a process.
static REPORTED: AtomicU64 = AtomicU64::new(0);

struct Null;

impl Reporter for Null {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        REPORTED.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

pub(crate) struct RootSpan {
    reported_before: u64,
}

impl RootSpan {
    pub(crate) fn start() -> Result<Self, String> {
        set_reporter(Null, Config::default());
        Ok(RootSpan { reported_before: REPORTED.load(Ordering::Relaxed) })
    }
}

impl Case for RootSpan {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let parent = SpanContext::new(TraceId(sample.trace), SpanId(sample.span));
        let own = |text: &String| Cow::Owned::<str>(text.clone());
        let span = Span::root(sample.action, parent).with_properties(|| {
            [
                ("outcome", Cow::Borrowed("failure")),
                ("actor", own(&sample.actor)),
                ("source.ip", Cow::Owned(sample.ip.to_string())),
                ("resource", own(&sample.resource)),
                ("method", own(&sample.method)),
                ("reason", own(&sample.reason)),
                ("session", own(&sample.session)),
                ("user_agent", own(&sample.agent)),
                ("region", own(&sample.region)),
                ("duration_ns", Cow::Owned(sample.latency.as_nanos().to_string())),
            ]
        });
        drop(std::hint::black_box(span));
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        // What finds its thread's queue full is not counted anywhere; the difference is what it lost.
        flush();
        let arrived = REPORTED.load(Ordering::Relaxed) - self.reported_before;
        Ok(Ledger { handed, arrived, lost: handed.saturating_sub(arrived) })
    }
}
