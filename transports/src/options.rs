//! Settings by name, the same in a URL's query and in code; a wrong name is answered with the right one.

use std::collections::BTreeMap;
use std::fmt;

use veribus_core::escape::truncated;
use veribus_core::transport::TransportError;

/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 4096;

/// Settings of a transport by name; `docs/transports.md` has the table. Values are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// No settings.
    pub fn new() -> Self {
        Options::default()
    }

    /// The same with one more; the last value of a name counts.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn merged(mut self, winners: &Options) -> Self {
        self.0.extend(winners.0.clone());
        self
    }

    /// Every name is one of `known`, and every value short enough.
    pub(crate) fn check(&self, known: &[&str]) -> Result<(), TransportError> {
        for (name, value) in &self.0 {
            if !known.contains(&name.as_str()) {
                let near = known.iter().min_by_key(|candidate| distance(name, candidate));
                let near = near.filter(|candidate| distance(name, candidate) <= 3);
                let hint = near.map_or_else(
                    || format!("known are {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(invalid(
                    &truncated(name, 40).to_string(),
                    format!("no such option here; {hint}"),
                ));
            }
            if value.is_empty() || value.len() > VALUE_BYTES_MAX {
                return Err(invalid(name, format!("a value has 1 to {VALUE_BYTES_MAX} bytes")));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

pub(crate) fn invalid(setting: &str, reason: impl Into<String>) -> TransportError {
    TransportError::Configuration { setting: setting.to_owned(), reason: reason.into() }
}

/// How many letters have to be put in, taken out or changed.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
