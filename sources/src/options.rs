//! What a translator cannot know from the lines, and the way from a format to its translator.

use veribus_core::Timestamp;

use crate::access_log::AccessLog;
use crate::format::Format;
use crate::line::LineSource;
use crate::openssh::OpenSsh;
use crate::veribus_json::VeribusJson;

/// What the lines leave open: the year and the time zone of classic syslog stamps.
///
/// The year policy, in full: the first stamp takes the latest year in which its date is not later than the
/// day after the reference. Each later stamp keeps the year of the one before it, except that a
/// jump back of more than 180 days begins the next year, a jump ahead of more than 358 days is a late line of
/// the year before, and no date is ever later than the day after the reference. Small jumps back change
/// nothing. 29 February in a common year belongs to the nearest leap year before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceOptions {
    pub(crate) reference: Timestamp,
    pub(crate) utc_offset_seconds: i32,
}

impl SourceOptions {
    /// Options for lines written before `reference`: the file's time of modification, or now. Zone: UTC.
    pub fn new(reference: Timestamp) -> Self {
        SourceOptions { reference, utc_offset_seconds: 0 }
    }

    /// How far the clock of stamps without a zone is ahead of UTC, in seconds; cut to ±26 hours.
    #[must_use]
    pub fn utc_offset_seconds(mut self, seconds: i32) -> Self {
        self.utc_offset_seconds = seconds.clamp(-93_600, 93_600);
        self
    }
}

/// The translator of `format` for one input; not to be shared between inputs, since it remembers lines.
pub fn source_for(format: Format, options: &SourceOptions) -> Box<dyn LineSource> {
    match format {
        Format::OpenSsh => Box::new(OpenSsh::new(options)),
        Format::AccessLog => Box::new(AccessLog::new()),
        Format::VeribusJson => Box::new(VeribusJson::new()),
    }
}
