//! Prometheus counters.

use napi_derive::napi;
use veribus_handlers::{MetricsCollector, MetricsHandle};

use crate::audit::already_registered;
use crate::environment;
use crate::error::Result;
use crate::handler::{NativeHandlerId, register};
use crate::native::Said;

/// Counts events and renders Prometheus text; registered once.
#[napi]
pub struct NativeMetricsCollector {
    waiting: Option<MetricsCollector>,
    handle: MetricsHandle,
}

#[napi]
impl NativeMetricsCollector {
    /// At most so many event types get a series of their own.
    #[napi(constructor)]
    pub fn new(types_max: u32) -> Self {
        let collector = MetricsCollector::with_types_max(types_max as usize);
        NativeMetricsCollector { handle: collector.handle(), waiting: Some(collector) }
    }

    /// Moves it into a bus.
    #[napi]
    pub fn register(&mut self, bus: u32, said: Said, job: u32) -> Result<NativeHandlerId> {
        let collector = self.waiting.take().ok_or_else(|| already_registered("MetricsCollector"))?;
        register(bus, Box::new(collector), &said, job)
    }

    /// Prometheus text, format 0.0.4; with a bus also its ledger.
    #[napi]
    pub fn render(&self, bus: Option<u32>) -> Result<String> {
        let health = bus.map(environment::bus).transpose()?.map(|bus| bus.health());
        Ok(self.handle.render(health.as_ref()))
    }

    /// The media type of what `render` answers.
    #[napi]
    pub fn content_type(&self) -> &'static str {
        MetricsHandle::CONTENT_TYPE
    }
}
