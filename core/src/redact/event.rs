//! The walk over an event: every text, every name, every value, whatever the nesting.

use super::{MASK, Rules};
use crate::event::limits::{DEPTH_MAX, NAME_BYTES_MAX};
use crate::event::{Attributes, EventKind, Text, Value, VerificationEvent};

/// Replaces the secrets of `event` and returns how many fields were changed.
pub(super) fn redact(rules: &Rules, event: &mut VerificationEvent) -> u64 {
    let mut walk = Walk { rules, replaced: 0 };
    walk.optional(&mut event.reason);
    if let Some(actor) = &mut event.actor {
        walk.optional(&mut actor.name);
        walk.optional(&mut actor.host);
    }
    if let Some(target) = &mut event.target {
        walk.text(&mut target.name);
        walk.optional(&mut target.kind);
    }
    walk.kind(&mut event.kind);
    walk.map(&mut event.attributes, 1);
    walk.map(&mut event.extra, 1);
    walk.replaced
}

struct Walk<'a> {
    rules: &'a Rules,
    replaced: u64,
}

impl Walk<'_> {
    #[inline]
    fn text(&mut self, text: &mut Text) {
        if let Some(masked) = self.rules.masked(text) {
            *text = masked.into();
            self.replaced += 1;
        }
    }

    fn optional(&mut self, text: &mut Option<Text>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn kind(&mut self, kind: &mut EventKind) {
        match kind {
            EventKind::Configuration(payload) => {
                let secret = |name: &Text| self.rules.keys.is_secret(name.as_bytes());
                if payload.setting.as_ref().is_some_and(secret) {
                    let values = [&mut payload.old_value, &mut payload.new_value];
                    values.into_iter().flatten().for_each(|text| self.whole_text(text));
                }
            }
            EventKind::Unknown(unknown) => self.text(&mut unknown.name),
            _ => {}
        }
        kind.text_fields_mut().for_each(|(_, text)| self.text(text));
    }

    fn map(&mut self, map: &mut Attributes, depth: usize) {
        let pairs = map.pairs_mut();
        for at in 0..pairs.len() {
            if let Some(masked) = self.rules.masked(&pairs[at].0) {
                pairs[at].0 = unused_name(masked, pairs);
                self.replaced += 1;
            }
            let (name, value) = &mut pairs[at];
            if self.rules.keys.is_secret(name.as_bytes()) {
                self.whole(value);
            } else {
                self.value(value, depth);
            }
        }
        if let Some(value) = self.value_of_secret_name(pairs) {
            self.whole(value);
        }
    }

    /// The `value` of a map in the form `{"name": "password", "value": …}`, as headers are often listed.
    fn value_of_secret_name<'p>(&self, pairs: &'p mut [(Text, Value)]) -> Option<&'p mut Value> {
        let names_secret = |(name, value): &(Text, Value)| {
            matches!(name.as_str(), "name" | "key")
                && value.as_str().is_some_and(|text| self.rules.keys.is_secret(text.as_bytes()))
        };
        if !pairs.iter().any(names_secret) {
            return None;
        }
        pairs.iter_mut().find(|(name, _)| name == "value").map(|(_, value)| value)
    }

    fn value(&mut self, value: &mut Value, depth: usize) {
        match value {
            Value::String(text) => self.text(text),
            Value::Bytes(bytes) => {
                if let Some(masked) = self.rules.masked_bytes(bytes) {
                    *bytes = masked;
                    self.replaced += 1;
                }
            }
            Value::I64(number) => self.number(number.unsigned_abs(), value),
            Value::U64(number) => self.number(*number, value),
            // No event is nested so deep; what cannot be looked at is replaced.
            Value::List(_) | Value::Map(_) if depth > DEPTH_MAX => self.whole(value),
            Value::List(values) => values.iter_mut().for_each(|value| self.value(value, depth + 1)),
            Value::Map(map) => self.map(map, depth + 1),
            Value::Bool(_) | Value::F64(_) => {}
        }
    }

    /// An integer is looked at as its digits: a card number is one in any type.
    fn number(&mut self, number: u64, value: &mut Value) {
        const SHORTEST_CARD: u64 = 1_000_000_000_000;
        if number >= SHORTEST_CARD && self.rules.masked(&number.to_string()).is_some() {
            self.whole(value);
        }
    }

    /// Replaces the whole value, but for what says nothing: a boolean, and what is empty.
    fn whole(&mut self, value: &mut Value) {
        let says_nothing = match value {
            Value::Bool(_) => true,
            Value::String(text) => text.is_empty() || *text == MASK,
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::List(values) => values.is_empty(),
            Value::Map(map) => map.is_empty(),
            _ => false,
        };
        if !says_nothing {
            *value = MASK.into();
            self.replaced += 1;
        }
    }

    fn whole_text(&mut self, text: &mut Text) {
        if !text.is_empty() && *text != MASK {
            *text = MASK.into();
            self.replaced += 1;
        }
    }
}

/// `name`, or where it is taken, `name` and a number: names stay unique and within their limit.
fn unused_name(name: String, pairs: &[(Text, Value)]) -> Text {
    let taken = |name: &str| pairs.iter().any(|(other, _)| other == name);
    let mut unused = name.clone();
    let mut number = 2_u32;
    while taken(&unused) {
        let suffix = number.to_string();
        let room = name.floor_char_boundary(NAME_BYTES_MAX.saturating_sub(suffix.len()));
        unused = format!("{}{suffix}", &name[..room]);
        number += 1;
    }
    unused.into()
}
