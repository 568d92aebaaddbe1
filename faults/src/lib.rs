//! What the fault tests share: a collector that can be killed, a sender that keeps what was not answered, tiers.
//!
//! Each test prints its seed (`VERIBUS_SEED=…` runs it again) and one line that begins with `ledger:`, which
//! `cargo xtask faults` collects. `VERIBUS_FAULT_TIER` chooses how much is done: 0 in every test run, 1 before a
//! milestone. See `docs/reliability.md`.

mod abreast;
mod broker;
mod collector;
mod http;
mod ledger;
mod model;
mod network;
mod passage;
mod publisher;
mod sender;
mod simulated;

pub use abreast::abreast;
pub use broker::{Broker, BrokerKind};
pub use collector::{Collector, Injection, strace_is_there};
pub use ledger::{Tier, held_to, ledger_line};
pub use model::{ModelCollector, ModelRoute};
pub use network::network_faults;
pub use passage::{Disturbance, Passage};
pub use publisher::Publisher;
pub use sender::{Sender, Target};
pub use simulated::{Life, SPOOL, Service};
