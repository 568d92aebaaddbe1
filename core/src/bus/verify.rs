//! The verb that people remember: time a check, record how it ended, keep its trace.

use super::VerificationEventBus;

/// A verification about to run; made by [`VerificationEventBus::verify`].
#[derive(Debug)]
pub struct Verification<'a> {
    bus: &'a VerificationEventBus,
    action: &'a str,
}

impl<'a> Verification<'a> {
    pub(crate) fn new(bus: &'a VerificationEventBus, action: &'a str) -> Self {
        Verification { bus, action }
    }
}
