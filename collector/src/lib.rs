//! The binary `veribus` as a library: commands, the collector behind them, and the one writer they share.

pub mod api;
pub mod auth;
pub mod bench;
pub mod cli;
pub mod client;
pub mod commands;
pub mod data_dir;
pub mod ingest;
pub mod oneshot;
pub mod output;
pub mod pipeline;
pub mod receive;
pub mod server;
pub mod shown;
pub mod store;
