//! The one reviewed folder of unsafe code: byte ring, tick counter, memory barrier, fork hook.
//!
//! Each file offers a safe interface and states above every `unsafe` why it holds. Nothing here knows an event.

#![allow(unsafe_code)]

pub(crate) mod barrier;
pub(crate) mod byte_ring;
pub(crate) mod fork;
pub(crate) mod ticks;
