//! A trail that people can read and nobody can change quietly: JSON Lines in which each line carries the hash
//! of the line before it.
//!
//! [`AuditLogger`] writes it, [`verify()`] checks it and names the first bad line. The format, byte by byte, is in
//! `docs/audit-trail.md`; `tools/verify_audit.py` is a second verifier that shares no code with this one.
//!
//! In numbers: a line is at most 16 MiB ([`LINE_BYTES_MAX`]); a segment is closed at 256 MiB unless said; lines
//! go to the file in chunks of 64 KiB; what the log knows about itself is in four small files beside it
//! (`.head`, `.head.tmp`, `.lock`, and `quarantine/` after a crash).

mod builder;
mod chain;
mod child;
mod digest;
mod envelope;
mod error;
#[cfg(test)]
mod faults;
mod head;
mod lock;
mod logger;
mod opening;
mod paths;
mod status;
mod storage;
mod verify;
mod walk;
mod writer;

pub use builder::{AuditBuilder, SyncPolicy};
pub use digest::{Digest, LogId};
pub use envelope::LINE_BYTES_MAX;
pub use error::AuditError;
pub use head::Anchor;
pub use logger::AuditLogger;
pub use status::{AuditStatus, AuditWatch, Opened, Opening};
pub use verify::{VerifyReport, verify};
pub use walk::{CrashTail, FirstBad, Problem};
