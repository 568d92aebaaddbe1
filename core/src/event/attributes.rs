//! Names with values, in the order given, each name once.

use super::text::Text;
use super::value::Value;

/// The open part of an event: at most 64 names with [values](Value), in the order given.
///
/// Also the map of a nested [`Value::Map`]. Look-up is linear, which beats hashing at this size.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(Vec<(Text, Value)>);

impl Attributes {
    /// No attributes; allocates nothing.
    pub const fn new() -> Self {
        Attributes(Vec::new())
    }

    /// None yet, with room for `names` of them.
    pub(crate) fn with_capacity(names: usize) -> Self {
        Attributes(Vec::with_capacity(names))
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Sets `name` to `value` and returns the value it had.
    pub fn insert(&mut self, name: impl Into<Text>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.0.push((name, value));
                None
            }
        }
    }

    /// Adds a pair that is known to be new: the caller has checked the names for duplicates.
    pub(crate) fn push_unchecked(&mut self, name: Text, value: Value) {
        self.0.push((name, value));
    }

    /// Removes `name` and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(index).1)
    }

    /// Number of names at this level.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// Names and changeable values in order.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(n, v)| (n.as_str(), v))
    }

    /// The pairs, names changeable too: who changes one keeps the names unique.
    pub(crate) fn pairs_mut(&mut self) -> &mut [(Text, Value)] {
        &mut self.0
    }
}

/// Names and values in order, owned.
impl IntoIterator for Attributes {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Later pairs win over earlier ones of the same name.
impl<N: Into<Text>, V: Into<Value>> FromIterator<(N, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut attributes = Attributes::new();
        for (name, value) in pairs {
            attributes.insert(name, value);
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once_and_keeps_its_place() {
        let mut attributes: Attributes = [("a", 1_i64), ("b", 2)].into_iter().collect();
        assert_eq!(attributes.insert("a", true), Some(Value::I64(1)));
        assert_eq!(attributes.iter().map(|(n, _)| n).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(attributes.remove("b"), Some(Value::I64(2)));
        assert_eq!(attributes.get("b"), None);
    }
}
