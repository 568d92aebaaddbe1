//! The gravest alert of every address, host and user: who comes first on the page, and with which number.

use std::cmp::Reverse;
use std::collections::HashMap;

use veribus_detection::{Alert, Indicator};

/// The highest risk by kind and value. An indicator itself remembers its last alert only.
pub(super) struct HighestRisk<'a>(HashMap<(&'a str, &'a str), u8>);

impl<'a> HighestRisk<'a> {
    pub(super) fn of_all(alerts: &'a [Alert]) -> Self {
        let mut highest = HashMap::new();
        for alert in alerts {
            let risk: &mut u8 = highest.entry((&*alert.entity.kind, &*alert.entity.value)).or_default();
            *risk = (*risk).max(alert.risk);
        }
        HighestRisk(highest)
    }

    /// The highest risk of an alert on `indicator`, 0 if there was none.
    pub(super) fn of(&self, indicator: &Indicator) -> u8 {
        let alerted = self.0.get(&(indicator.kind, indicator.value.as_str())).copied();
        alerted.unwrap_or(0).max(indicator.last_score)
    }

    /// Highest risk first; what is equal keeps its order.
    pub(super) fn sort(&self, indicators: &mut [Indicator]) {
        indicators.sort_by_key(|indicator| Reverse(self.of(indicator)));
    }
}
