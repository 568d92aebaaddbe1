//! The OpenTelemetry logs SDK with its own defaults: batch processor, an exporter that counts and throws away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter, SdkLogger, SdkLoggerProvider};

use super::Case;
use crate::sample::Sample;
use crate::turn::Ledger;

#[derive(Debug, Clone, Default)]
struct Null(Arc<AtomicU64>);

impl LogExporter for Null {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.0.fetch_add(batch.iter().count() as u64, Ordering::Relaxed);
        Ok(())
    }
}

pub(crate) struct Logs {
    provider: SdkLoggerProvider,
    logger: SdkLogger,
    exported: Null,
}

impl Logs {
    pub(crate) fn start() -> Result<Self, String> {
        let exported = Null::default();
        let provider = SdkLoggerProvider::builder().with_batch_exporter(exported.clone()).build();
        let logger = provider.logger("veribus-benches");
        Ok(Logs { provider, logger, exported })
    }
}

impl Case for Logs {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        let mut record = self.logger.create_log_record();
        record.set_timestamp(SystemTime::now());
        record.set_severity_number(Severity::Info);
        record.set_severity_text("INFO");
        record.set_event_name("authentication");
        record.set_body(AnyValue::from(sample.action));
        record.set_trace_context(
            TraceId::from_bytes(sample.trace.to_be_bytes()),
            SpanId::from_bytes(sample.span.to_be_bytes()),
            Some(TraceFlags::SAMPLED),
        );
        record.add_attribute("outcome", "failure");
        record.add_attribute("actor", sample.actor.clone());
        record.add_attribute("source.ip", sample.ip.to_string());
        record.add_attribute("resource", sample.resource.clone());
        record.add_attribute("method", sample.method.clone());
        record.add_attribute("reason", sample.reason.clone());
        record.add_attribute("session", sample.session.clone());
        record.add_attribute("user_agent", sample.agent.clone());
        record.add_attribute("region", sample.region.clone());
        record.add_attribute("duration_ns", sample.latency.as_nanos() as i64);
        self.logger.emit(record);
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        // What the processor drops it only logs; the difference is what it lost.
        let _ = self.provider.shutdown();
        let arrived = self.exported.0.load(Ordering::Relaxed);
        Ok(Ledger { handed, arrived, lost: handed.saturating_sub(arrived) })
    }
}
