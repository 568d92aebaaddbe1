//! The atomics that the proofs see: the standard library's, and loom's where a model runs this very code.

#[cfg(all(test, loom))]
pub(super) use loom::sync::{
    Arc,
    atomic::{AtomicPtr, AtomicU64, Ordering},
};
#[cfg(not(all(test, loom)))]
pub(super) use std::sync::{
    Arc,
    atomic::{AtomicPtr, AtomicU64, Ordering},
};
