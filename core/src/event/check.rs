//! The limits of an event, checked at the edge and in one place.

use super::attributes::Attributes;
use super::draft::{Draft, Slot};
use super::error::{EventError, excerpt};
use super::kind::Family;
use super::limits::{
    ATTRIBUTES_MAX, DEPTH_MAX, EVENT_BYTES_MAX, NAME_BYTES_MAX, RESERVED_NAMES, RESERVED_PREFIX,
    TEXT_BYTES_MAX, VALUES_MAX,
};
use super::value::{Value, ValueRef};

/// Everything that [`Draft::check`] promises; answers how many bytes of text and values the event has.
pub(crate) fn check(draft: &Draft<'_>) -> Result<usize, EventError> {
    check_action(draft.action())?;
    let mut tally = Tally::default();
    for slot in Slot::ALL {
        let Some(text) = draft.text(slot) else { continue };
        tally.bytes += text.len();
        if text.len() > TEXT_BYTES_MAX {
            return Err(too_long(slot.field_name(draft.family), text.len()));
        }
    }
    if draft.measured.is_some_and(|n| !n.is_finite()) {
        return Err(EventError::NumberNotFinite { field: "value".into() });
    }
    if draft.family == Family::Security && draft.numbers[0].is_some_and(|n| n > 100) {
        return Err(EventError::NumberRange { field: "score".into(), allowed: "0 to 100" });
    }
    check_attributes(draft, &mut tally)?;
    if let Some(extra) = draft.extra {
        tally.map("extra", extra, 1)?;
    }
    if tally.bytes > EVENT_BYTES_MAX {
        return Err(EventError::TooLarge { limit: EVENT_BYTES_MAX, actual: tally.bytes });
    }
    Ok(tally.bytes)
}

/// Whether an event obviously passes [`check`] but for its attributes: the few instructions that most publishes take.
/// `false` says nothing; then [`check`] decides.
#[inline(always)]
pub(crate) fn is_plainly_valid(draft: &Draft<'_>) -> bool {
    draft.measured.is_none_or(f64::is_finite)
        && (draft.numbers[0].is_none_or(|score| score <= 100) || draft.family != Family::Security)
        && (draft.has_constant_action() || is_plain_action(draft.action().as_bytes()))
}

/// [`is_event_name`], kept out of where it is called.
#[inline(never)]
fn is_plain_action(action: &[u8]) -> bool {
    is_event_name(action)
}

/// Whether an attribute's name obviously passes [`check`]: 1 to 64 of printable ASCII, and not beginning like a
/// reserved name.
#[inline(never)]
pub(crate) fn is_plain_name(name: &[u8]) -> bool {
    matches!(name, [first, ..] if !matches!(first, b's' | b't' | b'p' | b'_') || !is_reserved_at_last(name))
        && name.len() <= 64
        && is_printable_ascii(name)
}

/// [`is_reserved`], kept out of the way of the names that cannot be.
#[cold]
#[inline(never)]
fn is_reserved_at_last(name: &[u8]) -> bool {
    is_reserved(name)
}

/// Whether every byte is 0x20 to 0x7e. Eight at a time, the last eight overlapping those before.
#[inline]
fn is_printable_ascii(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<8>().copied() {
        let chunks = text.as_chunks::<8>().0;
        return chunks.iter().fold(not_printable(last), |bad, chunk| bad | not_printable(*chunk)) == 0;
    }
    match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (Some([a, b, c, d]), Some([e, f, g, h])) => not_printable([*a, *b, *c, *d, *e, *f, *g, *h]) == 0,
        _ => text.iter().all(|b| (0x20..0x7f).contains(b)),
    }
}

