//! The built-in handlers of veribus: a hash-chained audit log, metrics, alerts.
//!
//! Applications use the crate `veribus`, which re-exports all of this. How to write a handler of your own, and
//! what these do: `docs/handlers.md`.

#[cfg(feature = "alert")]
pub mod alert;
#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "forward")]
pub mod forward;
#[cfg(feature = "metrics")]
pub mod metrics;

mod per_process;

pub use per_process::PerProcess;

#[cfg(feature = "webhook")]
pub use alert::WebhookSink;
#[cfg(feature = "alert")]
pub use alert::{Alert, AlertHandler, AlertRule, AlertSink, SinkError, StdoutSink};
#[cfg(feature = "audit")]
pub use audit::{AuditBuilder, AuditError, AuditLogger, SyncPolicy};
#[cfg(feature = "forward")]
pub use forward::{ForwardBuilder, ForwardError, ForwardHandler, ForwardHealth, ForwardWatch, SpoolSettings};
#[cfg(feature = "metrics")]
pub use metrics::{MetricsCollector, MetricsHandle};
