//! One walk over encoded events and batches for all formats: what is read, checked and kept stands here.

mod account;
mod batch;
mod event;
mod leaf;
mod payload;
mod source;
mod value;

pub(super) use batch::batch;
pub(super) use event::event;
pub(super) use source::{Open, Reader, SKIP_DEPTH_MAX, Token};
