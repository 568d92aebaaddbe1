//! Test doubles and judges of veribus: handlers that misbehave, an oracle, a fault proxy. A dev-dependency only.

mod capture;
pub mod oracle;
pub mod proxy;
mod seed;
mod unruly;

pub use capture::{CaptureHandler, Captured};
pub use seed::{Choices, Seed};
pub use unruly::{Blocking, Failing, Gate, Panicking};
