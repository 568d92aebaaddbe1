//! The compact form: MessagePack, every value in its smallest encoding.

mod reader;
mod writer;

pub(super) use reader::MsgpackReader;
pub(super) use writer::MsgpackWriter;
