//! The keyword arguments of one call, borrowed: checked and handed on as a draft, before anything is copied.

use std::cell::OnceCell;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString};
use smallvec::SmallVec;
use veribus_core::event::{self, EventDraft};
use veribus_core::{
    Attributes, Draft, EventId, Family, Name, Receipt, Timestamp, ValueRef, VerificationEvent,
};

use crate::bus::PyBus;
use crate::error;
use crate::fields::{self, Build};
use crate::receipt::PyReceipt;
use crate::trace;
use crate::value::{self, text};

/// Attributes that a call can have without memory of their own.
const FLAT_MAX: usize = 8;

/// A keyword argument: not given, or given as `None`, is `None`.
pub(crate) type Argument<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// What a call says of an event.
pub(crate) struct Given<'a, 'py> {
    pub(crate) family: Family,
    pub(crate) action: &'a Bound<'py, PyAny>,
    /// In the order of [`fields::COMMON`].
    pub(crate) common: [Argument<'a, 'py>; fields::COMMON.len()],
    /// In the order of [`fields::of_family`].
    pub(crate) own: [Argument<'a, 'py>; 4],
}

/// The fields of `family`, where none of another is given.
#[inline]
pub(crate) fn own<'a, 'py>(
    family: Family,
    payloads: &[(Family, [Argument<'a, 'py>; 4])],
) -> PyResult<[Argument<'a, 'py>; 4]> {
    let mut own = [None; 4];
    for (of, values) in payloads {
        if *of == family {
            own = *values;
        } else if let Some(at) = values.iter().position(Option::is_some) {
            return Err(fields::unexpected(family, fields::of_family(*of)[at]));
        }
    }
    Ok(own)
}

/// The attributes as the caller's dict has them; its items are held while they are borrowed from.
type Items<'py> = SmallVec<[(Bound<'py, PyAny>, Bound<'py, PyAny>); FLAT_MAX]>;

/// What becomes of a draft. By reference as long as may be: a draft is half a kilobyte.
trait Use {
    type Answer;

    fn take<'a>(self, draft: impl AsRef<Draft<'a>> + Into<Draft<'a>>) -> PyResult<Self::Answer>;
}

struct Own<'py>(Python<'py>);

impl Use for Own<'_> {
    type Answer = VerificationEvent;

    fn take<'a>(self, draft: impl AsRef<Draft<'a>> + Into<Draft<'a>>) -> PyResult<VerificationEvent> {
        let made = draft.into().into_event(EventId::from_bits(0), Timestamp::default());
        made.map_err(|found| error::event(self.0, &found))
    }
}

struct Publish<'a, 'py> {
    bus: &'a PyBus,
    py: Python<'py>,
    has_trace: bool,
}

impl Use for Publish<'_, '_> {
    type Answer = PyReceipt;

    #[inline]
    fn take<'a>(self, draft: impl AsRef<Draft<'a>> + Into<Draft<'a>>) -> PyResult<PyReceipt> {
        match self.bus.hand_over(self.py, draft.as_ref(), self.has_trace) {
            Receipt::Rejected(found) => Err(error::event(self.py, &found)),
            taken_or_dropped => Ok(taken_or_dropped.into()),
        }
    }
}

