//! Test doubles and judges of veribus: handlers that misbehave, an oracle, a proxy and a disk that fail. A dev-dependency only.

mod capture;
pub mod oracle;
pub mod proxy;
mod seed;
pub mod server;
pub mod sim_fs;
pub mod transport_suite;
mod unruly;

pub use capture::{CaptureHandler, Captured};
pub use seed::{Choices, Seed};
pub use unruly::{Blocking, Failing, Gate, Panicking};
