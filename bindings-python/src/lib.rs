//! The native half of the Python SDK: translates between Python and the bus, and does nothing else.
//!
//! What is pythonic (settings, decorators, integrations) is Python, in `python/veribus`. Two rules keep an interpreter
//! alive, see the modules `gate` and `desk`: no thread of ours runs Python code, and after the interpreter's exit hook ran no
//! thread comes back to it.

mod alert;
mod audit;
mod bus;
mod codec;
mod desk;
mod error;
mod event;
mod fields;
mod forward;
mod gate;
mod given;
mod handler;
mod health;
mod metrics;
mod native;
mod receipt;
mod trace;
mod value;
mod verification;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
mod _veribus {
    use pyo3::prelude::*;
    use pyo3::types::PyMapping;

    #[pymodule_export]
    use super::alert::PyAlertHandler;
    #[pymodule_export]
    use super::audit::{PyAuditLogger, audit_verify};
    #[pymodule_export]
    use super::bus::PyBus;
    #[pymodule_export]
    use super::codec::{PyBatch, decode, decode_each, encode, event_from_json};
    #[pymodule_export]
    use super::desk::{PyDesk, set_start};
    #[pymodule_export]
    use super::event::{
        PyAuthentication, PyAuthorization, PyConfiguration, PyEvent, PyPerformance, PySecurity,
        PyUnknownEvent,
    };
    #[pymodule_export]
    use super::forward::PyForwarder;
    #[pymodule_export]
    use super::gate::{after_fork, close_gate};
    #[pymodule_export]
    use super::handler::PyHandlerId;
    #[pymodule_export]
    use super::metrics::PyMetricsCollector;
    #[pymodule_export]
    use super::receipt::PyReceipt;
    #[pymodule_export]
    use super::trace::{PyTraceContext, set_ambient};
    #[pymodule_export]
    use super::verification::PyVerification;

    /// Everything that is made once is made now: a fork in the middle of it would leave a child without it.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        // Asking whether this is a mapping makes PyO3 look for `collections.abc.Mapping`, once.
        let _is_none = py.None().into_bound(py).cast::<PyMapping>().is_ok();
        crate::trace::prepare(py)
    }

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python gives it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
