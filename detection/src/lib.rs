//! Detection over veribus events: Sigma rules and correlations, risk with reasons, indicator memory.
//!
//! Pure: no files, no threads, no clock of its own; the events' time drives everything, so the same code runs
//! in an application, in the collector and over an old log. [`Detector`] is the way in.

mod alert;
mod book;
mod detector;
mod engine;
mod enrich;
mod field;
mod memory;
mod rule;
mod score;
mod testing;
mod view;
mod words;

pub use alert::{Alert, AlertChange, AlertId, ChangeKind};
pub use detector::{Detector, DetectorStats, Settings};
pub use engine::{EngineLimits, EngineStats, Entity, Firing, RuleEngine, RuleStats, SigmaEngine};
pub use enrich::{Context, Enrichment, NoEnrichment};
pub use memory::{Indicator, IndicatorMemory, Seen};
pub use rule::{Code, RuleError, RuleInfo, RuleSet};
pub use score::{Band, Bands, Contribution, Weights};
pub use testing::{CaseResult, TestReport, Untested, test_rules};
pub use view::EventView;
