//! Know that every security check in your services happened, and prove it.
//!
//! An embeddable event bus for verifications: logins, signature and key checks, permission decisions, policy changes.
//!
//! ```
//! use veribus::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! # let token = "42";
//! # fn decode(token: &str) -> Result<u32, std::num::ParseIntError> { token.parse() }
//! let event_bus = VerificationEventBus::new(1000);
//! event_bus.register_handler(Box::new(AuditLogger::new("audit.log")?));
//!
//! let claims = event_bus.verify("jwt.signature").actor("alice").run(|| decode(&token))?;
//! event_bus.publish(VerificationEvent::authorization("order.write").failure().actor("alice").target("orders/17"));
//!
//! let report = event_bus.close(std::time::Duration::from_secs(1));
//! assert_eq!(report.delivered, 2);
//! # assert_eq!(claims, 42);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! - Publish: [`event`] and its builders, [`VerificationEventBus::publish`],
//!   [`verify`](VerificationEventBus::verify) around a check, [`Name`] for names that cost nothing;
//! - handle: [`AuditLogger`], [`MetricsCollector`], [`AlertHandler`], or your own [`EventHandler`];
//! - know what happened: [`Receipt`], [`BusHealth`], [`LossReason`], [`CloseReport`];
//! - trace: [`TraceContext`], [`trace`];
//! - keep secrets out: [`Redactor`], [`escape`];
//! - the wire, for transports and SDKs: [`codec`].
//!
//! # Features
//!
//! `audit`, `metrics` and `alert` (on by default) bring the handlers of these names, `webhook` alerts over HTTPS, `forward`
//! the way to a collector;
//! `opentelemetry` and `tracing` pick up the trace context of the current span.
//!
//! # The promise
//!
//! [`publish`](VerificationEventBus::publish) never blocks and never fails; each handler works on a thread of its own and
//! can neither slow nor break the application; and [`health`](VerificationEventBus::health) balances the books, so that no
//! event is lost without a counted reason.

#[doc(inline)]
pub use veribus_core::*;
#[cfg(any(feature = "audit", feature = "metrics", feature = "alert", feature = "forward"))]
#[doc(inline)]
pub use veribus_handlers::*;
