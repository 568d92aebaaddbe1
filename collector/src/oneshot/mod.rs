//! `oneshot`: logs in, alerts with reasons and a verified trail out, in a fixed amount of memory.

mod fail_on;
mod inputs;
mod lines;
mod remark;
mod tracked;

pub use fail_on::FailOn;
