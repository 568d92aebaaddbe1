//! The attributes of a draft, given one by one: the first six in places of their own, the rest behind one allocation.
//!
//! The places are never indexed by a variable. A compiler that inlines a draft's building then knows which are taken,
//! keeps what they hold in registers, and nothing of this type is left in the program.

use super::name::Name;
use super::value::ValueRef;

/// Does the same with each attribute that has a place of its own; not a loop and not a closure, so that nothing of a
/// draft need be in memory.
macro_rules! for_each_place {
    ($places:expr, |$index:ident, $name:ident, $value:ident| $body:expr) => {
        for_each_place!(@ $places, $index, $name, $value, $body, 0 1 2 3 4 5);
    };
    (@ $places:expr, $index:ident, $name:ident, $value:ident, $body:expr, $($at:literal)*) => {
        $(if let Some(($name, $value)) = $places[$at] {
            let $index = $at;
            $body
        })*
    };
}

pub(crate) use for_each_place;

/// An attribute as callers give it.
pub(crate) type Pair<'a> = (Name<'a>, ValueRef<'a>);

/// See the [module](self).
#[derive(Debug, Clone)]
pub(crate) struct Given<'a> {
    count: usize,
    first: [Pair<'a>; INLINE],
    rest: Option<Box<Rest<'a>>>,
}

/// What has no place of its own.
#[derive(Debug, Clone)]
struct Rest<'a>(Vec<Pair<'a>>);

/// Attributes that cost no allocation.
pub(crate) const INLINE: usize = 6;

impl<'a> Given<'a> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Given { count: 0, first: [(Name::NONE, ValueRef::Bool(false)); INLINE], rest: None }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, name: Name<'a>, value: ValueRef<'a>) {
        match self.count {
            0 => self.first[0] = (name, value),
            1 => self.first[1] = (name, value),
            2 => self.first[2] = (name, value),
            3 => self.first[3] = (name, value),
            4 => self.first[4] = (name, value),
            5 => self.first[5] = (name, value),
            _ => self.rest = Some(Rest::with(self.rest.take(), (name, value))),
        }
        self.count += 1;
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Those that have a place of their own.
    #[inline(always)]
    pub(crate) fn places(&self) -> [Option<&Pair<'a>>; INLINE] {
        let [a, b, c, d, e, f] = &self.first;
        [
            (self.count > 0).then_some(a),
            (self.count > 1).then_some(b),
            (self.count > 2).then_some(c),
            (self.count > 3).then_some(d),
            (self.count > 4).then_some(e),
            (self.count > 5).then_some(f),
        ]
    }

    /// Those without a place of their own.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &[Pair<'a>] {
        self.rest.as_ref().map_or(&[], |rest| &rest.0)
    }

    /// All, in the order in which they were given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair<'a>> + Clone {
        self.first.iter().take(self.count).chain(self.rest())
    }
}

impl<'a> Rest<'a> {
    /// Takes and gives the box, so that no draft has to live in memory for this.
    #[cold]
    #[inline(never)]
    fn with(rest: Option<Box<Self>>, pair: Pair<'a>) -> Box<Self> {
        let mut rest = rest.unwrap_or_else(|| Box::new(Rest(Vec::with_capacity(INLINE))));
        rest.0.push(pair);
        rest
    }
}