/// Not zero if one of eight bytes is below 0x20 or above 0x7e.
#[inline]
fn not_printable(chunk: [u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_ne_bytes(chunk);
    // High bit per byte: set in the byte itself (≥ 0x80), borrowed below 0x20, carried above 0x7e.
    (bytes | bytes.wrapping_sub(0x20 * EACH) | bytes.wrapping_add(EACH)) & (0x80 * EACH)
}

/// Whether an attribute may not have this name.
#[inline]
pub(super) const fn is_reserved(name: &[u8]) -> bool {
    let mut reserved = starts_with(name, RESERVED_PREFIX.as_bytes());
    let mut at = 0;
    while at < RESERVED_NAMES.len() {
        let other = RESERVED_NAMES[at].as_bytes();
        reserved = reserved || (name.len() == other.len() && starts_with(name, other));
        at += 1;
    }
    reserved
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    let mut at = 0;
    while at < start.len() {
        if at >= text.len() || text[at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether this may name an event: 1 to 128 of `a-z 0-9 _ - .`, beginning with a letter or digit.
#[inline]
pub(super) const fn is_event_name(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || IN_ACTION[name[0] as usize] != 2 {
        return false;
    }
    let mut at = 1;
    while at < name.len() {
        if IN_ACTION[name[at] as usize] == 0 {
            return false;
        }
        at += 1;
    }
    true
}

/// As [`is_event_name`], with the error in words.
pub(crate) fn check_action(action: &str) -> Result<(), EventError> {
    if is_event_name(action.as_bytes()) {
        Ok(())
    } else if action.is_empty() {
        Err(EventError::TypeEmpty)
    } else {
        Err(EventError::TypeInvalid { value: excerpt(action) })
    }
}

/// For each byte: 2 where an event's name may begin with it, 1 where it may only go on with it, else 0.
const IN_ACTION: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' => 2,
            b'_' | b'-' | b'.' => 1,
            _ => 0,
        };
        byte += 1;
    }
    table
};

fn check_attributes(draft: &Draft<'_>, tally: &mut Tally) -> Result<(), EventError> {
    let count = draft.attributes.len() + draft.more.len();
    if count > ATTRIBUTES_MAX {
        return Err(EventError::TooManyFields { what: "attributes", limit: ATTRIBUTES_MAX, actual: count });
    }
    let pairs = || draft.attributes.iter().chain(draft.more.iter());
    for (index, (name, value)) in pairs().enumerate() {
        let name = name.as_str();
        check_name(name)?;
        if pairs().take(index).any(|(earlier, _)| earlier.as_str() == name) {
            return Err(EventError::FieldDuplicate { field: excerpt(name) });
        }
        tally.bytes += name.len();
        match *value {
            ValueRef::Value(value) => tally.value(name, value, 1)?,
            ValueRef::F64(n) if !n.is_finite() => {
                return Err(EventError::NumberNotFinite { field: excerpt(name) });
            }
            ValueRef::Str(text) => tally.leaf(name, text.len())?,
            ValueRef::Bytes(bytes) => tally.leaf(name, bytes.len())?,
            _ => tally.leaf(name, 8)?,
        }
    }
    Ok(())
}

/// The name of a top-level attribute: 1 to 128 bytes, no control characters, not reserved.
#[inline]
pub(crate) fn check_name(name: &str) -> Result<(), EventError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err(EventError::FieldInvalid { field: excerpt(name) });
    }
    if is_reserved(name.as_bytes()) {
        return Err(EventError::FieldReserved { field: excerpt(name) });
    }
    Ok(())
}

fn too_long(field: &str, actual: usize) -> EventError {
    EventError::TextTooLong { field: excerpt(field), limit: TEXT_BYTES_MAX, actual }
}

/// What has been seen of an event's values so far.
#[derive(Default)]
struct Tally {
    values: usize,
    bytes: usize,
}

impl Tally {
    fn leaf(&mut self, path: &str, bytes: usize) -> Result<(), EventError> {
        self.values += 1;
        self.bytes += bytes;
        if self.values > VALUES_MAX {
            return Err(EventError::TooManyFields {
                what: "attribute values",
                limit: VALUES_MAX,
                actual: self.values,
            });
        }
        if bytes > TEXT_BYTES_MAX { Err(too_long(path, bytes)) } else { Ok(()) }
    }

    fn value(&mut self, path: &str, value: &Value, depth: usize) -> Result<(), EventError> {
        if depth > DEPTH_MAX {
            return Err(EventError::TooDeep { field: excerpt(path), limit: DEPTH_MAX });
        }
        match value {
            Value::String(text) => self.leaf(path, text.len()),
            Value::Bytes(bytes) => self.leaf(path, bytes.len()),
            Value::F64(n) if !n.is_finite() => Err(EventError::NumberNotFinite { field: excerpt(path) }),
            Value::List(values) => {
                self.leaf(path, 0)?;
                values.iter().try_for_each(|value| self.value(path, value, depth + 1))
            }
            Value::Map(values) => {
                self.leaf(path, 0)?;
                self.map(path, values, depth + 1)
            }
            _ => self.leaf(path, 8),
        }
    }

