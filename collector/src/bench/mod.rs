//! Load for a collector: events as people log in, sent in parcels, each timed from when it was due to its receipt.
//!
//! With a rate, parcels are due at fixed times and a late one has waited since then; without, as many are under way as
//! the window allows.

mod latency;
mod load;
mod process;
mod sample;

pub use latency::Latencies;
pub use load::{Load, LoadError, Measured};
pub use process::{BenchCollector, ProcessError, cpu_seconds};
pub use sample::Samples;
