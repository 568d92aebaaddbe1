//! Says how many bytes a draft's record takes, if the draft is an ordinary one.

use std::net::IpAddr;

use super::{ADDRESS, ENTRY, FIXED, RECORD_MAX, Stamp};
use crate::event::check::{is_plain_name, is_plainly_valid};
use crate::event::draft::Draft;
use crate::event::given::{INLINE, Pair, for_each_place};
use crate::event::limits::ATTRIBUTES_MAX;
use crate::event::{Name, Value, ValueRef};

/// Whether a place before `index` has this name.
macro_rules! is_among {
    ($places:expr, $index:expr, $name:expr) => {
        is_among!(@ $places, $index, $name, 0 1 2 3 4)
    };
    (@ $places:expr, $index:expr, $name:expr, $($at:literal)*) => {
        false $(|| ($at < $index && $places[$at].is_some_and(|(other, _)| other.as_str() == $name.as_str())))*
    };
}

/// A draft that obviously passes the check and whose record fits the inline form, with the bytes it needs.
pub(crate) struct Measured<'d, 'a> {
    draft: &'d Draft<'a>,
    len: usize,
}

/// Bytes counted in 64 bits, which no number of texts in memory exceeds: a sum that wraps would be a short room.
type Bytes = u64;

impl<'d, 'a> Measured<'d, 'a> {
    /// Measures an ordinary draft. `None` says nothing: then ask [`Measured::thorough`].
    ///
    /// Inlined into whoever publishes, and passes on no reference to the draft: what the compiler knows of a draft put
    /// together there is not asked again, and the draft need not be in memory.
    #[inline(always)]
    pub(crate) fn plain(draft: &'d Draft<'a>) -> Option<Self> {
        let mut len = front_len(draft);
        let places = draft.more.places();
        for_each_place!(places, |index, name, value| {
            len += plain_attribute_len(name, value)?;
            if is_among!(places, index, name) {
                return None;
            }
        });
        if !draft.attributes.is_empty() {
            len += plain_slice_len(draft.attributes)?;
        }
        let one_way = draft.more.len() <= if draft.attributes.is_empty() { INLINE } else { 0 };
        let fits = one_way && len < LEN_MAX && draft.extra.is_none() && is_plainly_valid(draft);
        fits.then_some(Measured { draft, len: len as usize })
    }

    /// Measures any draft. `None` if it does not obviously pass the check, or has to take the side queue: the long way
    /// tells the two apart.
    pub(crate) fn thorough(draft: &'d Draft<'a>) -> Option<Self> {
        let pairs = || draft.attributes.iter().chain(draft.more.iter());
        if draft.attributes.len() + draft.more.len() > ATTRIBUTES_MAX {
            return None;
        }
        let mut len = front_len(draft);
        for (index, (name, value)) in pairs().enumerate() {
            len += plain_attribute_len(name, value)?;
            if pairs().take(index).any(|(earlier, _)| earlier.as_str() == name.as_str()) {
                return None;
            }
        }
        let fits = len < LEN_MAX && draft.extra.is_none();
        (fits && is_plainly_valid(draft)).then_some(Measured { draft, len: len as usize })
    }

    /// What was measured.
    #[inline(always)]
    pub(crate) fn draft(&self) -> &'d Draft<'a> {
        self.draft
    }

    /// Bytes that [`encode`] needs with this stamp.
    #[inline(always)]
    pub(crate) fn len(&self, stamp: &Stamp) -> usize {
        let trace = if stamp.trace.is_some() && !self.draft.has_trace() { TRACE } else { 0 };
        let time = if stamp.time.is_some() && self.draft.time.is_none() { WORD } else { 0 };
        self.len + trace + time
    }
}

pub(super) const WORD: usize = size_of::<u64>();
/// Bytes of a trace: two ids and the flags.
const TRACE: usize = 25;
/// Bytes of an address of either kind, so that what follows has one place.
pub(super) const IP: usize = 16;
/// Most bytes that a stamp adds.
const STAMPED_MAX: usize = TRACE + WORD;
/// A record without its stamp's part is shorter than this.
const LEN_MAX: Bytes = (RECORD_MAX - STAMPED_MAX) as Bytes;

