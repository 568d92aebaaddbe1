//! Test doubles of veribus: handlers that capture, block, fail and panic. A dev-dependency only.

mod capture;
mod unruly;

pub use capture::{CaptureHandler, Captured};
pub use unruly::{Blocking, Failing, Gate, Panicking};
