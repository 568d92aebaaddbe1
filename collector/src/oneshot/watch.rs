//! The handler that detects: every event through the rules, alerts and indicators kept until asked for.

use std::sync::Arc;

use veribus_core::{EventHandler, HandlerError, VerificationEvent};
use veribus_detection::{Detector, RuleSet, Settings};

/// Runs events through a [`Detector`].
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) detector: Detector,
}

impl Watch {
    pub(super) fn new(rules: RuleSet) -> Self {
        Watch { detector: Detector::new(rules, Settings::default()) }
    }
}

impl EventHandler for Watch {
    fn name(&self) -> &str {
        "detection"
    }

    fn handle(&mut self, batch: &[Arc<VerificationEvent>]) -> Result<(), HandlerError> {
        for event in batch {
            // A log says in each event which service it is about; there is no sender beside it.
            self.detector.observe(event, None);
        }
        Ok(())
    }
}