/// Bytes of a record but for what its stamp adds and its attributes.
#[inline(always)]
fn front_len(draft: &Draft<'_>) -> Bytes {
    let present = |given: bool, bytes: usize| if given { bytes } else { 0 };
    let (texts, _) = draft.texts();
    let action = present(draft.has_constant_action(), ADDRESS);
    let action_text = present(draft.has_constant_action(), draft.action().len()) as Bytes;
    let numbers = FIXED
        + present(draft.has_trace(), TRACE)
        + present(draft.duration.is_some(), WORD + 4)
        + present(draft.time.is_some(), WORD)
        + present(draft.ip.is_some(), IP)
        + present(draft.port.is_some(), 2)
        + present(draft.measured.is_some(), WORD)
        + present(draft.numbers[0].is_some(), WORD)
        + present(draft.numbers[1].is_some(), WORD)
        + action
        + 2 * texts.count_ones() as usize;
    numbers as Bytes + (draft.text_bytes() - action_text)
}

/// Bytes of attributes given by reference, if all obviously pass the check.
#[inline(never)]
fn plain_slice_len(pairs: &[Pair<'_>]) -> Option<Bytes> {
    if pairs.len() > ATTRIBUTES_MAX {
        return None;
    }
    let mut len = 0;
    let mut seen = Seen::default();
    for (name, value) in pairs {
        len += plain_attribute_len(name, value)?;
        if !seen.first_of_its_length(name) && !is_given_once(pairs, name) {
            return None;
        }
    }
    Some(len)
}

/// Bytes of an attribute, if it obviously passes the check but for a name given twice.
#[inline(always)]
fn plain_attribute_len(name: &Name<'_>, value: &ValueRef<'_>) -> Option<Bytes> {
    let name_bytes = if name.is_constant() {
        0
    } else if is_plain_name(name.as_str().as_bytes()) {
        name.as_str().len()
    } else {
        return None;
    };
    Some((ENTRY + name_bytes) as Bytes + value_len(plain_value(*value)?)? as Bytes)
}

/// Which lengths of names have been seen, modulo 64: two equal names have one.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    #[inline(always)]
    fn first_of_its_length(&mut self, name: &Name<'_>) -> bool {
        let bit = 1 << (name.as_str().len() % 64);
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first
    }
}

/// Whether one attribute alone has this name.
#[cold]
#[inline(never)]
fn is_given_once(pairs: &[Pair<'_>], name: &Name<'_>) -> bool {
    pairs.iter().filter(|(other, _)| other.as_str() == name.as_str()).count() == 1
}

/// The value, an owned one as if it had been given borrowed; `None` if it is nested.
#[inline(always)]
pub(super) fn plain_value(value: ValueRef<'_>) -> Option<ValueRef<'_>> {
    if let ValueRef::Value(owned) = value { borrowed(owned) } else { Some(value) }
}

/// Bytes of a [`plain_value`]; `None` if it is not finite.
#[inline(always)]
fn value_len(value: ValueRef<'_>) -> Option<usize> {
    match value {
        ValueRef::Str(v) => Some(v.len()),
        ValueRef::Bytes(v) => Some(v.len()),
        ValueRef::F64(n) => n.is_finite().then_some(8),
        ValueRef::Bool(_) => Some(0),
        ValueRef::I64(_) | ValueRef::U64(_) => Some(8),
        ValueRef::Ip(IpAddr::V4(_)) => Some(4),
        ValueRef::Ip(IpAddr::V6(_)) => Some(16),
        ValueRef::Value(_) => None,
    }
}

#[inline(never)]
fn borrowed(value: &Value) -> Option<ValueRef<'_>> {
    Some(match value {
        Value::Bool(v) => ValueRef::Bool(*v),
        Value::I64(v) => ValueRef::I64(*v),
        Value::U64(v) => ValueRef::U64(*v),
        Value::F64(v) => ValueRef::F64(*v),
        Value::String(v) => ValueRef::Str(v),
        Value::Bytes(v) => ValueRef::Bytes(v),
        Value::List(_) | Value::Map(_) => return None,
    })
}
