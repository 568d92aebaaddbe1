//! The binary `veribus` as a library: commands, the collector behind them, and the one writer they share.

pub mod cli;
pub mod commands;
pub mod oneshot;
pub mod output;
