//! Prometheus counters.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use veribus_handlers::{MetricsCollector, MetricsHandle};

use crate::audit::already_registered;
use crate::bus::PyBus;
use crate::gate;
use crate::native::Native;

/// Counts events and renders Prometheus text; register it once.
#[pyclass(name = "MetricsCollector", module = "veribus", frozen)]
pub(crate) struct PyMetricsCollector {
    waiting: Mutex<Option<MetricsCollector>>,
    handle: MetricsHandle,
}

impl PyMetricsCollector {
    pub(crate) fn take(&self, py: Python<'_>) -> PyResult<Native> {
        let collector = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        collector.map(Native::of).ok_or_else(|| already_registered(py, "MetricsCollector"))
    }
}

#[pymethods]
impl PyMetricsCollector {
    #[classattr]
    const CONTENT_TYPE: &'static str = MetricsHandle::CONTENT_TYPE;

    #[new]
    #[pyo3(signature = (*, types_max=200))]
    fn new(types_max: usize) -> Self {
        let collector = MetricsCollector::with_types_max(types_max);
        PyMetricsCollector { handle: collector.handle(), waiting: Mutex::new(Some(collector)) }
    }

    /// Prometheus text, format 0.0.4; with the bus also its ledger.
    #[pyo3(signature = (bus=None))]
    fn render(&self, py: Python<'_>, bus: Option<&Bound<'_, PyBus>>) -> String {
        let bus = bus.map(|bus| &*bus.get().bus);
        gate::detached(py, || self.handle.render(bus.map(|bus| bus.health()).as_ref()))
    }

    fn __repr__(&self) -> &'static str {
        "<MetricsCollector>"
    }
}