impl<'py> Given<'_, 'py> {
    /// The event that this makes, checked; and whether it has a time of its own.
    pub(crate) fn event(&self) -> PyResult<(VerificationEvent, bool)> {
        let [.., time, _] = self.common;
        Ok((self.draft(Own(self.action.py()))?, time.is_some()))
    }

    /// Publishes without an event in between. What breaks a limit is raised, as where an event is built.
    pub(crate) fn publish(&self, bus: &PyBus) -> PyResult<PyReceipt> {
        let [.., trace, _, _, _] = self.common;
        self.draft(Publish { bus, py: self.action.py(), has_trace: trace.is_some() })
    }

    /// Makes the draft of this event, which is not checked yet.
    #[inline]
    fn draft<U: Use>(&self, then: U) -> PyResult<U::Answer> {
        if self.family == Family::Performance && self.own[0].is_some() != self.own[1].is_some() {
            let event = self.field_by_field()?;
            return then.take(Draft::from(&event));
        }
        let [.., given] = self.common;
        let (mut items, owned) = (Items::new(), OnceCell::new());
        let mut pairs = SmallVec::<[(Name<'_>, ValueRef<'_>); FLAT_MAX]>::new();
        if let Some(given) = given
            && !(take_flat(given, &mut items) && borrow_flat(&items, &mut pairs))
        {
            let converted = value::attributes(given)?;
            let owned = owned.get_or_init(|| converted);
            pairs.clear();
            pairs.extend(owned_pairs(owned));
        }
        let name = text(self.action, &"action")?;
        let [one, two, three, four] = self.own;
        match self.family {
            Family::Authentication => {
                let mut draft = self.common(event::authentication(name).attributes(&pairs))?;
                if let Some(value) = one {
                    draft = draft.method(text(value, &"method")?);
                }
                if let Some(value) = two {
                    draft = draft.credential(text(value, &"credential")?);
                }
                then.take(draft)
            }
            Family::Authorization => {
                let mut draft = self.common(event::authorization(name).attributes(&pairs))?;
                if let Some(value) = one {
                    draft = draft.permission(text(value, &"permission")?);
                }
                if let Some(value) = two {
                    draft = draft.policy(text(value, &"policy")?);
                }
                then.take(draft)
            }
            Family::Configuration => {
                let mut draft = self.common(event::configuration(name).attributes(&pairs))?;
                if let Some(value) = one {
                    draft = draft.setting(text(value, &"setting")?);
                }
                if let Some(value) = two {
                    draft = draft.old_value(text(value, &"old_value")?);
                }
                if let Some(value) = three {
                    draft = draft.new_value(text(value, &"new_value")?);
                }
                then.take(draft)
            }
            Family::Performance => {
                let mut draft = self.common(event::performance(name).attributes(&pairs))?;
                if let (Some(value), Some(unit)) = (one, two) {
                    draft = draft.measured(fields::number(value, &"value")? + 0.0, text(unit, &"unit")?);
                }
                if let Some(value) = three {
                    draft = draft.count(value::unsigned(value, &"count")?);
                }
                if let Some(value) = four {
                    draft = draft.errors(value::unsigned(value, &"errors")?);
                }
                then.take(draft)
            }
            _ => {
                let mut draft = self.common(event::security(name).attributes(&pairs))?;
                if let Some(value) = one {
                    draft = draft.technique(text(value, &"technique")?);
                }
                if let Some(value) = two {
                    draft = draft.rule(text(value, &"rule")?);
                }
                if let Some(value) = three {
                    draft = draft.score(fields::small(value, &"score", "0 to 100")?);
                }
                then.take(draft)
            }
        }
    }

    /// Sets what every family has, but for the attributes.
    #[inline(always)]
    fn common<'a, F>(&'a self, mut draft: EventDraft<'a, F>) -> PyResult<EventDraft<'a, F>> {
        let [
            outcome,
            severity,
            reason,
            actor,
            source_ip,
            source_port,
            source_host,
            target,
            target_kind,
            trace,
            duration,
            time,
            _,
        ] = self.common;
        if let Some(value) = outcome {
            draft = draft.outcome(fields::outcome(value)?);
        }
        if let Some(value) = severity {
            draft = draft.severity(fields::severity(value)?);
        }
        if let Some(value) = reason {
            draft = draft.reason(text(value, &"reason")?);
        }
        if let Some(value) = actor {
            draft = draft.actor(text(value, &"actor")?);
        }
        if let Some(value) = source_ip {
            draft = draft.source_ip(value::address(value, &"source_ip")?);
        }
        if let Some(value) = source_port {
            draft = draft.source_port(fields::small(value, &"source_port", "0 to 65535")?);
        }
        if let Some(value) = source_host {
            draft = draft.source_host(text(value, &"source_host")?);
        }
        if let Some(value) = target {
            draft = draft.target(text(value, &"target")?);
        }
        if let Some(value) = target_kind {
            let kind = text(value, &"target_kind")?;
            // The kind of a target is kept beside a target only.
            draft = if target.is_some() { draft.target_kind(kind) } else { draft };
        }
        if let Some(value) = trace {
            draft = draft.trace(trace::given(value)?);
        }
        if let Some(value) = duration {
            draft = draft.duration(fields::duration(value)?);
        }
        if let Some(value) = time {
            draft = draft.time(fields::time(value)?);
        }
        Ok(draft)
    }

    /// The same by the long way, for what no draft can say.
    #[cold]
    fn field_by_field(&self) -> PyResult<VerificationEvent> {
        let mut build = Build::new(fields::bare(self.family, self.action)?, false);
        let names = fields::COMMON.iter().zip(&self.common);
        for (name, value) in names.chain(fields::of_family(self.family).iter().zip(&self.own)) {
            if let Some(value) = value {
                build.set(name, value)?;
            }
        }
        build.settle();
        build.finish(self.action.py()).map(|(event, _)| event)
    }
}

/// Takes the items out of a dict of few; `false` for everything else.
fn take_flat<'py>(given: &Bound<'py, PyAny>, items: &mut Items<'py>) -> bool {
    let Ok(dict) = given.cast_exact::<PyDict>() else { return false };
    if dict.len() > FLAT_MAX {
        return false;
    }
    items.extend(dict.iter());
    true
}

/// Borrows values that hold no others; `false` where one does, or is wrong: then the long way says what is.
fn borrow_flat<'a>(items: &'a Items<'_>, pairs: &mut SmallVec<[(Name<'a>, ValueRef<'a>); FLAT_MAX]>) -> bool {
    for (name, value) in items {
        let Some(name) = exact_text(name) else { return false };
        let value = if let Some(text) = exact_text(value) {
            ValueRef::Str(text)
        } else if let Ok(flag) = value.cast::<PyBool>() {
            ValueRef::Bool(flag.is_true())
        } else if value.cast::<PyInt>().is_ok() {
            let Ok(number) = value.extract::<i64>() else { return false };
            ValueRef::I64(number)
        } else if let Ok(number) = value.cast::<PyFloat>() {
            ValueRef::F64(number.value() + 0.0)
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            ValueRef::Bytes(bytes.as_bytes())
        } else {
            return false;
        };
        pairs.push((name.into(), value));
    }
    true
}

/// The text of a plain string: of a subclass two may be the same and yet different keys.
#[inline]
fn exact_text<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    value.cast_exact::<PyString>().ok()?.to_str().ok()
}

fn owned_pairs(attributes: &Attributes) -> impl Iterator<Item = (Name<'_>, ValueRef<'_>)> {
    attributes.iter().map(|(name, value)| (name.into(), ValueRef::Value(value)))
}
