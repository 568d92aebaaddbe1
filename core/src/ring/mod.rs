//! The one reviewed folder of unsafe code: byte ring, record, tick counter, memory barrier, fork hook.
//!
//! Each file offers a safe interface and states above every `unsafe` why it holds.

#![allow(unsafe_code)]

pub(crate) mod barrier;
pub(crate) mod byte_ring;
mod copy;
pub(crate) mod fork;
pub(crate) mod local;
pub(crate) mod record;
pub(crate) mod sync;
pub(crate) mod ticks;
