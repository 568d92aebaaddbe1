//! Pure translators from foreign logs to veribus events: no files, no sockets, no clock of their own.
//!
//! The caller reads bytes, [detects](detect) the format from the first of them, and hands over line by line.
//! Every line has exactly one [outcome](LineOutcome): it gave events, it was recognised but verifies nothing,
//! or it is [unparsed](Unparsed) with a reason; the caller counts, so that nothing is dropped silently.
//!
//! ```
//! use veribus_core::{Outcome, Timestamp};
//! use veribus_sources::{detect, source_for, Detection, LineOutcome, SourceOptions};
//!
//! let log = b"Dec 10 06:55:48 web1 sshd[242]: Failed password for root from 203.0.113.9 port 38926 ssh2\n";
//! let Detection::Text(format) = detect(log) else { panic!("recognised") };
//! let written: Timestamp = "2026-12-24T00:00:00Z".parse()?;
//! let mut source = source_for(format, &SourceOptions::new(written));
//! let mut events = Vec::new();
//! assert_eq!(source.line(log.trim_ascii_end(), &mut events), LineOutcome::Events(1));
//! assert_eq!((events[0].outcome, &*events[0].action), (Outcome::Failure, "login"));
//! assert_eq!(events[0].time.to_string(), "2026-12-10T06:55:48.000000000Z");
//! # Ok::<(), veribus_core::EventError>(())
//! ```

mod access_log;
mod detect;
mod format;
mod line;
mod openssh;
mod options;
mod peer;
mod syslog;
mod text;
mod veribus_json;

pub use access_log::AccessLog;
pub use detect::{DETECT_BYTES_MAX, Detection, detect};
pub use format::Format;
pub use line::{Ignored, LINE_BYTES_MAX, LineOutcome, LineSource, REPEATS_MAX, Unparsed};
pub use openssh::OpenSsh;
pub use options::{SourceOptions, source_for};
pub use text::FIELD_BYTES_MAX;
pub use veribus_json::VeribusJson;
