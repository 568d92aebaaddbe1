//! Alerts in the process: a severity, or so many events of one entity in a window of time; each told once.
//!
//! [`AlertHandler`] evaluates [`AlertRule`]s and hands [`Alert`]s to [`AlertSink`]s. In numbers: 10,000 entities are
//! tracked per handler (the one not seen for longest makes room, counted), a rule counts up to 1,000 events, 1,024
//! alerts wait for a sink that is down, each is tried 8 times.

mod entity;
mod handler;
mod message;
mod outbox;
mod rule;
mod sink;
mod stdout;
mod tracker;
#[cfg(feature = "webhook")]
mod webhook;
mod window;

pub use entity::Entity;
pub use handler::{AlertBuilder, AlertHandler};
pub use message::Alert;
pub use outbox::{AlertCounts, AlertWatch};
pub use rule::AlertRule;
pub use sink::{AlertSink, SinkError, SinkFactory};
pub use stdout::StdoutSink;
#[cfg(feature = "webhook")]
pub use webhook::{WebhookError, WebhookSink};