    fn map(&mut self, path: &str, values: &Attributes, depth: usize) -> Result<(), EventError> {
        for (name, value) in values.iter() {
            if name.len() > NAME_BYTES_MAX {
                return Err(EventError::FieldInvalid { field: excerpt(name) });
            }
            self.bytes += name.len();
            self.value(if depth == 1 { name } else { path }, value, depth)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;
    use proptest::prelude::*;

    fn code(draft: impl AsRef<Draft<'static>>) -> &'static str {
        check(draft.as_ref()).expect_err("refused").code()
    }

    #[test]
    fn names_follow_the_stated_pattern() {
        assert_eq!(code(event::authentication("")), "EVT_TYPE_EMPTY");
        for bad in ["Log In", "a/b", "LOGIN", ".login", "lögin"] {
            assert_eq!(code(event::authentication(bad)), "EVT_TYPE_INVALID", "{bad}");
        }
        let long: &'static str = "a".repeat(300).leak();
        assert_eq!(code(event::security(long)), "EVT_TYPE_INVALID");
        assert!(check(event::authorization("0k.a-b_c").as_ref()).is_ok());
    }

    #[test]
    fn numbers_must_be_finite_and_in_range() {
        assert_eq!(code(event::performance("t").measured(f64::NAN, "s")), "EVT_NUMBER_NOT_FINITE");
        assert_eq!(code(event::security("t").attribute("x", f64::INFINITY)), "EVT_NUMBER_NOT_FINITE");
        assert_eq!(code(event::security("t").score(101)), "EVT_NUMBER_RANGE");
        assert!(check(event::performance("t").measured(-0.0, "s").as_ref()).is_ok());
    }

    #[test]
    fn attribute_names_are_unique_and_not_reserved() {
        assert_eq!(code(event::security("t").attribute("a", 1).attribute("a", 2)), "EVT_FIELD_DUPLICATE");
        for reserved in ["seq", "__proto__", "_veribus_x"] {
            assert_eq!(code(event::security("t").attribute(reserved, 1)), "EVT_FIELD_RESERVED");
        }
        assert_eq!(code(event::security("t").attribute("", 1)), "EVT_FIELD_INVALID");
        assert_eq!(code(event::security("t").attribute("a\nb", 1)), "EVT_FIELD_INVALID");
    }

    #[test]
    fn size_depth_and_number_stop_at_their_limits() {
        let long: &'static str = "x".repeat(TEXT_BYTES_MAX + 1).leak();
        assert_eq!(code(event::security("t").reason(long)), "EVT_TEXT_TOO_LONG");
        assert!(check(event::security("t").reason(&long[1..]).as_ref()).is_ok());
        let names: &'static [String] = (0..5).map(|i| format!("a{i}")).collect::<Vec<_>>().leak();
        let mut large = event::security("t");
        for name in names {
            large = large.attribute(name, &long[1..]);
        }
        assert_eq!(code(large), "EVT_TOO_LARGE");

        let nested = |levels: usize| (1..levels).fold(Value::from(1_i64), |v, _| Value::List(vec![v]));
        let (fits, deep): (&'static Value, &'static Value) =
            (Box::leak(Box::new(nested(DEPTH_MAX))), Box::leak(Box::new(nested(DEPTH_MAX + 1))));
        assert!(check(event::security("t").attribute("x", fits).as_ref()).is_ok());
        assert_eq!(code(event::security("t").attribute("x", deep)), "EVT_TOO_DEEP");

        let list = |n: usize| -> &'static Value { Box::leak(Box::new(Value::List(vec![true.into(); n]))) };
        assert!(check(event::security("t").attribute("x", list(VALUES_MAX - 1)).as_ref()).is_ok());
        assert_eq!(code(event::security("t").attribute("x", list(VALUES_MAX))), "EVT_TOO_MANY_FIELDS");

        let names: &'static [String] = (0..65).map(|i| format!("a{i}")).collect::<Vec<_>>().leak();
        let many = names.iter().fold(event::security("t"), |draft, name| draft.attribute(name, true));
        assert_eq!(code(many), "EVT_TOO_MANY_FIELDS");
    }

    proptest! {
        #[test]
        fn eight_at_a_time_says_what_one_at_a_time_says(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let plain = text.iter().all(|b| (0x20..0x7f).contains(b));
            prop_assert_eq!(is_printable_ascii(&text), plain);
            let printable: Vec<u8> = text.iter().map(|b| 0x20 + b % 0x5f).collect();
            prop_assert!(is_printable_ascii(&printable));
        }

        #[test]
        fn the_short_way_never_lets_through_what_the_full_check_refuses(
            action in "[a-zA-Z0-9._ -]{0,6}",
            names in prop::collection::vec("(seq|tenant|__proto__|_veribusx|[a-c]{0,2}|[\\x00-\\x7f]{0,10})", 0..5),
            number in prop::num::f64::ANY,
        ) {
            use crate::ring::record::Measured;
            let pairs: Vec<_> = names.iter().map(|name| (name.into(), ValueRef::F64(number))).collect();
            let at_once = crate::event::performance(&action).attributes(&pairs);
            let one_by_one = names.iter().fold(crate::event::performance(&action), |draft, name| {
                draft.attribute(name, number)
            });
            for draft in [at_once.as_ref(), one_by_one.as_ref()] {
                if Measured::plain(draft).or_else(|| Measured::thorough(draft)).is_some() {
                    prop_assert_eq!(check(draft).map(drop), Ok(()));
                }
            }
        }
    }
}
